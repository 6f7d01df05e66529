"""The standard sums of :mod:`depthbench.metrics.pixel_pass` on a CPU by ``pixel_pass.c``, where it can be compiled."""

import ctypes
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from depthbench.metrics.native import compiled

SOURCE = Path(__file__).with_name("pixel_pass.c")
# In the order of the C file; where rules differ in a sum, which way it is taken.
ROWS: tuple[tuple[str, bool | None], ...] = (
    ("pixels", None),
    *((f"delta{power}", False) for power in (1, 2, 3)),
    *((f"delta{power}", True) for power in (1, 2, 3)),
    ("square", None),
    ("log_abs", None),
    *((name, swapped) for swapped in (False, True) for name in ("abs_rel", "sq_rel", "sq_rel_textbook")),
    ("log", False),
    ("log_square", None),
)
# Others are made from these: the logarithm of the inverse ratio is the negative, and what is finite is not counted.
_MADE = (("log", True), ("nonfinite", False), ("nonfinite", True))
_LOOSE, _STRICT, _SWAPPED = 1, 2, 4  # of the C file
_PLACES = {key: place for place, key in enumerate(ROWS)}


def places_in_kernel(t: Tensor, keys: Sequence[tuple[str, bool | None]]) -> list[int]:
    """Which of these sums of these maps can be taken here, by their places; none without a compiler."""
    if t.device.type != "cpu" or _library() is None:
        return []
    return [place for place, key in enumerate(keys) if key in _PLACES or key in _MADE]


def kernel_sums(
    p: Tensor,
    t: Tensor,
    valid: Tensor | tuple[float, float],
    keys: Sequence[tuple[str, bool | None]],
    rows: Sequence[int],
    limits: Sequence[float],
) -> Tensor:
    """See :func:`~depthbench.metrics.pixel_pass.sums_by_column`, without its care.

    Args:
        p: prediction, float32.
        t: truth, float32.
        valid: mask, or the depths of the truth that count.
        keys: the sums.
        rows: increasing edges.
        limits: of ``|L|`` for delta1 to delta3, first with ``<=``, then with ``<``.
    """
    library = _library()
    assert library is not None
    p, t = _dense(p), _dense(t)
    mask = _dense(valid) if isinstance(valid, Tensor) else None
    low_high = (ctypes.c_float * 2)(*((0.0, 0.0) if isinstance(valid, Tensor) else valid))
    six = (ctypes.c_float * 6)(*limits)
    wanted = _wanted(keys)
    sums = torch.empty(len(rows) - 1, len(t), len(ROWS), t.shape[2], dtype=torch.float64)
    for strip, (top, bottom) in enumerate(pairwise(rows)):
        for image in range(len(t)):
            library.pixel_sums(
                _address(p[image, top:bottom]),
                _address(t[image, top:bottom]),
                None if mask is None else _address(mask[image, top:bottom]),
                *(ctypes.c_long(maps.stride(1)) for maps in (p, t, t if mask is None else mask)),
                ctypes.c_long(bottom - top),
                ctypes.c_long(t.shape[2]),
                *(low_high, six, wanted, _address(sums[strip, image])),
            )
    return torch.stack([_sum_of(sums, key) for key in keys], 1)


def _wanted(keys: Sequence[tuple[str, bool | None]]) -> int:
    """Which sums to take where rules differ in them."""
    found = 0
    for name, way in keys:
        if name.startswith("delta"):
            found |= _STRICT if way else _LOOSE
        elif way and name in ("abs_rel", "sq_rel", "sq_rel_textbook"):
            found |= _SWAPPED
    return found


def _sum_of(sums: Tensor, key: tuple[str, bool | None]) -> Tensor:
    if key == ("log", True):
        return -sums[:, :, _PLACES["log", False]]
    return sums[:, :, _PLACES[key]] if key in _PLACES else torch.zeros_like(sums[:, :, 0])


def _dense(maps: Tensor) -> Tensor:
    """With neighbors of a row side by side in memory."""
    return maps if maps.stride(2) == 1 or maps.shape[2] <= 1 else maps.contiguous()


def _address(maps: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(maps.data_ptr())


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)
