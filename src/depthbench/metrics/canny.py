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
    if images.device.type == "cpu":
        found = [_one_on_cpu(image, sigma, low, high) for image in images.double()]
        return torch.stack(found) if found else images.bool()
    return _exact(images.double(), sigma, low, high)


def _one_on_cpu(image: Tensor, sigma: float, low: float, high: float) -> Tensor:
    """Edges ``(1, H, W)`` by OpenCV's filters, which sum in another order; where that could matter, the exact ones."""
    inside = _inside(image.shape[-2], image.shape[-1], sigma, image.device)[0, 0].numpy()
    half = _weights(sigma)
    kernel = np.concatenate([half[:0:-1], half])
    smooth = cv2.sepFilter2D(image[0].numpy(), cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    cv2.divide(smooth, inside, dst=smooth)
    down, across = (
        np.asarray(cv2.Sobel(smooth, cv2.CV_64F, *order, borderType=cv2.BORDER_REPLICATE), dtype=np.float64)
        for order in ((0, 1), (1, 0))
    )
    low = float(np.float32(low))
    strength = np.asarray(cv2.magnitude(down, across), dtype=np.float64)
    candidates = np.flatnonzero(strength >= low * (1 - _DOUBT))
    weak, strong, sure = _thinned(down, across, strength, candidates, low, high)
    if not sure:
        return _exact(image[None], sigma, low, high)[0]
    return torch.from_numpy(_linked(weak, strong))[None]


def _exact(images: Tensor, sigma: float, low: float, high: float) -> Tensor:
    smooth = _blurred(images, sigma).div_(_inside(images.shape[-2], images.shape[-1], sigma, images.device))
    down, across = _derivative(smooth, -2), _derivative(smooth, -1)
    low = float(np.float32(low))
    found = [
        _linked(*_thinned(y, x, None, np.flatnonzero(x * x + y * y >= (low * (1 - _DOUBT)) ** 2), low, high)[:2])
        for y, x in zip(down[:, 0].cpu().numpy(), across[:, 0].cpu().numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(found)[:, None]).to(images.device) if found else images.bool()


def _weights(sigma: float) -> NDArray[np.float64]:
    """Of the Gaussian, from the center outward."""
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


_DOUBT = 1e-9
"""Relative difference up to which the order of a sum could decide; float64 sums of a few numbers differ by 1e-15."""


def _thinned(
    down: _Map, across: _Map, known: _Map | None, candidates: NDArray[np.int64], low: float, high: float
) -> tuple[_Mask, _Mask, bool]:
    """Weak and strong pixels whose gradient is maximal along its direction, and whether no comparison was close.

    Neighbors along the direction are interpolated between the straight and the diagonal one.

    Args:
        down: derivative ``(H, W)``.
        across: derivative.
        known: their magnitude, where its last digit may be another's; None: taken where it is needed.
        candidates: places in the flattened maps.
        low: least gradient of an edge pixel that hangs on a strong one.
        high: least gradient of a strong edge pixel.
    """
    height, width = down.shape
    row, column = np.divmod(candidates, width)
    places = candidates[(row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)]
    flat_down, flat_across = down.ravel(), across.ravel()
    flat = None if known is None else known.ravel()

    def strength(at: NDArray[np.int64]) -> _Map:
        if flat is not None:
            return flat.take(at)
        y, x = flat_down.take(at), flat_across.take(at)
        return np.asarray(np.sqrt(y * y + x * x))

    gy, gx, own = flat_down.take(places), flat_across.take(places), strength(places)
    same = (gy > 0) == (gx > 0)
    steep, shallow = np.abs(gy), np.abs(gx)
    # On the diagonal of one direction the vertical neighbor counts, on the other's the horizontal one.
    vertical = np.where(same, steep > shallow, steep >= shallow)
    weight = np.minimum(steep, shallow) / np.maximum(steep, shallow)
    # Offsets in the flattened map: `same` goes down-right, the other direction up-right.
    straight = np.where(vertical, np.where(same, width, -width), 1)
    diagonal = np.where(same, width + 1, 1 - width)
    best, doubt = own >= low, _DOUBT * own
    close = bool((np.abs(own - low) <= _DOUBT * low).any() or (np.abs(own - high) <= _DOUBT * high).any())
    for sign in (1, -1):
        between = strength(places + sign * diagonal) * weight + strength(places + sign * straight) * (1 - weight)
        between -= own
        best &= between <= 0
        close |= bool((np.abs(between, out=between) <= doubt).any())
    weak, strong = np.zeros(down.shape, dtype=bool), np.zeros(down.shape, dtype=bool)
    weak.reshape(-1)[places[best]] = True
    strong.reshape(-1)[places[best & (own >= high)]] = True
    return weak, strong, not close


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
