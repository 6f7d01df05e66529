"""MPI Sintel's files of depth and of the camera (its ``sdk``: ``sintel_io.py``)."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.poses import checked_pose
from depthbench.errors import UserError
from depthbench.input_files import check_pixels, read_bytes
from depthbench.pinhole import Matrix

_TAG = struct.pack("<f", 202021.25)  # reads "PIEH"
_MOST = 1 << 28  # bytes: 67 megapixels
_CAMERA = 4 + 9 * 8 + 12 * 8  # tag, intrinsics, extrinsics


def read_dpt(path: Path) -> NDArray[np.float32]:
    """Depth ``(H, W)`` of a ``.dpt``: a tag, int32 width and height, float32 rows.

    Raises:
        UserError: if the tag is another one, or bytes are missing or too many.
    """
    data = read_bytes(path, _MOST + 12)
    if len(data) < 12 or data[:4] != _TAG:
        raise UserError(f"{path} begins with {data[:4]!r}, but a .dpt of Sintel with {_TAG!r}; download it again.")
    width, height = struct.unpack_from("<ii", data, 4)
    check_pixels(height, width, path)
    if len(data) != 12 + 4 * width * height:
        raise UserError(
            f"{path} claims {width}x{height} pixels, {4 * width * height:,} bytes, and {len(data) - 12:,} are there; "
            "download it again."
        )
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width).astype(np.float32)


def read_cam(path: Path) -> Matrix:
    """Intrinsics ``(3, 3)`` of a ``.cam``: a tag, nine doubles of intrinsics, twelve of extrinsics.

    Raises:
        UserError: if it is another file, or holds no intrinsics.
    """
    matrix = np.frombuffer(_camera(path), "<f8", 9, 4).reshape(3, 3).astype(np.float64)
    if not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0 or list(matrix[2]) != [0, 0, 1]:
        raise UserError(f"{path} holds no intrinsics: {matrix.tolist()}; download it again.")
    return matrix


def read_cam_pose(path: Path) -> Matrix:
    """Pose ``(4, 4)`` of a ``.cam``, camera to world; its extrinsics lead from the world to the camera.

    Raises:
        UserError: if it is another file, or holds no pose.
    """
    extrinsics = np.vstack([np.frombuffer(_camera(path), "<f8", 12, 4 + 9 * 8).reshape(3, 4), [0, 0, 0, 1]])
    pose: Matrix = np.linalg.inv(checked_pose(extrinsics, path)).astype(np.float64)
    return pose


def _camera(path: Path) -> bytes:
    data = read_bytes(path, _CAMERA)
    if len(data) != _CAMERA or data[:4] != _TAG:
        raise UserError(
            f"{path} has {len(data)} bytes and begins with {data[:4]!r}, but a .cam of Sintel has {_CAMERA} and begins "
            f"with {_TAG!r}; download it again."
        )
    return data
