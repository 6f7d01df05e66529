"""The Kinect of NYUv2: from the records of its two cameras to a picture and its depth, as in the official toolbox.

The steps and constants come from ``project_depth_map.m`` and ``camera_params.m`` (NYU Depth V2 toolbox), with its
peculiarities, because published data were made by it: pixels are counted from 1 where rays meet pixels but from 0
where the lens is undone; depth is measured from the depth camera, though seen from the color camera.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

HEIGHT, WIDTH = 480, 640
NO_READING = 2047  # of 11 bits
FARTHEST = 10.0  # metres
VALID = (44, 471, 40, 601)  # top, bottom, left, right of the region that the depth camera sees: 427 x 561

Array = NDArray[np.float64]


class KinectCamera(NamedTuple):
    """Focal lengths and center in pixels, and the lens (k1, k2, p1, p2, k3) of Brown's model."""

    fx: float
    fy: float
    cx: float
    cy: float
    lens: tuple[float, float, float, float, float]


COLOR = KinectCamera(
    518.85790117450188,
    519.46961112127485,
    325.58244941119034,
    253.73616633400465,
    (0.20796615318809061, -0.58613825163911781, 7.2231363135888329e-04, 1.0479627195765181e-03, 0.49856986684705107),
)
DEPTH = KinectCamera(
    582.62448167737955,
    582.69103270988637,
    313.04475870804731,
    238.44389626620386,
    (-0.099897236553084481, 0.39065324602765344, 1.9290592870229277e-03, -1.9422022475975055e-03, -0.51031725053400578),
)
# From the depth camera to the color camera: ROTATION @ point - SHIFT. The order of SHIFT (x, z, y) is the toolbox's.
ROTATION = np.linalg.inv(
    [
        [0.99997798940829263, 0.0050518419386157446, 0.0043011152014118693],
        [-0.0050359919480810989, 0.99998051861143999, -0.0036879781309514218],
        [-0.0043196624923060242, 0.0036662365748484798, 0.99998394948385538],
    ]
)
SHIFT = np.array([0.025031875059141302, -0.00029342312935846411, 0.00066238747008330102])


def undistort_color(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(480, 640, 3)`` without the lens, bilinear; white where the camera saw nothing."""
    resample, inside = undistortion(COLOR)
    flat = resample @ rgb.reshape(-1, 3).astype(np.float64)
    flat[~inside] = 255
    return np.asarray(round_half_up(flat), np.uint8).reshape(rgb.shape)


def register_depth(raw: NDArray[np.uint16]) -> Array:
    """Depth in the view of :func:`undistort_color`.

    Args:
        raw: ``(480, 640)`` disparities of 11 bits, 2047 = no reading.

    Returns:
        ``(480, 640)`` float64 metres, 0 = missing, at most 10; of several surfaces behind a pixel the nearest.
    """
    z = metres(undistort_disparity(raw)).reshape(-1)
    seen = np.flatnonzero(z)
    z = z[seen]
    x, y, w = (axis[seen] * z - shift for axis, shift in zip(rays(), SHIFT, strict=True))
    column = round_half_up(COLOR.fx * x / w + COLOR.cx) - 1  # the first pixel is 1 here
    row = round_half_up(COLOR.fy * y / w + COLOR.cy) - 1
    # The toolbox leaves the last row and column empty.
    inside = (column >= 0) & (row >= 0) & (column < WIDTH - 1) & (row < HEIGHT - 1)
    nearest = np.full(HEIGHT * WIDTH, np.inf)
    np.minimum.at(nearest, (row[inside] * WIDTH + column[inside]).astype(np.intp), z[inside])
    return np.where(np.isinf(nearest), 0, nearest).reshape(raw.shape)


def undistort_disparity(raw: NDArray[np.uint16]) -> Array:
    """Disparities without the lens; 2047 where a missing reading, or nothing, would be mixed in."""
    resample, inside = undistortion(DEPTH)
    missing = (resample @ (raw.reshape(-1) == NO_READING).astype(np.float64) > 0) | ~inside
    # The toolbox weighs the pixels of the distorted image by the mask of the undistorted one.
    weight = (~missing).astype(np.float64)
    total = resample @ weight
    mixed: Array = resample @ (weight * raw.reshape(-1)) / np.where(total > 0, total, 1)
    mixed[missing | (mixed < 600)] = NO_READING
    return mixed.reshape(raw.shape)


def metres(disparity: Array) -> Array:
    """351.3 / (1092.5 - disparity), at most 10; 0 where that has no meaning (``depth_rel2depth_abs.m``)."""
    gap = 1092.5 - disparity
    return np.where(gap > 0, np.minimum(351.3 / np.where(gap > 0, gap, 1), FARTHEST), 0)


def round_half_up(values: Array) -> Array:
    """Round numbers from 0 on like MATLAB; numpy rounds halves to even."""
    return np.floor(values + 0.5)


@lru_cache(maxsize=1)
def rays() -> Array:
    """``(3, 307200)``: where a point at depth 1 of each pixel of the depth camera lies, turned to the color camera."""
    row, column = np.mgrid[1 : HEIGHT + 1, 1 : WIDTH + 1].reshape(2, -1)
    x, y = (column - DEPTH.cx) / DEPTH.fx, (row - DEPTH.cy) / DEPTH.fy
    return np.asarray(ROTATION @ np.stack([x, y, np.ones_like(x)]))


@lru_cache(maxsize=2)
def undistortion(camera: KinectCamera) -> tuple[scipy.sparse.csr_array, NDArray[np.bool_]]:
    """Bilinear resampling as a sparse matrix from distorted to undistorted pixels, and where its rows are not empty."""
    row, column = np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1)
    x, y = distort((column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, camera)
    u, v = camera.fx * x + camera.cx, camera.fy * y + camera.cy
    left, top = np.floor(u), np.floor(v)
    inside = (left >= 0) & (top >= 0) & (left <= WIDTH - 2) & (top <= HEIGHT - 2)
    right, low = (u - left)[inside], (v - top)[inside]
    weights = np.stack([(1 - low) * (1 - right), (1 - low) * right, low * (1 - right), low * right], axis=1)
    corner = (top * WIDTH + left)[inside].astype(np.int32)
    columns = corner[:, None] + np.array([0, 1, WIDTH, WIDTH + 1], np.int32)
    ends = np.concatenate([[0], np.cumsum(4 * inside)]).astype(np.int32)
    matrix = scipy.sparse.csr_array((weights.ravel(), columns.ravel(), ends), shape=(u.size, u.size))
    return matrix, inside


def distort(x: Array, y: Array, camera: KinectCamera) -> tuple[Array, Array]:
    """Brown's lens model on normalized coordinates."""
    k1, k2, p1, p2, k3 = camera.lens
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2),
        y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y,
    )
