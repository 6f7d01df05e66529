"""Canny's edges as scikit-image finds them, on batches: what iBims-1, SharpDepth and SYNS-Patches call an edge.

Every sum is taken in the order of scipy's filters, in float64: the two sides of an ideal step have equal gradients, and
which of them stays an edge hangs on the last bit.
"""

from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def canny(images: Tensor, sigma: float, low: float, high: float) -> Tensor:
    """Edges of maps ``(B, 1, H, W)``, bool, as ``skimage.feature.canny`` with these arguments; waits for the device.

    NaN is missing: there is no edge within its reach (the Gaussian's four sigmas, the derivative's pixel and the next).

    Args:
        images: any floating type, computed in float64.
        sigma: of the Gaussian, pixels.
        low: least gradient of an edge pixel that hangs on a strong one.
        high: least gradient of a strong edge pixel.

    Example:
        >>> import torch
        >>> from depthbench.metrics.canny import canny
        >>> step = torch.where(torch.arange(40) < 20, 0.0, 1.0).expand(1, 1, 30, 40)
        >>> canny(step, 1.0, 0.1, 0.2)[0, 0, 15].nonzero().flatten().tolist()
        [19, 20]
    """
    smooth = _smoothed(images.double(), sigma)
    down, across = _derivative(smooth, -2), _derivative(smooth, -1)
    strength = (down * down + across * across).sqrt()
    thin = _thinned(down, across, strength, float(np.float32(low)))
    linked = [
        _linked(weak.cpu().numpy(), strong.cpu().numpy())
        for weak, strong in zip(thin[:, 0], (thin & (strength >= high))[:, 0], strict=True)
    ]
    return torch.from_numpy(np.stack(linked)[:, None]).to(images.device) if linked else thin


def _smoothed(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian with zeros around the map, divided by the weight that lies inside of it."""
    return _blurred(maps, sigma).div_(_inside(maps.shape[-2], maps.shape[-1], sigma, maps.device))


@lru_cache(maxsize=8)
def _inside(height: int, width: int, sigma: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        ones = torch.ones(1, 1, height, width, dtype=torch.float64, device=device)
        return _blurred(ones, sigma) + np.finfo(np.float64).eps


def _blurred(maps: Tensor, sigma: float) -> Tensor:
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    weights = (weights / weights.sum())[radius:]
    for dim in (-2, -1):
        maps = _symmetric(maps, weights, dim)
    return maps


def _symmetric(values: Tensor, weights: NDArray[np.float64], dim: int) -> Tensor:
    """Weighted sum along a dimension, the farthest pair first; ``weights`` from the center outward."""
    radius, length = len(weights) - 1, values.shape[dim]
    padded = F.pad(values, (0, 0, radius, radius) if dim == -2 else (radius, radius))
    total: Tensor = values * weights[0]
    pair = torch.empty_like(total)
    for step in range(radius, 0, -1):
        torch.add(padded.narrow(dim, radius - step, length), padded.narrow(dim, radius + step, length), out=pair)
        total += pair.mul_(weights[step])
    return total


def _derivative(values: Tensor, dim: int) -> Tensor:
    """Sobel along a dimension, the map's edge repeated around it."""
    other = -3 - dim
    height, width = values.shape[-2:]
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    length = values.shape[dim]
    steps = padded.narrow(dim, 2, length) - padded.narrow(dim, 0, length)
    length = height if other == -2 else width
    sides = steps.narrow(other, 0, length) + steps.narrow(other, 2, length)
    derivative: Tensor = steps.narrow(other, 1, length) * 2 + sides
    return derivative


def _thinned(down: Tensor, across: Tensor, strength: Tensor, low: float) -> Tensor:
    """Pixels from ``low`` on whose gradient is maximal along its direction, between neighbors interpolated."""
    width = strength.shape[-1]
    frame = torch.zeros_like(strength, dtype=torch.bool)
    frame[..., 1:-1, 1:-1] = True
    places = (frame & (strength >= low)).flatten().nonzero()[:, 0]
    flat = strength.flatten()
    gy, gx, own = down.flatten()[places], across.flatten()[places], flat[places]
    same = (gy > 0) == (gx > 0)
    steep, shallow = gy.abs(), gx.abs()
    # On the diagonal of one direction the vertical neighbor counts, on the other's the horizontal one.
    vertical = torch.where(same, steep > shallow, steep >= shallow)
    weight = torch.minimum(steep, shallow) / torch.maximum(steep, shallow)
    # Offsets in the flattened map: `same` goes down-right, the other direction up-right.
    straight = torch.where(vertical, torch.where(same, width, -width), 1)
    diagonal = torch.where(same, width + 1, 1 - width)
    best = torch.ones_like(same)
    for sign in (1, -1):
        between = flat[places + sign * diagonal] * weight + flat[places + sign * straight] * (1 - weight)
        best &= between <= own
    found = torch.zeros(flat.shape, dtype=torch.bool, device=flat.device)
    found[places[best]] = True
    return found.view_as(strength)


def _linked(weak: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Weak edges that touch a strong one, directly or through others (8 neighbors)."""
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(labels.max()) + 1, dtype=bool)
    kept[labels[strong]] = True
    return np.asarray(kept[labels] & weak)
