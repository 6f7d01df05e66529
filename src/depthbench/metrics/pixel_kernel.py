"""The standard sums of :mod:`depthbench.metrics.pixel_pass` on a CPU by ``pixel_pass.c``, where it can be compiled."""

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from depthbench.native import compiled

SumKey = tuple[str, bool | None]
"""A column, and which way it is taken where rules differ in it: strict, or swapped."""

SOURCE = Path(__file__).with_name("pixel_pass.c")
# In the order of the C file; where rules differ in a sum, which way it is taken.
ROWS: tuple[SumKey, ...] = (
    ("pixels", None),
    *((f"delta{power}", False) for power in (1, 2, 3)),
    *((f"delta{power}", True) for power in (1, 2, 3)),
    ("square", None),
    ("log_abs", None),
    *((name, swapped) for swapped in (False, True) for name in ("abs_rel", "sq_rel", "sq_rel_textbook")),
    ("log", False),
    ("log_square", None),
)
# Others are this factor times the logarithm: that of the inverse ratio is the negative, and what is finite is no miss.
_MADE: dict[SumKey, float] = {("log", True): -1.0, ("nonfinite", False): 0.0, ("nonfinite", True): 0.0}
_LOOSE, _STRICT, _SWAPPED = 1, 2, 4  # of the C file
_PLACES = {key: place for place, key in enumerate(ROWS)}


def places_in_kernel(t: Tensor, keys: Sequence[SumKey]) -> list[int]:
    """Which of these sums of these maps can be taken here, by their places; none without a compiler."""
    if t.device.type != "cpu" or _library() is None:
        return []
    return [place for place, key in enumerate(keys) if key in _PLACES or key in _MADE]


class _Maps(ctypes.Structure):
    """``struct maps`` of the C file."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("p", "t", "mask")),
        *((name, ctypes.c_long) for name in ("p_stride", "t_stride", "mask_stride", "rows", "width")),
        ("range", ctypes.c_void_p),
    )


def kernel_sums(
    p: Tensor,
    t: Tensor,
    valid: Tensor | tuple[float, float],
    keys: Sequence[SumKey],
    rows: Sequence[int],
    limits: Sequence[float],
) -> Tensor:
    """Sums of maps ``(N, H, W)`` between rows, per column: ``(R, len(keys), N, W)``, right where they are finite.

    Args:
        p: prediction, float32.
        t: truth, float32.
        valid: mask, or the depths of the truth that count.
        keys: the sums.
        rows: increasing edges.
        limits: of ``|L|`` for delta1 to delta3, first with ``<=``, then with ``<``.
    """
    sums = torch.empty(len(rows) - 1, len(t), len(ROWS), t.shape[2], dtype=torch.float64)
    return _chosen(_filled("pixel_sums", sums, (p, t, valid), keys, rows, limits), keys)


def kernel_totals(
    p: Tensor,
    t: Tensor,
    valid: Tensor | tuple[float, float],
    keys: Sequence[SumKey],
    rows: Sequence[int],
    limits: Sequence[float],
) -> Tensor:
    """As :func:`kernel_sums`, over all columns, and of deltas only what counts: ``(R, len(keys), N)``."""
    sums = torch.empty(len(rows) - 1, len(t), len(ROWS), dtype=torch.float64)
    return _chosen(_filled("pixel_totals", sums, (p, t, valid), keys, rows, limits), keys)


def _filled(
    function: str,
    sums: Tensor,
    maps: tuple[Tensor, Tensor, Tensor | tuple[float, float]],
    keys: Sequence[SumKey],
    rows: Sequence[int],
    limits: Sequence[float],
) -> Tensor:
    """Sums ``(R, N, len(ROWS), ...)``, filled by a function of the C file."""
    call = getattr(_library(), function)
    p, t, valid = _dense(maps[0]), _dense(maps[1]), maps[2]
    mask = _dense(valid) if isinstance(valid, Tensor) else None
    low_high = (ctypes.c_float * 2)(*((0.0, 0.0) if isinstance(valid, Tensor) else valid))
    six, wanted = (ctypes.c_float * 6)(*limits), _wanted(keys)
    strides = [one.stride(1) for one in (p, t, t if mask is None else mask)]
    for strip, (top, bottom) in enumerate(pairwise(rows)):
        for image in range(len(t)):
            addresses = [None if one is None else one[image, top:bottom].data_ptr() for one in (p, t, mask)]
            sizes = bottom - top, t.shape[2]
            of = _Maps(*addresses, *strides, *sizes, ctypes.addressof(low_high))
            call(ctypes.byref(of), six, wanted, ctypes.c_void_p(sums[strip, image].data_ptr()))
    return sums


def _wanted(keys: Sequence[SumKey]) -> int:
    """Which sums to take where rules differ in them."""
    found = 0
    for name, way in keys:
        if name.startswith("delta"):
            found |= _STRICT if way else _LOOSE
        elif way and name in ("abs_rel", "sq_rel", "sq_rel_textbook"):
            found |= _SWAPPED
    return found


def _chosen(sums: Tensor, keys: Sequence[SumKey]) -> Tensor:
    """The sums of keys, ``(R, N, len(ROWS), ...) -> (R, len(keys), N, ...)``."""
    places, factors = _choice(tuple(keys))
    found = sums.index_select(2, places) * factors.view(-1, *(1,) * (sums.ndim - 3))
    return found.transpose(1, 2)


@lru_cache(maxsize=64)
def _choice(keys: tuple[SumKey, ...]) -> tuple[Tensor, Tensor]:
    """Of each key the place of its sum, and its factor."""
    with torch.inference_mode(False):
        places = [_PLACES.get(key, _PLACES["log", False]) for key in keys]
        factors = [1.0 if key in _PLACES else _MADE[key] for key in keys]
        return torch.tensor(places), torch.tensor(factors, dtype=torch.float64)


def _dense(maps: Tensor) -> Tensor:
    """With neighbors of a row side by side in memory."""
    return maps if maps.stride(2) == 1 or maps.shape[2] <= 1 else maps.contiguous()


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)
