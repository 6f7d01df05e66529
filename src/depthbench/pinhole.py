"""The pinhole camera without torch: formulas for tensors and arrays alike. Pixel centers are at integer coordinates."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError

Matrix = NDArray[np.float64]
Values = TypeVar("Values", bound=Any)  # a tensor or an array
_LEAST_FOCAL = 4.0  # more than any focal length in units of the picture's sides
ASSUMED_FIELD = np.radians(60)  # horizontal field of view where the camera is not known


def points_at(inverse: Values, pixels: Values, depth: Values) -> Values:
    """Back-project: z K⁻¹ (u, v, 1)ᵀ, points of pixels with their depth along the optical axis.

    Args:
        inverse: K⁻¹, ``(..., 3, 3)``.
        pixels: homogeneous ``(3, N)``: columns u, rows v, ones.
        depth: z, ``(..., 1, N)`` or ``(N,)``, metres.

    Returns:
        ``(..., 3, N)`` metres: to the right, down, forward.
    """
    points: Values = (inverse @ pixels) * depth
    return points


def pixel_rays(intrinsics: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """``(3, H, W)``: the points at depth 1 that the pixels of a picture of ``size`` (height, width) see."""
    inverse = np.linalg.inv(intrinsics)[..., None, None]
    u, v = np.arange(size[1]), np.arange(size[0])[:, None]  # broadcast: no array of pixels is made
    return np.asarray(inverse[:, 0] * u + inverse[:, 1] * v + inverse[:, 2], np.float64)


def depth_of_distance(distance: NDArray[np.floating], intrinsics: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth along the optical axis of distances ``(H, W)`` along the rays: d / |K⁻¹ (u, v, 1)ᵀ|.

    Example:
        >>> import numpy as np
        >>> from depthbench.pinhole import depth_of_distance
        >>> camera = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> depth_of_distance(np.full((1, 2), 3.0), camera).round(3).tolist()
        [[3.0, 2.121]]
    """
    lengths = np.linalg.norm(pixel_rays(intrinsics, (distance.shape[0], distance.shape[1])), axis=0)
    return np.asarray(distance / lengths, np.float64)


def depth_of_disparity(disparity: NDArray[np.floating], focal: float, baseline: float) -> NDArray[np.float64]:
    """Depth f b / d in the baseline's unit of a disparity d, with d and f in pixels; 0 where d is no number above 0.

    Example:
        >>> import numpy as np
        >>> from depthbench.pinhole import depth_of_disparity
        >>> depth_of_disparity(np.array([2.0, 0.0, np.nan]), 100, 0.5).tolist()
        [25.0, 0.0, 0.0]
    """
    known = disparity > 0
    return np.where(known, focal * baseline / np.where(known, disparity, 1).astype(np.float64), 0.0)


def assumed_camera(height: int, width: int) -> NDArray[np.float64]:
    """Intrinsics ``(3, 3)`` of a camera with a horizontal field of view of 60 degrees."""
    focal = width / 2 / np.tan(ASSUMED_FIELD / 2)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def camera_matrix(values: Sequence[float]) -> np.ndarray:
    """``(fx, fy, cx, cy)`` in pixels as a ``(3, 3)`` matrix.

    Raises:
        UserError: if they are not four, or fractions of the picture's sides.
    """
    if len(values) != 4:
        raise UserError(f"data.intrinsics={list(values)} is not [fx, fy, cx, cy]; give four numbers in pixels.")
    fx, fy, cx, cy = values
    if max(abs(fx), abs(fy)) < _LEAST_FOCAL and 0 < cx < 1 and 0 < cy < 1:
        raise UserError(
            f"The focal lengths {fx:g}, {fy:g} are not in pixels: as fractions of a picture's width and height (some "
            "data sets write them so), multiply fx and cx by its width, fy and cy by its height."
        )
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)


def resize_intrinsics(
    intrinsics: NDArray[np.float64], old: tuple[int, int], new: tuple[int, int]
) -> NDArray[np.float64]:
    """Intrinsics ``(3, 3)`` of an image of size ``old`` (height, width) after its resize to ``new``."""
    sy, sx = new[0] / old[0], new[1] / old[1]
    scale = np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])
    return np.asarray(scale @ intrinsics, np.float64)
