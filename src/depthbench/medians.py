"""Medians and percentiles of the valid pixels of each image."""

import numpy as np
import torch
from torch import Tensor

from depthbench.maps import at_least_float32


def masked_median(values: Tensor, valid: Tensor, middle: str = "mean") -> Tensor:
    """Median of the valid pixels of each image, ``(B, ...) -> (B,)``; NaN where nothing is valid.

    Args:
        values: of at least float32 precision; halves become float32.
        valid: bool mask of the same shape.
        middle: of an even number of pixels the ``mean`` of the middle two (numpy), or the ``lower`` one (torch).
    """
    rows = torch.where(valid, at_least_float32(values), float("inf")).flatten(1)
    count = valid.flatten(1).sum(1)
    if values.device.type == "cpu":  # selecting takes a part of the time of sorting, but must know the counts
        found = [_selected(row, int(n), middle) for row, n in zip(rows, count, strict=True)]
        median = torch.stack(found) if found else rows.new_zeros(0)
    else:
        second = count // 2 if middle == "mean" else (count - 1) // 2
        places = torch.stack([(count - 1) // 2, second], 1).clamp(min=0, max=rows.shape[1] - 1)
        median = rows.sort(dim=1).values.gather(1, places).mean(1)
    return torch.where(count > 0, median, float("nan"))


def _selected(row: Tensor, count: int, middle: str) -> Tensor:
    """The median of the ``count`` least values."""
    first = max((count - 1) // 2, 0)
    second = first if middle == "lower" else min(count // 2, len(row) - 1)
    ordered = np.partition(row.numpy(), (first, second))
    return (row.new_tensor(ordered[first]) + row.new_tensor(ordered[second])) / 2


def masked_percentile(values: Tensor, valid: Tensor, percent: float) -> Tensor:
    """Percentile of the valid pixels of each row, ``(B, N) -> (B,)``, interpolated linearly as numpy does.

    Where nothing is valid, infinity.
    """
    rows = torch.where(valid, values, float("inf")).sort(1).values
    place = (valid.sum(1) - 1).clamp(min=0).double() * (percent / 100)
    below = place.floor().long()[:, None]
    above = (below + 1).clamp(max=rows.shape[1] - 1)
    low, high, part = rows.gather(1, below)[:, 0], rows.gather(1, above)[:, 0], place.frac()
    # Not a mean with weights: where the upper one is infinite, its weight of 0 would make NaN.
    return torch.where(part > 0, low + part * (high - low), low)


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """The value of each row ``(B, N)`` up to which half of the weight lies: argmin of ``sum w |value - m|``."""
    ordered, places = values.sort(1)
    reached = weights.gather(1, places).cumsum(1)
    half = (reached >= 0.5 * reached[:, -1:]).int().argmax(1, keepdim=True)
    return ordered.gather(1, half)[:, 0]
