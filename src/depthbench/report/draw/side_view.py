"""A depth map seen from the side: its points in space, drawn from a camera that has stepped away."""

import numpy as np
from numpy.typing import NDArray

from depthbench.pinhole import assumed_camera, points_at

YAW, PITCH = np.radians(28), np.radians(14)  # the camera goes to the right and up, and looks back
BACK = 0.25  # and backs off by this share of the scene's depth
Pixels = NDArray[np.uint8]
DepthMap = NDArray[np.float32]


def side_view(depth: DepthMap, image: Pixels, intrinsics: NDArray[np.floating] | None, pivot: float) -> Pixels:
    """The points of a depth map ``(h, w)`` in the colors of its image, from a turned camera: ``(h, w, 3)``.

    The camera turns about the point on its axis at ``pivot`` metres, which should be the same for all maps of a frame.
    Nearer points hide farther ones; where nothing is, the picture is white. Missing depth (0, NaN) is left out.
    """
    height, width = depth.shape
    camera = assumed_camera(height, width) if intrinsics is None else np.asarray(intrinsics, np.float64)
    rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
    pixels = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    points = points_at(np.linalg.inv(camera), pixels, depth[rows, columns].astype(np.float64))
    seen = _turn() @ (points - [[0], [0], [pivot]]) + [[0], [0], [pivot * (1 + BACK)]]
    front = seen[2] > 0.05
    seen, colors = seen[:, front], image[rows[front], columns[front]]
    order = np.argsort(-seen[2])  # far to near: the last written point is visible
    place = camera @ seen[:, order] / seen[2, order]
    x, y = np.round(place[:2]).astype(int)
    canvas = np.full((height + 1, width + 1, 3), 255, dtype=np.uint8)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y, colors = x[inside], y[inside], colors[order][inside]
    steps = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])  # each point covers 2x2 pixels, so that surfaces are closed
    canvas[(y[:, None] + steps[:, 0]).ravel(), (x[:, None] + steps[:, 1]).ravel()] = np.repeat(colors, 4, axis=0)
    return canvas[:height, :width]


def _turn() -> NDArray[np.float64]:
    cos, sin = np.cos([YAW, PITCH]), np.sin([YAW, PITCH])
    yaw = np.array([[cos[0], 0, sin[0]], [0, 1, 0], [-sin[0], 0, cos[0]]])
    pitch = np.array([[1, 0, 0], [0, cos[1], sin[1]], [0, -sin[1], cos[1]]])
    return np.asarray(pitch @ yaw)
