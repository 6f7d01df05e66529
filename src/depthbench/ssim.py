"""Structural similarity of maps (Wang et al. 2004), separable, with holes: one formula for the loss and the metric."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError

Weights = tuple[float, ...]


def window_weights(size: int, sigma: float | None) -> Weights:
    """Weights along one side of a square window, of sum 1.

    Args:
        size: odd side of the window in pixels.
        sigma: of a Gaussian window, in pixels; None for a uniform one.

    Raises:
        UserError: if the size is even or below 1.
    """
    if size < 1 or size % 2 == 0:
        raise UserError(f"A window of SSIM must have an odd and positive side, not {size}.")
    width = math.inf if sigma is None else sigma
    weights = [math.exp(-0.5 * ((k - size // 2) / width) ** 2) for k in range(size)]
    return tuple(w / sum(weights) for w in weights)


def ssim_constants(data_range: float, k1: float = 0.01, k2: float = 0.03) -> tuple[float, float]:
    """The constants C1 = (k1 L)² and C2 = (k2 L)² for maps of range L."""
    return (k1 * data_range) ** 2, (k2 * data_range) ** 2


def ssim_map(
    x: Tensor,
    y: Tensor,
    weights: Weights,
    constants: tuple[float, float],
    valid: Tensor | None = None,
    padding: str = "valid",
) -> tuple[Tensor, Tensor | None]:
    """SSIM of each window, and the mask of the windows' centers.

    Args:
        x: ``(B, C, H, W)``.
        y: same shape.
        weights: see :func:`window_weights`.
        constants: see :func:`ssim_constants`.
        valid: bool mask of the same shape: the statistics of a window are over its valid pixels.
        padding: ``valid`` (windows inside the map only: the result has H - size + 1 rows) or ``reflect`` (all pixels).

    Raises:
        UserError: if the window doesn't fit into the maps.
    """
    reach = len(weights) // 2
    if min(y.shape[-2:]) < (len(weights) if padding == "valid" else reach + 1):
        raise UserError(f"A window of {len(weights)} does not fit into maps of {tuple(y.shape[-2:])}.")
    c1, c2 = constants
    # Variances don't feel a shift, but lose digits in float32 when the mean is large beside the deviation.
    center = y.mean(dim=(1, 2, 3), keepdim=True)
    a, b = x - center, y - center
    ma, aa, ab = _window_means(torch.stack([a, a * a, a * b]), valid, weights, padding)
    mb, bb = _window_means(torch.stack([b, b * b]), valid, weights, padding)
    covariance = 2 * (ab - ma * mb) + c2
    variance = (aa - ma * ma) + (bb - mb * mb) + c2
    mx, my = ma + center, mb + center
    similarity = (2 * mx * my + c1) * covariance / ((mx * mx + my * my + c1) * variance)
    if valid is None or padding == "reflect":
        return similarity, valid
    return similarity, valid[..., reach : valid.shape[-2] - reach, reach : valid.shape[-1] - reach]


def _window_means(maps: Tensor, valid: Tensor | None, weights: Weights, padding: str) -> Tensor:
    """Window means of ``(n, B, C, H, W)`` over the valid pixels."""
    if valid is None:
        return _filtered(maps, weights, padding)
    mask = valid.to(maps.dtype)
    inside = _filtered(mask[None], weights, padding).clamp(min=torch.finfo(maps.dtype).tiny)
    return _filtered(maps * mask, weights, padding) / inside


def _filtered(maps: Tensor, weights: Weights, padding: str) -> Tensor:
    """The maps ``(n, B, C, H, W)`` weighted by the window, along rows and then along columns."""
    if padding == "reflect":
        padded = F.pad(maps.flatten(0, 1), (len(weights) // 2,) * 4, mode="reflect")
        maps = padded.view(*maps.shape[:2], *padded.shape[1:])
    filtered: Tensor = _Filtered.apply(maps, weights)
    return filtered


class _Filtered(torch.autograd.Function):
    """Symmetric weights along rows and columns, without padding.

    These are sums of slices, because a CPU takes many times longer to convolve single channels.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weights: Weights) -> Tensor:
        ctx.weights = weights
        return _weighted(_weighted(maps, weights, -1), weights, -2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        reach = len(ctx.weights) - 1
        spread = _weighted(F.pad(gradient, (0, 0, reach, reach)), ctx.weights, -2)
        return _weighted(F.pad(spread, (reach, reach)), ctx.weights, -1), None


def _weighted(maps: Tensor, weights: Weights, dim: int) -> Tensor:
    """Weighted sums of neighbors along ``dim``."""
    length = maps.shape[dim] - len(weights) + 1
    total = maps.narrow(dim, 0, length) * weights[0]
    for k, w in enumerate(weights[1:], 1):
        total.add_(maps.narrow(dim, k, length), alpha=w)
    return total
