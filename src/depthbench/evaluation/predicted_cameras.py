"""Cameras that come with predictions: as an array beside the map, or as the camera that sees predicted points.

They are normalized here: in widths and heights of the picture, so that no size matters.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.pinhole import Matrix

CAMERA_KEYS = ("intrinsics", "intr", "K")
"""Names of the array in ``.npz`` files and dicts."""


def normalized_camera(values: Any, size: tuple[int, int], where: str) -> Matrix:
    """Intrinsics ``(3, 3)`` in widths and heights of the picture.

    A camera whose principal point is less than one from the corner is normalized already: in pixels it would look past
    its picture.

    Args:
        values: ``(3, 3)``, or ``(4,)``: fx, fy, cx, cy; in pixels of the predicted map, or normalized.
        size: height and width of the map.
        where: names the prediction in errors.

    Raises:
        UserError: if it is not a camera.

    Example:
        >>> normalized_camera([320, 320, 319.5, 239.5], (480, 640), "a.npz")[0, 0].item()
        0.5
        >>> normalized_camera([0.5, 0.6, 0.5, 0.5], (480, 640), "a.npz")[0, 0].item()
        0.5
    """
    found = np.squeeze(np.asarray(values))
    numbers = found.astype(np.float64) if found.dtype.kind in "fiu" else np.zeros(0)
    matrix = numbers
    if numbers.shape == (4,):
        fx, fy, cx, cy = numbers
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise UserError(
            f"The intrinsics of {where} are not a camera: {np.round(numbers, 3).tolist()}; give (3, 3), or fx, fy, "
            "cx, cy."
        )
    if 0 < matrix[0, 2] < 1 and 0 < matrix[1, 2] < 1:
        return matrix
    edge = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # pixel centers are at integers
    shares: Matrix = (matrix + edge) / np.array([[size[1]], [size[0]], [1.0]])
    return shares


def camera_of_points(points: NDArray[Any], where: str) -> Matrix:
    """The normalized camera that sees points ``(H, W, 3)``, by least squares of columns on x/z and of rows on y/z.

    Args:
        points: x to the right, y down, z forward, at any scale; ``(3, H, W)`` is read, too.
        where: names the prediction in errors.

    Raises:
        UserError: if they lie in no pinhole's directions.
    """
    points = points if points.shape[-1] == 3 else np.moveaxis(points, 0, -1)
    height, width = points.shape[:2]
    x, y, z = np.moveaxis(points.astype(np.float64), -1, 0)
    seen = np.isfinite(points).all(-1) & (z > 0)
    rows, columns = np.nonzero(seen)
    found = np.eye(3)
    for axis, (values, places, side) in enumerate(((x, columns, width), (y, rows, height))):
        slopes = values[seen] / z[seen]
        spread = np.var(slopes) if len(slopes) else 0.0
        focal = np.mean((slopes - slopes.mean()) * (places - places.mean())) / spread if spread > 0 else np.nan
        if not focal > 0:
            raise UserError(f"The points of {where} fit no camera: x must rise to the right, and y downwards.")
        center = places.mean() - focal * slopes.mean()
        found[axis, axis], found[axis, 2] = focal / side, (center + 0.5) / side
    return found


def camera_beside(found: Mapping[str, Any]) -> Any:
    """The array of a camera among arrays by name; None where there is none."""
    return next((found[key] for key in CAMERA_KEYS if key in found), None)
