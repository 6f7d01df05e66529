"""The test frames that a run keeps, ``panels.npz``, read without torch."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError, reason_of
from depthbench.input_files import NumpyFile

PANELS = "panels.npz"
Array = NDArray[Any]


@dataclass(frozen=True)
class KeptPanels:
    """A few fixed test frames: ``image (N, h, w, 3)`` uint8, ``truth`` and ``prediction (N, h, w)`` in metres.

    ``intrinsics (N, 3, 3)`` are in pixels of the image; None where the data set does not know its camera.
    """

    name: tuple[str, ...]
    image: Array
    truth: Array
    prediction: Array
    intrinsics: Array | None = None


def read_panels(path: Path) -> KeptPanels | None:
    """The frames of a file; None where it is missing.

    Raises:
        UserError: if it can't be read, or its arrays don't fit together.
    """
    found = read_arrays(path, "panels")
    if found is None:
        return None
    if lacking := {"name", "image", "truth", "prediction"} - set(found):
        raise UserError(f"{path} lacks {', '.join(sorted(lacking))}; delete it to leave it out.")
    camera, count = found.get("intrinsics"), found["image"].shape[:1]
    maps = found["image"].shape[:3]
    fits = found["image"].shape == (*maps, 3) and len(maps) == 3 and found["name"].shape == count
    fits &= found["truth"].shape == found["prediction"].shape == maps
    fits &= camera is None or camera.shape == (*count, 3, 3)
    if not fits or any(found[key].dtype.kind not in "fiu" for key in ("image", "truth", "prediction")):
        raise UserError(f"{path} holds pictures and maps that don't fit together; delete it to leave it out.")
    depth = {key: found[key].astype(np.float32) for key in ("truth", "prediction")}
    return KeptPanels(tuple(map(str, found["name"])), found["image"].astype(np.uint8), **depth, intrinsics=camera)


def read_arrays(path: Path, what: str) -> dict[str, Array] | None:
    """The arrays of an ``.npz`` file, or None where it is missing.

    Raises:
        UserError: if it can't be read.
    """
    if not os.path.lexists(path):
        return None
    try:
        with NumpyFile(path) as file:
            return {name: file.read(name) for name in file.names}
    except UserError as error:
        raise UserError(
            f"{path} is not a readable file of {what} ({reason_of(error, path)}); delete it to leave it out."
        ) from error


def relative_error(prediction: Array, truth: Array) -> NDArray[np.float32]:
    """The signed error ``(prediction - truth) / truth``, of any shape; NaN where one of both is missing.

    Example:
        >>> import numpy as np
        >>> from depthbench.runs.panels import relative_error
        >>> relative_error(np.array([2.5, np.inf, 1.0]), np.array([2.0, 1.0, 0.0])).tolist()
        [0.25, nan, nan]
    """
    valid = (truth > 0) & np.isfinite(prediction)
    error = np.where(valid, prediction - truth, np.nan) / np.where(valid, truth, 1)
    return np.asarray(error, np.float32)


def mean_error(error: Array) -> float:
    """AbsRel of the pixels of :func:`relative_error`; NaN where there is none."""
    known = np.isfinite(error)
    return float(np.abs(error[known]).mean()) if known.any() else float("nan")
