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

from depthbench.maps import places_of


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
        cv2.Sobel(smooth, cv2.CV_64F, *order, borderType=cv2.BORDER_REPLICATE) for order in ((0, 1), (1, 0))
    )
    low = float(np.float32(low))
    candidates = places_of(torch.from_numpy(cv2.magnitude(down, across) >= low * (1 - _DOUBT)))
    tensors = [torch.from_numpy(one)[None, None] for one in (down, across)]
    thin, strength, sure = _thinned(tensors[0], tensors[1], candidates, low, high)
    if not sure:
        return _exact(image[None], sigma, low, high)[0]
    linked = _linked(thin[0, 0].numpy(), strength[0, 0].numpy())
    return torch.from_numpy(linked)[None]


def _exact(images: Tensor, sigma: float, low: float, high: float) -> Tensor:
    smooth = _blurred(images, sigma).div_(_inside(images.shape[-2], images.shape[-1], sigma, images.device))
    down, across = _derivative(smooth, -2), _derivative(smooth, -1)
    low = float(np.float32(low))
    candidates = places_of(torch.addcmul(across * across, down, down) >= (low * (1 - _DOUBT)) ** 2)
    thin, strong, _ = _thinned(down, across, candidates, low, high)
    weak, sure = (edges[:, 0].cpu().numpy() for edges in (thin, strong))
    linked = [_linked(*both) for both in zip(weak, sure, strict=True)]
    return torch.from_numpy(np.stack(linked)[:, None]).to(images.device) if linked else thin


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


def _thinned(down: Tensor, across: Tensor, candidates: Tensor, low: float, high: float) -> tuple[Tensor, Tensor, bool]:
    """Weak and strong pixels whose gradient is maximal along its direction, and whether no comparison was close.

    Neighbors along the direction are interpolated between the straight and the diagonal one. ``candidates`` are places
    in the flattened maps.
    """
    height, width = down.shape[-2:]
    row, column = candidates // width % height, candidates % width
    places = candidates[(row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)]
    flat_down, flat_across = down.flatten(), across.flatten()

    def strength(at: Tensor) -> Tensor:
        y, x = flat_down[at], flat_across[at]
        return (y * y + x * x).sqrt()

    gy, gx, own = flat_down[places], flat_across[places], strength(places)
    same = (gy > 0) == (gx > 0)
    steep, shallow = gy.abs(), gx.abs()
    # On the diagonal of one direction the vertical neighbor counts, on the other's the horizontal one.
    vertical = torch.where(same, steep > shallow, steep >= shallow)
    weight = torch.minimum(steep, shallow) / torch.maximum(steep, shallow)
    # Offsets in the flattened map: `same` goes down-right, the other direction up-right.
    straight = torch.where(vertical, torch.where(same, width, -width), 1)
    diagonal = torch.where(same, width + 1, 1 - width)
    best, close = own >= low, ((own - low).abs() <= _DOUBT * low) | ((own - high).abs() <= _DOUBT * high)
    for sign in (1, -1):
        between = strength(places + sign * diagonal) * weight + strength(places + sign * straight) * (1 - weight)
        best &= between <= own
        close |= (between - own).abs() <= _DOUBT * own
    weak = torch.zeros(down.shape, dtype=torch.bool, device=down.device)
    strong = torch.zeros_like(weak)
    weak.view(-1)[places[best]] = True
    strong.view(-1)[places[best & (own >= high)]] = True
    return weak, strong, not bool(close.any())


def _linked(weak: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Weak edges that touch a strong one, directly or through others (8 neighbors)."""
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(labels.max()) + 1, dtype=bool)
    kept[labels[strong]] = True
    return np.asarray(kept[labels] & weak)
