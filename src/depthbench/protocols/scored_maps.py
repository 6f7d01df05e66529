"""Steps between a prediction and the pixels that are compared: resizing, placing, cropping, limiting, and the range."""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from depthbench.maps import resize_nearest
from depthbench.metrics.pixel_pass import Interval
from depthbench.metrics.pixel_sums import PRESENT
from depthbench.protocols.regions import Box

ClampLimits = tuple[float | None, float | None]


def crop(maps: Tensor, box: Box) -> Tensor:
    """The box of each map."""
    return maps[..., box[0] : box[1], box[2] : box[3]]


def clamp_finite(values: Tensor, limits: ClampLimits) -> Tensor:
    """Clamp finite values; NaN and infinities stay, so that they show in the scores."""
    if limits == (None, None):
        return values
    # x - x is 0 for finite values and NaN for the rest; a mask takes three times as long on a CPU.
    return values.clamp(*limits) + (values - values)


def resized(prediction: Tensor, size: tuple[int, int], mode: str, align_corners: bool) -> Tensor:
    """Predictions ``(B, 1, h, w)`` at another size by ``nearest``, ``bilinear`` or ``bicubic``."""
    if tuple(prediction.shape[-2:]) == size:
        return prediction
    if mode == "nearest":
        return resize_nearest(prediction, size)
    return F.interpolate(prediction, size=size, mode=mode, align_corners=align_corners)


def resized_truth(truth: Tensor, size: tuple[int, int]) -> Tensor:
    """Like :func:`~depthbench.maps.resize_nearest`; numpy looks up in a part of torch's time on a CPU."""
    if truth.device.type != "cpu" or truth.requires_grad or not truth.is_floating_point():
        return resize_nearest(truth, size)
    rows, columns = (_nearest(*lengths) for lengths in zip(truth.shape[-2:], size, strict=True))
    return torch.from_numpy(truth.numpy().take(rows, -2).take(columns, -1))


@lru_cache(maxsize=64)
def _nearest(length: int, to: int) -> NDArray[np.int64]:
    """The place from which each of a row's numbers comes."""
    places = torch.arange(length, dtype=torch.float64)[None, None, None]
    return resize_nearest(places, (1, to))[0, 0, 0].long().numpy()


def padded(prediction: Tensor, shown: Box, size: tuple[int, int]) -> Tensor:
    """Predictions of the box ``shown`` of a truth of ``size``, with zeros around."""
    top, bottom, left, right = shown
    around = (left, size[1] - right, top, size[0] - bottom)
    return F.pad(prediction, around) if any(around) else prediction


def moved_intrinsics(intrinsics: Tensor, image_size: tuple[int, int], shown: Box, box: Box) -> Tensor:
    """Intrinsics ``(B, 3, 3)`` in pixels of an image -> in pixels of a box of the truth.

    Args:
        intrinsics: of the image.
        image_size: its height and width.
        shown: the part of the truth that the image shows.
        box: of the truth.
    """
    moved = intrinsics.clone()
    for row, axis in ((1, 0), (0, 1)):
        scale = (shown[2 * axis + 1] - shown[2 * axis]) / image_size[axis]
        moved[..., row, :] *= scale
        # Pixel centers are at integers, so sizes scale about -1/2.
        moved[..., row, 2] += (scale - 1) / 2 + shown[2 * axis] - box[2 * axis]
    return moved


@lru_cache(maxsize=256)
def scored_interval(min_depth: float | None, max_depth: float | None, closed: bool) -> Interval:
    """Depths of the truth that are scored: present and within the range, as limits that are included.

    Args:
        min_depth: metres, None for no limit.
        max_depth: likewise.
        closed: whether depths that equal a limit are scored.
    """

    def edge(limit: float, inward: float) -> float:
        value = np.float32(limit)
        return float(value if closed else np.nextafter(value, np.float32(inward)))

    low, high = PRESENT
    if min_depth is not None:
        low = max(low, edge(min_depth, math.inf))
    return low, high if max_depth is None else edge(max_depth, 0.0)


def in_interval(depth: Tensor, interval: Interval) -> Tensor:
    """Mask of depth in an interval, limits included; bool."""
    (low, high), depth = interval, depth.float()
    if depth.device.type == "cpu":  # numpy takes a fourth of the time
        known = depth.detach().numpy()
        return torch.from_numpy(known >= low if high == math.inf else (known >= low) & (known <= high))
    return depth >= low if high == math.inf else (depth >= low) & (depth <= high)
