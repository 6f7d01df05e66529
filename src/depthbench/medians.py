"""Medians and percentiles of the valid pixels of each image.

On a CPU with a compiler ``medians.c`` selects them, elsewhere numpy; both are exact.
"""

import ctypes
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.maps import at_least_float32
from depthbench.native import compiled

SOURCE = Path(__file__).with_name("medians.c")

_Values = NDArray[Any]
_FUNCTIONS = {"f": "ordered_float", "d": "ordered_double"}  # by the letter of the type: its name takes longer


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)


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


def _selected_median(values: _Values, middle: str, center: float | None = None) -> float:
    """The median of all values, or of their distances from a center."""
    count = len(values)
    if count == 0:
        return math.nan
    if middle == "lower" or count % 2:
        return at_place(values, (count - 1) // 2, center)[0]
    upper, lower = at_place(values, count // 2, center)
    return float((values.dtype.type(lower) + values.dtype.type(upper)) / 2)


def at_place(values: _Values, place: int, center: float | None = None) -> tuple[float, float]:
    """The value at a place in the order of all ``(N,)``, and the one before it; exact. NaN are the greatest.

    Args:
        values: float32 or float64.
        place: from 0 on; before the first is minus infinity.
        center: of distances that are taken instead of the values.

    Example:
        >>> import numpy as np
        >>> from depthbench.medians import at_place
        >>> at_place(np.array([3.0, 1.0, 2.0]), 1)
        (2.0, 1.0)
    """
    found = np.empty(2)
    library = _library() if values.flags.c_contiguous and values.dtype.char in _FUNCTIONS else None
    if library is not None:
        spare = np.empty(2 * len(values), values.dtype)
        rows = [ctypes.c_void_p(one.ctypes.data) for one in (values, spare, found)]
        sizes = ctypes.c_long(len(values)), ctypes.c_long(place)
        distance = center is not None, ctypes.c_double(center or 0.0)
        if getattr(library, _FUNCTIONS[values.dtype.char])(rows[0], *sizes, *distance, *rows[1:]):
            return float(found[0]), float(found[1])
    if center is not None:
        values = np.abs(values - values.dtype.type(center))
    ordered = np.partition(values, place)  # numpy selects one place ten times as fast as two
    return float(ordered[place]), float(ordered[:place].max(initial=-math.inf))


def median_of(values: _Values) -> float:
    """The median of values ``(N,)``; not a number where there is none."""
    return _selected_median(values, "mean")


def median_distance(values: _Values, center: float) -> float:
    """The median of the distances of values ``(N,)`` from a center; not a number where there is none."""
    return _selected_median(values, "mean", center)


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
    if not part:
        return at_place(values, below)[0]
    high, low = at_place(values, below + 1)
    return low + part * (high - low)


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """The value of each row ``(B, N)`` up to which half of the weight lies: argmin of ``sum w |value - m|``."""
    if values.device.type == "cpu":  # numpy sorts in a part of torch's time
        found = [_weighted_median(*row) for row in zip(values.numpy(), weights.numpy(), strict=True)]
        return values.new_tensor(found)
    ordered, places = values.sort(1)
    reached = weights.gather(1, places).cumsum(1)
    half = (reached >= 0.5 * reached[:, -1:]).int().argmax(1, keepdim=True)
    return ordered.gather(1, half)[:, 0]


def _weighted_median(values: _Values, weights: _Values) -> float:
    places = np.argsort(values)
    reached = np.cumsum(weights[places])
    return float(values[places[np.argmax(reached >= 0.5 * reached[-1])]])
