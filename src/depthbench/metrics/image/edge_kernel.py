"""``edges.c`` for maps on a CPU, where it can be compiled: the arithmetic of edges and planes in one pass each.

Each function equals the torch or numpy arithmetic beside its caller, which serves other devices and machines without a
compiler. All take numpy arrays whose rows lie one after another.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.native import compiled

SOURCE = Path(__file__).with_name("edges.c")

FloatMap = NDArray[np.float32]
Mask = NDArray[np.bool_]
Doubles = NDArray[np.float64]


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE)


def takes(*maps: Tensor) -> bool:
    """Whether the kernel takes these maps: float32 on a CPU, and a compiler was found."""
    fit = all(one.device.type == "cpu" and one.dtype == torch.float32 for one in maps)
    return fit and _library() is not None


def takes_doubles(maps: Tensor) -> bool:
    """Like :func:`takes`, for functions that take float64 or masks."""
    return maps.device.type == "cpu" and _library() is not None


def _function(name: str, result: type = ctypes.c_int) -> Callable[..., Any]:
    library = _library()
    assert library is not None
    found = getattr(library, name)
    found.restype = result
    return found  # type: ignore[no-any-return]


def _at(array: NDArray[Any] | None) -> ctypes.c_void_p | None:
    return None if array is None else ctypes.c_void_p(array.ctypes.data)


def dense(maps: Tensor) -> NDArray[Any]:
    """An array whose rows lie one after another; a copy only where they don't."""
    return np.ascontiguousarray(maps.numpy())


def canny_edges(image: Doubles, inside: Doubles, weights: Doubles, low: float, high: float) -> Mask:
    """Canny's edges of a map ``(H, W)``, NaN where it is missing.

    Args:
        image: of at least two rows and columns.
        inside: the Gaussian's sum over the map's pixels, ``(H, W)``.
        weights: of the Gaussian, from the center outward.
        low: least gradient of a weak edge pixel.
        high: least gradient of a strong edge pixel.
    """
    edges = np.empty(image.shape, dtype=bool)
    sizes = (*map(ctypes.c_long, image.shape), _at(weights), ctypes.c_long(len(weights) - 1))
    limits = ctypes.c_double(low), ctypes.c_double(high)
    if not _function("canny")(_at(image), _at(inside), *sizes, *limits, _at(edges)):
        raise MemoryError
    return edges


def nearest_edges(edges: Mask, places: NDArray[np.int64]) -> FloatMap:
    """Distance from places in the flattened map ``(H, W)`` to the nearest True pixel; infinite where there is none."""
    found = np.empty(len(places), dtype=np.float32)
    columns = np.empty(edges.shape, dtype=np.int32)
    sizes = map(ctypes.c_long, edges.shape)
    _function("nearest_edges")(_at(edges), *sizes, _at(places), ctypes.c_long(len(places)), _at(columns), _at(found))
    return found


def step_levels(p: FloatMap, t: FloatMap, limits: Doubles) -> NDArray[np.int64]:
    """Count the pairs with the neighbor right, left, below and above that exceed 0, 1, ... limits, ``(4, 3, K + 1)``.

    Args:
        p: inverse predicted depth ``(H, W)``, NaN where not valid.
        t: inverse true depth.
        limits: increasing ratios ``(K,)``, the least above 1.

    Returns:
        Of the prediction, of the truth, and of the lesser of both. Pairs below all limits are counted in part only.
    """
    found = np.empty((4, 3, len(limits) + 1), dtype=np.int64)
    marks = np.empty(t.shape[1], dtype=np.uint8)
    sizes = (*map(ctypes.c_long, t.shape), _at(limits), ctypes.c_long(len(limits)))
    _function("step_levels")(_at(p), _at(t), *sizes, _at(marks), _at(found))
    return found


def step_marks(maps: FloatMap, valid: Mask | None, step: float) -> Mask:
    """Both pixels of each pair of valid neighbors that differ by more than ``step``; ``valid`` None for all."""
    marks = np.empty(maps.shape, dtype=bool)
    _function("step_marks")(_at(maps), _at(valid), *map(ctypes.c_long, maps.shape), ctypes.c_float(step), _at(marks))
    return marks


def soft_errors(p: FloatMap, t: FloatMap, maps: FloatMap, valid: Mask | None, step: float) -> tuple[float, float]:
    """Over the pixels at a step of ``maps`` (:func:`step_marks`): the sum of their soft errors, and their number.

    A pixel's soft error is the least of the nine errors between the prediction there and the truth around it, which is
    0 around the map and where it is not valid.
    """
    marks, found = np.empty(t.shape[1], dtype=bool), np.empty(2)
    sizes = (*map(ctypes.c_long, t.shape), ctypes.c_float(step))
    _function("soft_errors", ctypes.c_int)(_at(p), _at(t), _at(maps), _at(valid), *sizes, _at(marks), _at(found))
    return float(found[0]), float(found[1])


def plane_pixels(mask: Mask, p: FloatMap, t: FloatMap) -> tuple[NDArray[np.int32], FloatMap, FloatMap]:
    """Places in the flattened maps, predictions and truths of the True pixels."""
    places = np.empty(mask.size, dtype=np.int32)
    found, true = (np.empty(mask.size, dtype=np.float32) for _ in range(2))
    size = ctypes.c_long(mask.size)
    count = _function("taken", ctypes.c_long)(_at(mask), _at(p), _at(t), size, _at(places), _at(found), _at(true))
    return places[:count], found[:count], true[:count]


def point_covariance(
    places: NDArray[np.int32], depth: FloatMap, width: int, inverse: Doubles, factor: float
) -> Doubles:
    """Covariance ``(3, 3)`` of the points of pixels.

    Args:
        places: in the flattened map.
        depth: of the pixels.
        width: of the map.
        inverse: of the intrinsics, ``(3, 3)``.
        factor: of the depth.
    """
    upper = np.empty(6)
    counts = ctypes.c_long(len(places)), ctypes.c_long(width)
    _function("covariance")(_at(places), _at(depth), *counts, _at(inverse), ctypes.c_double(factor), _at(upper))
    return upper[[0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(3, 3)
