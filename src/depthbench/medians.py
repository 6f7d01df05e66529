"""Medians and percentiles of the valid pixels of each image."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.maps import at_least_float32

_Values = NDArray[Any]


def masked_median(values: Tensor, valid: Tensor | None = None, middle: str = "mean") -> Tensor:
    """Median of the valid pixels of each image, ``(B, ...) -> (B,)``; NaN where nothing is valid.

    Args:
        values: of at least float32 precision; halves become float32.
        valid: bool mask of the same shape; None for all.
        middle: of an even number of pixels the ``mean`` of the middle two (numpy), or the ``lower`` one (torch).
    """
    rows = at_least_float32(values).flatten(1)
    if values.device.type == "cpu":  # selecting takes a part of the time of sorting, but must know the counts
        masks = [None] * len(rows) if valid is None else valid.flatten(1)
        found = [_selected_median(_compact(row, mask), middle) for row, mask in zip(rows, masks, strict=True)]
        return rows.new_tensor(found)
    if valid is not None:
        rows = torch.where(valid.flatten(1), rows, float("inf"))
    count = (torch.ones_like(rows, dtype=torch.bool) if valid is None else valid.flatten(1)).sum(1)
    second = count // 2 if middle == "mean" else (count - 1) // 2
    places = torch.stack([(count - 1) // 2, second], 1).clamp(min=0, max=rows.shape[1] - 1)
    return torch.where(count > 0, rows.sort(dim=1).values.gather(1, places).mean(1), float("nan"))


def _compact(row: Tensor, mask: Tensor | None) -> _Values:
    return np.asarray(row.numpy() if mask is None else np.compress(mask.numpy(), row.numpy()))


def _selected_median(values: _Values, middle: str) -> float:
    """The median of all values; numpy selects one place ten times as fast as two."""
    count = len(values)
    if count == 0:
        return math.nan
    upper = (count - 1) // 2 if middle == "lower" else count // 2
    ordered = np.partition(values, upper)
    if middle == "lower" or count % 2:
        return float(ordered[upper])
    return float((ordered[:upper].max() + ordered[upper]) / 2)


def masked_percentile(values: Tensor, valid: Tensor, percent: float) -> Tensor:
    """Percentile of the valid pixels of each row, ``(B, N) -> (B,)``, interpolated linearly as numpy does.

    Where nothing is valid, infinity.
    """
    if values.device.type == "cpu":
        found = [_selected_percentile(_compact(*row), percent) for row in zip(values, valid, strict=True)]
        return values.new_tensor(found)
    rows = torch.where(valid, values, float("inf")).sort(1).values
    place = (valid.sum(1) - 1).clamp(min=0).double() * (percent / 100)
    below = place.floor().long()[:, None]
    above = (below + 1).clamp(max=rows.shape[1] - 1)
    low, high, part = rows.gather(1, below)[:, 0], rows.gather(1, above)[:, 0], place.frac()
    # Not a mean with weights: where the upper one is infinite, its weight of 0 would make NaN.
    return torch.where(part > 0, low + part * (high - low), low)


def _selected_percentile(values: _Values, percent: float) -> float:
    count = len(values)
    if count == 0:
        return math.inf
    place = (count - 1) * (percent / 100)
    below = math.floor(place)
    part = place - below
    ordered = np.partition(values, below)
    low = float(ordered[below])
    return low + part * (float(ordered[below + 1 :].min()) - low) if part > 0 else low


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """The value of each row ``(B, N)`` up to which half of the weight lies: argmin of ``sum w |value - m|``."""
    ordered, places = values.sort(1)
    reached = weights.gather(1, places).cumsum(1)
    half = (reached >= 0.5 * reached[:, -1:]).int().argmax(1, keepdim=True)
    return ordered.gather(1, half)[:, 0]
