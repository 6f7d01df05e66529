"""A view of a picture whose optical axis meets its center, as MoGe's evaluation cuts it (``moge/test/dataloader.py``).

Sides and cameras are in units of the picture here: pixel (0, 0) covers [0, 1 / W] x [0, 1 / H].
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthbench.images import Size
from depthbench.pinhole import Matrix, depth_of_distance, pixel_rays

_CORNERS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 1]], np.float64)
_ALMOST = 1e-6  # of a pixel, by which a size may miss a whole number through rounding


@dataclass(frozen=True)
class CenteredView:
    """The largest view of a given shape inside a picture, turned so that the picture's center is on its axis.

    Attributes:
        intrinsics: of the picture, normalized by its width and height.
        rotation: from the picture's camera to the view's.
        target: the view's camera, normalized likewise; its center is (0.5, 0.5).
        old: (height, width) of the picture.
        new: of the view.
        between: the size to which the picture is brought first, with pixels as large as the view's.
    """

    intrinsics: Matrix
    rotation: Matrix
    target: Matrix
    old: Size
    new: Size
    between: Size

    @property
    def pixels(self) -> Matrix:
        """The target's camera in pixels, whose centers are at integers."""
        return in_pixels(self.target, self.new)

    def picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view of a picture ``(H, W, 3)``: by Lanczos to the size between, then bilinear."""
        smaller = Image.fromarray(rgb).resize(self.between[::-1], Image.Resampling.LANCZOS)
        return np.asarray(cv2.remap(np.asarray(smaller), *self._places, cv2.INTER_LINEAR), np.uint8)

    def depth(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """The view of depth ``(H, W)`` along the axis, 0 = missing: the nearest ray's distance, put on the new axis."""
        near = _nearest(depth, self.between)
        rays = np.linalg.norm(_rays(self.intrinsics, self.between), axis=0)
        distance = cv2.remap((near * rays).astype(np.float32), *self._places, cv2.INTER_NEAREST)
        return depth_of_distance(np.asarray(distance), self.pixels).astype(np.float32)

    def labels(self, labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The view of a label image ``(H, W)``; 0 outside of the picture."""
        smaller = cv2.resize(labels, self.between[::-1], interpolation=cv2.INTER_NEAREST)
        return np.asarray(cv2.remap(smaller, *self._places, cv2.INTER_NEAREST), np.uint16)

    @cached_property
    def _places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Columns and rows of the picture between from which the view's pixels are taken."""
        seen = self.intrinsics @ self.rotation.T @ _rays(self.target, self.new).reshape(3, -1)
        columns, rows = (
            (axis / seen[2] * side - 0.5).astype(np.float32).reshape(self.new)
            for axis, side in zip(seen[:2], self.between[::-1], strict=True)
        )
        return columns, rows


def centered_view(intrinsics: Matrix, old: Size, new: Size) -> CenteredView:
    """The view of size ``new`` of a picture of size ``old``.

    Args:
        intrinsics: ``(3, 3)``, normalized by the picture's width and height.
        old: (height, width) of the picture.
        new: of the view.

    Example:
        >>> import numpy as np
        >>> from depthbench.data.centered_view import centered_view
        >>> view = centered_view(np.array([[1.0, 0, 0.5], [0, 1.5, 0.5], [0, 0, 1]]), (20, 30), (10, 10))
        >>> view.between, view.pixels[0].tolist()  # the middle 20x20 pixels, at half their size
        ((10, 15), [15.0, 0.0, 4.5])
    """
    aspect = new[1] / new[0]
    inverse = np.linalg.inv(intrinsics)
    rotation = rotation_to_axis(inverse @ np.array([0.5, 0.5, 1.0]))
    corners = _CORNERS @ (rotation @ inverse).T
    outline = corners[:, :2] / corners[:, 2:]
    width, height = 1 / abs(intrinsics[0, 0]), 1 / abs(intrinsics[1, 1])
    sides = [min(width, height * aspect), width, height * aspect]
    for start, end in zip(np.roll(outline, 1, 0), outline, strict=True):
        sides += [2 * abs(_crossing(np.array([aspect, slope]), start, end)[0]) for slope in (1.0, -1.0)]
    wide = min(sides)
    target = np.array([[1 / wide, 0, 0.5], [0, aspect / wide, 0.5], [0, 0, 1]])
    pixel = wide / new[1]
    between = int(height / pixel + _ALMOST), int(width / pixel + _ALMOST)
    return CenteredView(intrinsics, rotation, target, old, new, between)


def rotation_to_axis(direction: NDArray[np.float64]) -> Matrix:
    """The smallest rotation that turns a direction in front of the camera to (0, 0, 1) (Rodrigues)."""
    x, y, z = direction / np.linalg.norm(direction)
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])  # of the axis (x, y, z) x (0, 0, 1)
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + z), np.float64)


def in_pixels(intrinsics: Matrix, size: Size) -> Matrix:
    """Normalized intrinsics in pixels of a picture of ``size``, whose centers are at integers."""
    height, width = size
    scale = np.array([[width, 0, -0.5], [0, height, -0.5], [0, 0, 1]])
    return np.asarray(scale @ intrinsics, np.float64)


def _rays(intrinsics: Matrix, size: Size) -> NDArray[np.float64]:
    """``(3, H, W)``: the points that pixels of a normalized camera see at depth 1."""
    return pixel_rays(in_pixels(intrinsics, size), size)


def _crossing(
    direction: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Crossing of the line through the origin and the line through two points."""
    along = end - start
    scale = (start[0] * along[1] - start[1] * along[0]) / (direction[0] * along[1] - direction[1] * along[0])
    return np.asarray(direction * scale, np.float64)


def _nearest(depth: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Depth of another size: for each pixel the nearest valid one within it (utils3d's ``masked_nearest_resize``)."""
    if depth.shape == size:
        return depth
    import torch

    from depthbench.grid_cells import nearest_valid

    places, known = nearest_valid(size, torch.from_numpy(depth > 0)[None, None])
    return np.where(known[0].numpy(), depth.ravel()[places[0].numpy()], np.float32(0)).reshape(size)
