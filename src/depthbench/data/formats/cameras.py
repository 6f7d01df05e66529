"""Intrinsics from files, in pixels of the picture: four numbers, a matrix, or JSON."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.errors import UserError
from depthbench.input_files import parse_json, read_bytes
from depthbench.pinhole import Matrix, camera_matrix

CAMERA_SUFFIXES = (".txt", ".json")
_FORMS = "fx fy cx cy, a 3x3 or 4x4 matrix, or JSON with fx, fy, cx, cy or one of K, camera_matrix, intrinsic_matrix"
_MOST = 1 << 16  # bytes
_MATRICES = ("k", "camera_matrix", "intrinsic_matrix", "intrinsics", "intrinsic", "cam_k")
_CENTERS = (("cx", "cy"), ("ppx", "ppy"))  # the second of RealSense


def read_camera(path: Path) -> Matrix:
    """The ``(3, 3)`` matrix that a txt or json file holds.

    Raises:
        UserError: if it is no such file, or holds no intrinsics in pixels.
    """
    data = read_bytes(path, _MOST)
    try:
        text = data.decode("utf-8-sig")
        return _from_json(parse_json(text.encode())) if path.suffix.lower() == ".json" else parse_camera(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path} holds no intrinsics that are read ({reason}); write {_FORMS}.") from None


def parse_camera(text: str) -> Matrix:
    """The matrix of a text of four, nine or sixteen numbers.

    Raises:
        ValueError: if it is another text.
    """
    words = [word for word in re.split(r"[\s,;\[\]()]+", text) if word]
    return _matrix([float(word) for word in words])


def _from_json(content: Any) -> Matrix:
    if isinstance(content, list):
        return _matrix(_flat(content))
    if not isinstance(content, dict):
        raise ValueError("it is neither a list nor an object")
    known = {str(key).lower(): value for key, value in content.items()}
    for center in _CENTERS:
        if all(key in known for key in ("fx", "fy", *center)):
            return _matrix([float(known[key]) for key in ("fx", "fy", *center)])
    for key in _MATRICES:
        if key in known:
            inner = known[key]
            return _from_json(inner) if isinstance(inner, Mapping) else _matrix(_flat(inner))
    raise ValueError(f"it has the keys {', '.join(list(known)[:6]) or 'of nothing'}")


def _flat(content: Any) -> list[float]:
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [number for item in content for number in _flat(item)]
    return [float(content)]


def _matrix(numbers: Sequence[float]) -> Matrix:
    if len(numbers) == 4:
        return _checked(*numbers)
    if len(numbers) not in (9, 16):
        raise ValueError(f"{len(numbers)} numbers")
    side = 3 if len(numbers) == 9 else 4
    matrix = np.array(numbers, np.float64).reshape(side, side)
    if matrix[2, :2].any() and not matrix[:2, 2].any():
        matrix = matrix.T  # by columns, as Open3D writes it
    if not np.isfinite(matrix).all() or matrix[2, 0] or matrix[2, 1] or matrix[2, 2] != 1:
        raise ValueError("the third row is not 0 0 1")
    if matrix[0, 1] or matrix[1, 0]:
        raise ValueError("its pixels are skewed")
    return _checked(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])


def _checked(fx: float, fy: float, cx: float, cy: float) -> Matrix:
    if not np.isfinite([fx, fy, cx, cy]).all() or fx <= 0 or fy <= 0:
        raise ValueError(f"the focal lengths are {fx:g} and {fy:g}")
    return camera_matrix([float(fx), float(fy), float(cx), float(cy)])
