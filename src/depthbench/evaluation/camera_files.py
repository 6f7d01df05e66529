"""Predicted cameras in files of their own: three by three numbers, four, or a field of view."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.errors import UserError
from depthbench.evaluation.map_files import load_numpy
from depthbench.evaluation.predicted_cameras import camera_beside
from depthbench.input_files import parse_json, read_bytes

CAMERA_FILES = (".txt", ".json", ".npy")
_MOST = 1 << 16  # bytes
_FORMS = "(3, 3) numbers, or fx fy cx cy; json also 'intrinsics' or 'K', or 'fov_x' in degrees"


def read_predicted_camera(path: Path) -> Any:
    """The numbers of a file, ``(3, 3)`` or ``(4,)``, in pixels of the predicted map or in its widths and heights.

    Raises:
        UserError: if it is damaged, or of another form.
    """
    if path.suffix.lower() == ".npy":
        return load_numpy(path, None, mapped=False)[0]
    data = read_bytes(path, _MOST)
    try:
        if path.suffix.lower() == ".json":
            return _of_json(parse_json(data))
        rows = [float(word) for word in data.decode("utf-8-sig").replace(",", " ").split()]
        return np.reshape(rows, (3, 3)) if len(rows) == 9 else np.array(rows)
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{path} holds no camera that is read; write {_FORMS}.") from None


def _of_json(content: Any) -> Any:
    if not isinstance(content, Mapping):
        return np.array(content, np.float64)
    found = camera_beside(content)
    if found is not None:
        return np.array(found, np.float64)
    if "fov_x" in content:  # as MoGe writes it: of a camera whose axis meets the center
        wide, high = (math.radians(float(content.get(key, content["fov_x"]))) for key in ("fov_x", "fov_y"))
        if not (0 < wide < math.pi and 0 < high < math.pi):
            raise ValueError("a field of view lies between 0 and 180 degrees")
        return np.array([0.5 / math.tan(wide / 2), 0.5 / math.tan(high / 2), 0.5, 0.5])
    return np.array([content[key] for key in ("fx", "fy", "cx", "cy")], np.float64)
