"""``fits.c`` for rows and maps on a CPU, where it can be compiled: a fit in as few passes as it needs.

Each function equals the torch or numpy arithmetic beside its caller, which serves other devices and machines without a
compiler.
"""

import ctypes
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.native import compiled
from depthbench.output_kinds import Quantity
from depthbench.protocols.scored_maps import ClampLimits

SOURCE = Path(__file__).with_name("fits.c")

FloatRow = NDArray[np.float64]

_RECIPROCAL: tuple[Quantity, ...] = ("depth", "disparity")
_LOGARITHMS = {"log": 1, "log1p": 2}  # of the C file


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)


def serves(*rows: Tensor | None) -> bool:
    """Whether the kernel takes these: float64, one after another on a CPU, and a compiler was found."""
    given = [one for one in rows if one is not None]
    fit = all(one.device.type == "cpu" and one.dtype == torch.float64 and one.is_contiguous() for one in given)
    return fit and _library() is not None


def serves_maps(*maps: Tensor) -> bool:
    """Whether the kernel takes maps: float32 on a CPU, their rows without gaps, and a compiler was found."""
    fit = all(one.device.type == "cpu" and one.dtype == torch.float32 and one.stride(-1) == 1 for one in maps)
    return fit and _library() is not None


def _at(rows: Tensor | None) -> ctypes.c_void_p | None:
    return None if rows is None else ctypes.c_void_p(rows.data_ptr())


def _of(row: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(row.ctypes.data)


def lines(x: Tensor, y: Tensor, weight: Tensor | None, rounds: int = 0, floor: float = 0.0) -> Tensor:
    """Scale, x0 and y0 of the line of least squares of each row ``(B, 3)``.

    Args:
        x: predictions ``(B, N)``.
        y: truths.
        weight: of each pixel; None for 1.
        rounds: further ones, in which a pixel weighs its weight over its absolute residual.
        floor: of the residual.
    """
    library = _library()
    assert library is not None
    found, again = torch.empty(len(x), 3, dtype=torch.float64), torch.empty(x.shape[1], dtype=torch.float64)
    for row in range(len(x)):
        sides = _at(x[row]), _at(y[row]), None if weight is None else _at(weight[row])
        rest = ctypes.c_long(x.shape[1]), ctypes.c_long(rounds), ctypes.c_double(floor)
        library.fitted_line(*sides, *rest, _at(again), _at(found[row]))
    return found


def valid_pixels(prediction: Tensor, truth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The valid pixels ``(N,)`` of two maps ``(H, W)`` that :func:`serves_maps`."""
    library = _library()
    assert library is not None
    library.taken.restype = ctypes.c_long
    maps = [one if one.stride(-1) == 1 else one.contiguous() for one in (prediction, truth, valid)]
    found = [torch.empty(truth.numel(), dtype=torch.float32) for _ in range(2)]
    strides = (ctypes.c_long * 3)(*(one.stride(0) for one in maps))
    sizes = map(ctypes.c_long, truth.shape)
    count = library.taken(*map(_at, maps), strides, *sizes, *map(_at, found))
    return found[0][:count], found[1][:count]


class Moments(NamedTuple):
    """Moments of the pixels of a fit: number, means of both sides, sums of products of deviations from the means."""

    pixels: int
    x: float
    y: float
    xx: float
    xy: float


def moments(x: Tensor, y: Tensor, inverts: tuple[bool, bool]) -> Moments:
    """The moments of rows ``(N,)`` float32.

    Args:
        x: predictions.
        y: truths.
        inverts: which of both are inverted first.
    """
    library = _library()
    assert library is not None
    found = (ctypes.c_double * 4)()
    library.moments(_at(x), _at(y), ctypes.c_long(len(x)), *map(int, inverts), found)
    return Moments(len(x), *found)


def agreeing(x: FloatRow, y: FloatRow, scale: float, shift: float, threshold: float, inside: NDArray[np.bool_]) -> int:
    """Number of pixels within the threshold of a line; their mask is written into ``inside``."""
    library = _library()
    assert library is not None
    library.agreeing.restype = ctypes.c_long
    line = (ctypes.c_double(value) for value in (scale, shift, threshold))
    return int(library.agreeing(_of(x), _of(y), ctypes.c_long(len(x)), *line, _of(inside)))


def explained(x: FloatRow, y: FloatRow, inside: NDArray[np.bool_], scale: float, shift: float) -> tuple[float, float]:
    """Sums of squares over the pixels inside: of the residuals of a line, and of the differences of y from its mean."""
    library = _library()
    assert library is not None
    found = (ctypes.c_double * 2)()
    rows = _of(x), _of(y), _of(inside), ctypes.c_long(len(x))
    library.explained(*rows, ctypes.c_double(scale), ctypes.c_double(shift), found)
    return found[0], found[1]


def line_inside(
    x: FloatRow, y: FloatRow, inside: NDArray[np.bool_], near: tuple[float, float]
) -> tuple[float, float, float]:
    """Scale, x0 and y0 of the line of least squares through the pixels inside.

    Args:
        x: predictions.
        y: truths.
        inside: the pixels.
        near: a point among them.
    """
    library = _library()
    assert library is not None
    found = (ctypes.c_double * 3)()
    rows = _of(x), _of(y), _of(inside), ctypes.c_long(len(x))
    library.fitted_inside(*rows, *map(ctypes.c_double, near), found)
    return found[0], found[1], found[2]


def goes_between(quantity: Quantity, space: Quantity) -> bool:
    """Whether the kernel brings a quantity into a space: any into itself, depth and disparity into all."""
    return quantity == space or quantity in _RECIPROCAL


def _into(quantity: Quantity, space: Quantity) -> tuple[bool, int]:
    """Whether a value is inverted first, and which logarithm of it is taken."""
    if quantity == space:
        return False, 0
    return (quantity == "disparity") != (space == "disparity"), _LOGARITHMS.get(space, 0)


def row_in_space(values: Tensor, quantity: Quantity, space: Quantity) -> Tensor:
    """A row ``(N,)`` float32 of a quantity, in another quantity that it :func:`goes_between`: float64."""
    library = _library()
    assert library is not None
    found = torch.empty(values.shape, dtype=torch.float64)
    library.in_space(_at(values), ctypes.c_long(len(values)), *map(int, _into(quantity, space)), _at(found))
    return found


class Way(ctypes.Structure):
    """``struct way`` of the C file: see :func:`way`."""

    _fields_ = (
        *((name, ctypes.c_double) for name in ("scale", "x0", "y0", "floor", "least", "greatest")),
        *((name, ctypes.c_float) for name in ("low", "high")),
        *((f"{name}_{place}", ctypes.c_int32) for place in ("first", "last") for name in ("inverts", "log")),
        ("limited", ctypes.c_int32),
    )


def way(
    line: tuple[float, float, float],
    between: tuple[Quantity, Quantity],
    edges: tuple[float, float, float],
    limits: ClampLimits = (None, None),
) -> Way:
    """The way of a prediction through a line to depth.

    Args:
        line: scale, x0 and y0.
        between: the quantity of the prediction and that of the line, which the first :func:`goes_between`.
        edges: least prediction, least and greatest value of the line; infinite for none.
        limits: of finite depth in metres.
    """
    low, high = limits
    space = between[1]
    turns = *_into(*between), space == "disparity", _LOGARITHMS.get(space, 0)
    metres = -math.inf if low is None else low, math.inf if high is None else high
    return Way(*line, *edges, *metres, *map(int, turns), limits != (None, None))


def through(prediction: Tensor, by: Way, out: Tensor | None = None) -> tuple[Tensor, int]:
    """Depth ``(H, W)`` of a prediction ``(H, W)``, and how many depths are not above 0 before limits.

    Args:
        prediction: that :func:`serves_maps`.
        by: the way.
        out: where to write it, without gaps; None for new memory.
    """
    library = _library()
    assert library is not None
    library.through.restype = ctypes.c_long
    found = torch.empty(prediction.shape, dtype=torch.float32) if out is None else out
    sizes = (ctypes.c_long(size) for size in (prediction.stride(0), *prediction.shape))
    return found, library.through(_at(prediction), *sizes, ctypes.byref(by), _at(found))
