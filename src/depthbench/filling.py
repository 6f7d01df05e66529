"""Fill missing depth under the guidance of the picture, as the labeled part of NYUv2 was filled, or by a filter."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from depthbench.errors import UserError
from depthbench.maps import resize_bilinear

__all__ = ["fill_bilateral", "fill_colorization", "fill_cross_bilateral", "smooth_bilateral"]

REC709 = (0.2125, 0.7154, 0.0721)  # DenseDepth's port (scikit-image)
REC601 = (0.2989, 0.5870, 0.1140)  # the toolbox (MATLAB)

Floats = NDArray[np.float64]
_NEIGHBORS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
_BAND = 2  # known pixels around the holes that are solved with them
_SWEEPS = 3  # over the other known pixels, between two solutions
_TOLERANCE = 5e-5  # of the largest depth
_LEAF = 32  # pixels that nested dissection no longer divides


def fill_colorization(rgb: ArrayLike, depth: ArrayLike, luma: Sequence[float] = REC709) -> NDArray[np.float32]:
    """Fill holes so that pixels alike in brightness have alike depth: the NYUv2 toolbox's method (Levin et al. 2004).

    Each pixel's depth is the mean of its neighbors' with weights by likeness; a known pixel is pulled to its value
    with weight 1, so the equations reach into the known depth. That pull also makes influence halve with every known
    pixel it crosses: only the holes and a band around them are solved, the rest is swept until nothing changes.

    Args:
        rgb: ``(H, W, 3)``, uint8, or floats in [0, 1].
        depth: ``(H, W)`` in any unit; 0, negative and non-finite values are missing. (The toolbox, but not
            DenseDepth's port, also counts 10 m as missing.)
        luma: weights of red, green and blue in brightness: :data:`REC709` or :data:`REC601`. On pictures rich in
            color the two differ by far more than anything else here.

    Returns:
        ``(H, W)`` in the same unit. Known depth stays as it is; a map without any known depth comes back as zeros.

    Raises:
        UserError: if the shapes do not belong together or the picture is neither of these kinds.
    """
    picture, values = _checked(rgb, depth)
    known = values > 0
    if known.all() or not known.any():
        return values.astype(np.float32)
    filled = _solve(_weights(picture @ np.asarray(luma, np.float64)), values, known)
    return np.where(known, values, filled).astype(np.float32)


def fill_bilateral(rgb: ArrayLike, depth: ArrayLike, **window: Any) -> NDArray[np.float32]:
    """Fill holes by a joint bilateral filter; arguments, result and errors as :func:`fill_colorization`.

    ``window`` may give ``radius``, ``sigma_space`` and ``sigma_color``, see :func:`fill_cross_bilateral`.
    """
    picture, values = _checked(rgb, depth)
    image = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    filled = fill_cross_bilateral(torch.from_numpy(values.astype(np.float32))[None, None], image, **window)
    return filled[0, 0].numpy()


def _checked(rgb: ArrayLike, depth: ArrayLike) -> tuple[Floats, Floats]:
    picture, values = np.asarray(rgb), np.asarray(depth, np.float64)
    if values.ndim != 2 or picture.shape != (*values.shape, 3):
        raise UserError(f"Filling needs rgb (H, W, 3) and depth (H, W), got {picture.shape} and {values.shape}.")
    scaled = picture / 255 if picture.dtype == np.uint8 else picture.astype(np.float64)
    if not (scaled.min(initial=0) >= 0 and scaled.max(initial=0) <= 1):  # so written, NaN is refused too
        raise UserError("Filling needs rgb as uint8 or as floats in [0, 1]; divide by the largest value of its type.")
    return scaled, np.where(np.isfinite(values) & (values > 0), values, 0.0)


def _weights(gray: Floats) -> Floats:
    """Weight of each neighbor: ``(8, H, W)``, 0 outside of the picture, else of sum 1."""
    padded = np.pad(gray, 1, constant_values=np.inf)
    squares = np.stack([_shifted(padded, step) for step in _NEIGHBORS]) - gray
    inside = np.isfinite(squares)
    count = inside.sum(axis=0) + 1  # and the pixel itself, whose difference is 0
    mean = np.where(inside, squares, 0.0).sum(axis=0) / count
    squares *= squares
    variance = np.where(inside, squares, 0.0).sum(axis=0) / count - mean**2
    # The most alike neighbor weighs at least 0.01 before normalization.
    width = np.maximum(np.maximum(0.6 * variance, squares.min(axis=0) / -np.log(0.01)), 2e-6)
    weights = np.exp(-squares / width)
    return np.asarray(weights / weights.sum(axis=0))


def _shifted(padded: NDArray[Any], step: tuple[int, int]) -> NDArray[Any]:
    """The neighbors in one direction, from a map with one more pixel on each side."""
    (height, width), (down, right) = padded.shape, step
    return padded[1 + down : height - 1 + down, 1 + right : width - 1 + right]


def _neighbors_mean(weights: Floats, values: Floats) -> Floats:
    padded = np.pad(values, 1)
    total = np.zeros_like(values)
    for weight, step in zip(weights, _NEIGHBORS, strict=True):
        total += weight * _shifted(padded, step)
    return total


def _solve(weights: Floats, depth: Floats, known: NDArray[np.bool_]) -> Floats:
    """The solution of ``(1 + known) x - neighbors' mean of x = depth``."""
    near = cv2.dilate((~known).astype(np.uint8), np.ones((2 * _BAND + 1,) * 2, np.uint8)) > 0
    rows, columns = np.nonzero(near)
    order = _nested_dissection(rows, columns)
    place = (rows[order], columns[order])
    # The matrix is diagonally dominant, so pivots are taken as they come and the order is ours.
    factors = scipy.sparse.linalg.splu(
        _matrix(weights, known, place), "NATURAL", diag_pivot_thresh=0, panel_size=4, options={"SymmetricMode": True}
    )
    values, change = depth, np.inf
    while change > _TOLERANCE * depth.max():  # at least halves each time
        for _ in range(_SWEEPS):
            values = np.where(near, values, (depth + _neighbors_mean(weights, values)) / 2)
        solved = factors.solve((depth + _neighbors_mean(weights, np.where(near, 0.0, values)))[place])
        change = np.abs(values[place] - solved).max()
        values[place] = solved
    return values


def _matrix(weights: Floats, known: NDArray[np.bool_], place: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Any:
    count = len(place[0])
    number = np.full((known.shape[0] + 2, known.shape[1] + 2), -1)
    number[1:-1, 1:-1][place] = np.arange(count)
    rows, columns, values = [np.arange(count)], [np.arange(count)], [1.0 + known[place]]
    for weight, step in zip(weights, _NEIGHBORS, strict=True):
        neighbor = _shifted(number, step)[place]
        rows.append(np.flatnonzero(neighbor >= 0))
        columns.append(neighbor[rows[-1]])
        values.append(-weight[place][rows[-1]])
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.csc_matrix(entries, (count, count))


def _nested_dissection(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """An order of elimination that keeps the factors sparse (George 1973): both halves, then the line between them."""
    finished: list[NDArray[np.intp]] = []

    def divide(pixels: NDArray[np.intp]) -> None:
        """Finish both halves of these pixels, then the line between them."""
        if len(pixels) <= _LEAF:
            finished.append(pixels)
            return
        along = max((rows[pixels], columns[pixels]), key=np.ptp)
        middle = np.partition(along, len(along) // 2)[len(along) // 2]
        divide(pixels[along < middle])
        divide(pixels[along > middle])
        finished.append(pixels[along == middle])

    divide(np.arange(len(rows)))
    return np.concatenate(finished)


@torch.no_grad()
def fill_cross_bilateral(
    depth: Tensor, image: Tensor, radius: int = 5, sigma_space: float = 3.0, sigma_color: float = 0.1
) -> Tensor:
    """Fill missing depth from known neighbors, weighted by distance and by likeness of brightness.

    Goes inward from known depth, ring by ring; known depth stays. So li2017 (section 4.1) fills the borders of its
    predictions; it names the filter only: window and widths are ours.

    Args:
        depth: ``(B, 1, H, W)`` metres, 0 = missing.
        image: ``(B, 3, h, w)`` RGB in [0, 1], resized to the depth.
        radius: of the window, in pixels.
        sigma_space: in pixels.
        sigma_color: in brightness, of 1.

    Returns:
        ``(B, 1, H, W)`` metres, float32; an image without any depth stays empty.

    Raises:
        UserError: If depth and image are not of one batch.
    """
    if depth.ndim != 4 or image.ndim != 4 or len(depth) != len(image):
        raise UserError(f"Filling needs depth and image of one batch, got {tuple(depth.shape)}, {tuple(image.shape)}.")
    batch, _, height, width = depth.shape
    brightness = resize_bilinear(image.float().mean(dim=1, keepdim=True), (height, width))
    # Padded with missing depth, so that every window is whole; flat, so that only missing pixels are looked at.
    padded, guide = (F.pad(values.float(), (radius,) * 4).flatten() for values in (depth, brightness))
    stride = width + 2 * radius
    steps = torch.arange(-radius, radius + 1, device=depth.device)
    window = (steps[:, None] * stride + steps).flatten()
    near = (-(steps[:, None].square() + steps.square()) / (2 * sigma_space**2)).exp().flatten()
    inside = F.pad(torch.ones_like(depth, dtype=torch.bool), (radius,) * 4).flatten()
    missing = (inside & (padded <= 0)).nonzero().squeeze(1)
    while len(missing):
        around = missing[:, None] + window
        known = padded[around]
        alike = (-(guide[around] - guide[missing, None]).square() / (2 * sigma_color**2)).exp()
        # A floor under the likeness: where nothing is alike, the nearest known depth is better than none...
        weights = torch.where(known > 0, near * alike.clamp(min=1e-6), 0.0)
        total = weights.sum(dim=1)
        # ...but only when the alike have spread as far as they can, or depth would creep over edges of the picture.
        reached = total > 1e-3
        if not reached.any():
            reached = total > 0
        if not reached.any():
            break
        values = (weights * known).sum(dim=1)
        padded[missing[reached]] = values[reached] / total[reached]
        missing = missing[~reached]
    full = padded.view(batch, 1, height + 2 * radius, stride)
    return full[..., radius : radius + height, radius : radius + width].contiguous()


@torch.no_grad()
def smooth_bilateral(depth: Tensor, size: int = 10, sigma_space: float = 10 / 3, sigma_depth: float = 0.1) -> Tensor:
    """Smooth depth by a bilateral filter: neighbors count by distance and by likeness of depth.

    li2017 (section 4.3) compares its fusion with "a 2D bilateral filter with 0.1m range and 10x10 spatial Gaussian
    kernel"; which width of the Gaussian the kernel has it does not say: ours is a third of the kernel. An even kernel
    has no middle, so its outermost rows and columns count half on either side.

    Args:
        depth: ``(B, 1, H, W)`` metres.
        size: of the kernel, in pixels.
        sigma_space: in pixels.
        sigma_depth: in metres.

    Returns:
        ``(B, 1, H, W)`` metres, float32; outside of the map there is nothing that counts.

    Raises:
        UserError: if depth is no map, or a width is not positive.
    """
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise UserError(f"Smoothing needs depth (B, 1, H, W), got {tuple(depth.shape)}.")
    if min(size, sigma_space, sigma_depth) <= 0:
        raise UserError(f"A bilateral filter needs positive widths, not {size}, {sigma_space} and {sigma_depth}.")
    depth, radius = depth.float(), size // 2
    height, width = depth.shape[-2:]
    padded, inside = (F.pad(maps, (radius,) * 4) for maps in (depth, torch.ones_like(depth)))
    total, weights = torch.zeros_like(depth), torch.zeros_like(depth)
    edge = 0.5 if size % 2 == 0 else 1.0
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            window = (..., slice(radius + down, radius + down + height), slice(radius + right, radius + right + width))
            near = math.exp(-(down**2 + right**2) / (2 * sigma_space**2))
            near *= edge ** ((abs(down) == radius) + (abs(right) == radius))
            alike = (-(padded[window] - depth).square() / (2 * sigma_depth**2)).exp()
            weight = near * alike * inside[window]
            total += weight * padded[window]
            weights += weight
    return total / weights
