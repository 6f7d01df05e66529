"""A laser scan seen by a camera (KITTI's formats)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import read_bytes
from depthbench.pinhole import Matrix

MAX_SCAN = 1 << 26  # bytes: four million points; a turn of KITTI's scanner has 130,000
_MAX_CALIBRATION = 1 << 20  # bytes; KITTI's have 4,000


class Calibration(NamedTuple):
    """``projection (3, 4)`` from the scanner's coordinates to pixels; ``intrinsics (3, 3)``; as published."""

    projection: Matrix
    intrinsics: Matrix


def project_velodyne(points: NDArray[np.float32], projection: Matrix, size: Size) -> NDArray[np.float32]:
    """Depth along the optical axis of the nearest point in each pixel; 0 where there is none.

    As monodepth2, so that numbers compare: points behind the scanner are dropped, pixel coordinates are rounded, then
    lessened by one.

    Args:
        points: ``(N, 4)``: x forward, y left, z up in metres, reflectance.
        projection: ``(3, 4)``.
        size: (height, width) of the picture.
    """
    front = points[points[:, 0] >= 0, :3].astype(np.float64)
    u, v, z = projection[:, :3] @ front.T + projection[:, 3:]
    ahead = z > 0
    z = z[ahead]
    columns, rows = (np.round(axis[ahead] / z) - 1 for axis in (u, v))
    seen = (columns >= 0) & (rows >= 0) & (columns < size[1]) & (rows < size[0])
    order = np.argsort(-z[seen], kind="stable")  # far to near: the nearest is written last
    depth = np.zeros(size, np.float32)
    depth[rows[seen][order].astype(int), columns[seen][order].astype(int)] = z[seen][order]
    return depth


def read_scan(path: Path) -> NDArray[np.float32]:
    """A ``.bin`` of float32 x, y, z, reflectance as ``(N, 4)``.

    Raises:
        UserError: if it is missing, truncated, or holds impossible coordinates.
    """
    data = read_bytes(path, MAX_SCAN)
    if not data or len(data) % 16:
        raise UserError(f"{path} is not a whole number of points (16 bytes each); download it again.")
    points = np.frombuffer(data, "<f4").reshape(-1, 4)
    if not (np.abs(points) < 1000).all():
        raise UserError(f"{path} has impossible coordinates; download it again.")
    return points


def read_calibration(folder: Path, camera: int = 2) -> Calibration:
    """Read ``calib_cam_to_cam.txt`` and ``calib_velo_to_cam.txt``.

    Raises:
        UserError: if a file is missing, damaged or lacks an entry.
    """
    cameras, scanner = (_entries(folder / f"calib_{name}.txt") for name in ("cam_to_cam", "velo_to_cam"))
    try:
        rectified = cameras[f"P_rect_{camera:02d}"].reshape(3, 4)
        rotation, move = np.eye(4), np.eye(4)
        rotation[:3, :3] = cameras["R_rect_00"].reshape(3, 3)
        move[:3] = np.column_stack([scanner["R"].reshape(3, 3), scanner["T"]])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{folder} has calib_*.txt without the needed entries ({reason_of(error, folder)}); download them again."
        ) from error
    return Calibration(rectified @ rotation @ move, rectified[:, :3])


def _entries(path: Path) -> dict[str, Matrix]:
    found = {}
    for line in read_bytes(path, _MAX_CALIBRATION).decode("ascii", "replace").splitlines():
        key, _, values = line.partition(":")
        try:
            found[key.strip()] = np.array(values.split(), dtype=np.float64)
        except ValueError:
            continue  # dates and other words
    return found
