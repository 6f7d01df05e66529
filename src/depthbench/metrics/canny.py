"""Canny's edges as scikit-image finds them, on batches: the edges of iBims-1, SharpDepth and SYNS-Patches.

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

from depthbench.metrics.image import edge_kernel

_Map = NDArray[np.float64]
_Mask = NDArray[np.bool_]


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
    images, low = images.double(), float(np.float32(low))
    if not edge_kernel.takes_doubles(images) or not images.numel():
        return _by_torch(images, sigma, low, high)
    inside = _inside(images.shape[-2], images.shape[-1], sigma, images.device)[0, 0].numpy()
    weights = _weights(sigma)
    found = [edge_kernel.canny_edges(one, inside, weights, low, high) for one in edge_kernel.dense(images[:, 0])]
    return torch.from_numpy(np.stack(found)[:, None])


def _by_torch(images: Tensor, sigma: float, low: float, high: float) -> Tensor:
    """Find the edges that ``edges.c`` finds, on any device."""
    smooth = _blurred(images, sigma).div_(_inside(images.shape[-2], images.shape[-1], sigma, images.device))
    down, across = (_derivative(smooth, dim)[:, 0].cpu().numpy() for dim in (-2, -1))
    found = [_linked(*_thinned(y, x, low, high)) for y, x in zip(down, across, strict=True)]
    return torch.from_numpy(np.stack(found)[:, None]).to(images.device) if found else images.bool()


def _weights(sigma: float) -> NDArray[np.float64]:
    """The weights of the Gaussian, from the center outward."""
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return np.asarray((weights / weights.sum())[radius:])


@lru_cache(maxsize=8)
def _inside(height: int, width: int, sigma: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        ones = torch.ones(1, 1, height, width, dtype=torch.float64, device=device)
        return _blurred(ones, sigma) + np.finfo(np.float64).eps


def _blurred(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian with zeros around the map."""
    for dim in (-2, -1):
        maps = _symmetric(maps, _weights(sigma), dim)
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


def _thinned(down: _Map, across: _Map, low: float, high: float) -> tuple[_Mask, _Mask]:
    """Weak and strong pixels whose gradient is maximal along its direction.

    Neighbors along the direction are interpolated between the straight and the diagonal one.

    Args:
        down: derivative ``(H, W)``.
        across: derivative.
        low: least gradient of an edge pixel that hangs on a strong one.
        high: least gradient of a strong edge pixel.
    """
    width = down.shape[1]
    strength = np.sqrt(down * down + across * across)
    inner = np.zeros(down.shape, dtype=bool)
    inner[1:-1, 1:-1] = strength[1:-1, 1:-1] >= low
    places, flat = np.flatnonzero(inner), strength.ravel()
    gy, gx, own = (one.ravel().take(places) for one in (down, across, strength))
    same = (gy > 0) == (gx > 0)
    steep, shallow = np.abs(gy), np.abs(gx)
    # On the diagonal of one direction the vertical neighbor counts, on the other's the horizontal one.
    vertical = np.where(same, steep > shallow, steep >= shallow)
    weight = np.minimum(steep, shallow) / np.maximum(steep, shallow)
    # Offsets in the flattened map: `same` goes down-right, the other direction up-right.
    straight = np.where(vertical, np.where(same, width, -width), 1)
    diagonal = np.where(same, width + 1, 1 - width)
    best = np.ones(len(places), dtype=bool)
    for sign in (1, -1):
        between = flat.take(places + sign * diagonal) * weight + flat.take(places + sign * straight) * (1 - weight)
        best &= between - own <= 0
    weak, strong = np.zeros(down.shape, dtype=bool), np.zeros(down.shape, dtype=bool)
    weak.reshape(-1)[places[best]] = True
    strong.reshape(-1)[places[best & (own >= high)]] = True
    return weak, strong


def _linked(weak: _Mask, strong: _Mask) -> _Mask:
    """Weak edges that touch a strong one, directly or through others (8 neighbors)."""
    _, components = cv2.connectedComponents(weak.view(np.uint8), connectivity=8)
    places = np.flatnonzero(weak)
    labels = np.asarray(components, dtype=np.int32).reshape(-1).take(places)
    kept = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    kept[labels[strong.reshape(-1).take(places)]] = True
    linked = np.zeros(weak.shape, dtype=bool)
    linked.reshape(-1)[places[kept.take(labels)]] = True
    return linked
