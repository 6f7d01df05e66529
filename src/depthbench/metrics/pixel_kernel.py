"""The standard sums of :mod:`depthbench.metrics.pixel_pass` on a CPU by ``pixel_pass.c``, where it can be compiled."""

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from depthbench.native import compiled

SumKey = tuple[str, bool | None]
"""A column, and which way it is taken where rules differ in it: strict, or swapped."""

Sums = NDArray[np.float64]

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
# Others are this factor times the logarithm: -1 for the inverse ratio, and 0 for misses, since the values are finite.
_MADE: dict[SumKey, float] = {("log", True): -1.0, ("nonfinite", False): 0.0, ("nonfinite", True): 0.0}
_LOOSE, _STRICT, _SWAPPED = 1, 2, 4  # of the C file
_PLACES = {key: place for place, key in enumerate(ROWS)}


def places_in_kernel(t: Tensor, keys: Sequence[SumKey]) -> list[int]:
    """Which of these sums of these maps can be taken here, by their places; none without a compiler."""
    if t.device.type != "cpu" or _library() is None:
        return []
    return [place for place, key in enumerate(keys) if key in _PLACES or key in _MADE]


class PixelMaps(ctypes.Structure):
    """``struct maps`` of the C file."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("p", "t", "mask")),
        *((name, ctypes.c_long) for name in ("p_stride", "t_stride", "mask_stride", "rows", "width")),
        ("range", ctypes.c_void_p),
    )


def maps_of(p: Tensor, t: Tensor, interval: tuple[float, float]) -> PixelMaps:
    """Maps for the kernel: prediction and truth ``(H, W)`` float32, rows without gaps, and the truths that count."""
    limits = (ctypes.c_float * 2)(*interval)
    found = PixelMaps(p.data_ptr(), t.data_ptr(), None, p.stride(0), t.stride(0), 0, *t.shape, ctypes.addressof(limits))
    found.kept = limits
    return found


def kernel_cells(
    p: Tensor,
    t: Tensor,
    valid: Tensor | tuple[float, float],
    keys: Sequence[SumKey],
    edges: tuple[Sequence[int], Sequence[int]],
    limits: Sequence[float],
) -> Sums:
    """Sums of maps ``(N, H, W)`` over the cells of a grid: ``(R, N, C, len(keys))``, right where they are finite.

    Args:
        p: prediction, float32.
        t: truth, float32.
        valid: mask, or the depths of the truth that count.
        keys: the sums.
        edges: increasing ones of the rows and of the columns of cells.
        limits: of ``|L|`` for delta1 to delta3, first with ``<=``, then with ``<``.
    """
    rows, columns = edges
    left, right = columns[0], columns[-1]
    mask = valid[..., left:right] if isinstance(valid, Tensor) else valid
    maps = p[..., left:right], t[..., left:right], mask
    if len(columns) == 2:
        sums = _filled("pixel_totals", (), maps, keys, rows, limits)[:, :, None]
    else:
        per_column = _filled("pixel_sums", (right - left,), maps, keys, rows, limits)
        places = [column - left for column in columns[:-1]]
        sums = np.add.reduceat(per_column, places, axis=-1).swapaxes(-1, -2)
    return chosen(sums, keys)


def chosen(sums: Sums, keys: Sequence[SumKey]) -> Sums:
    """The sums of keys, of all those ``(..., len(ROWS))`` of the C file."""
    places, factors = _choice(tuple(keys))
    found: Sums = sums.take(places, -1) * factors
    return found


def _filled(
    function: str,
    shape: tuple[int, ...],
    maps: tuple[Tensor, Tensor, Tensor | tuple[float, float]],
    keys: Sequence[SumKey],
    rows: Sequence[int],
    limits: Sequence[float],
) -> Sums:
    """Sums ``(R, N, len(ROWS), *shape)`` of a function of the C file."""
    call = getattr(_library(), function)
    p, t, valid = _dense(maps[0]), _dense(maps[1]), maps[2]
    mask = _dense(valid) if isinstance(valid, Tensor) else None
    given = [(one.data_ptr(), *(one.stride(dim) * one.element_size() for dim in (0, 1))) for one in (p, t)]
    given.append((0, 0, 0) if mask is None else (mask.data_ptr(), mask.stride(0), mask.stride(1)))
    strides = p.stride(1), t.stride(1), given[2][2]
    low_high = (ctypes.c_float * 2)(*((0.0, 0.0) if isinstance(valid, Tensor) else valid))
    six, wanted = (ctypes.c_float * 6)(*limits), wanted_sums(tuple(keys))
    sums = np.empty((len(rows) - 1, len(t), len(ROWS), *shape))
    for strip, (top, bottom) in enumerate(pairwise(rows)):
        for image in range(len(t)):
            addresses = [(at + image * apart + top * down) or None for at, apart, down in given]
            of = PixelMaps(*addresses, *strides, bottom - top, t.shape[2], ctypes.addressof(low_high))
            call(ctypes.byref(of), six, wanted, ctypes.c_void_p(sums[strip, image].ctypes.data))
    return sums


@lru_cache(maxsize=64)
def wanted_sums(keys: tuple[SumKey, ...]) -> int:
    """Which sums to take where rules differ in them."""
    found = 0
    for name, way in keys:
        if name.startswith("delta"):
            found |= _STRICT if way else _LOOSE
        elif way and name in ("abs_rel", "sq_rel", "sq_rel_textbook"):
            found |= _SWAPPED
    return found


@lru_cache(maxsize=64)
def _choice(keys: tuple[SumKey, ...]) -> tuple[NDArray[np.intp], Sums]:
    """The place of each key's sum among the kernel's sums, and its factor."""
    places = [_PLACES.get(key, _PLACES["log", False]) for key in keys]
    return np.array(places), np.array([1.0 if key in _PLACES else _MADE[key] for key in keys])


def _dense(maps: Tensor) -> Tensor:
    """The same maps with neighbors of a row side by side in memory."""
    return maps if maps.stride(2) == 1 or maps.shape[2] <= 1 else maps.contiguous()


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)
