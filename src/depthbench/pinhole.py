"""The pinhole camera without torch: formulas for tensors and arrays alike. Pixel centers are at integer coordinates."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Values = TypeVar("Values", bound=Any)  # a tensor or an array
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


def assumed_camera(height: int, width: int) -> NDArray[np.float64]:
    """Intrinsics ``(3, 3)`` of a camera with a horizontal field of view of 60 degrees."""
    focal = width / 2 / np.tan(ASSUMED_FIELD / 2)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
