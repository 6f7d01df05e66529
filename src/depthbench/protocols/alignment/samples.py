"""At which pixels an alignment is fitted: all, a small nearest copy, or one valid pixel per cell of a grid."""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Rows = tuple[Tensor, Tensor, Tensor]
"""Prediction, truth ``(B, N)`` and mask of the pixels of a fit."""


def limited_to(side: int, prediction: Tensor, truth: Tensor, valid: Tensor) -> Rows:
    """Maps ``(B, 1, H, W)`` whose longer side is scaled down by nearest to at most ``side`` (Marigold on ETH3D)."""
    factor = side / max(truth.shape[-2:])
    if factor < 1:
        maps = (prediction, truth, valid.float())
        prediction, truth, kept = (F.interpolate(one, scale_factor=factor, mode="nearest") for one in maps)
        valid = kept > 0
    return prediction.flatten(1), truth.flatten(1), valid.flatten(1)


def one_per_cell(grid: tuple[int, int], prediction: Tensor, truth: Tensor, valid: Tensor) -> Rows:
    """The valid pixel of maps ``(B, 1, H, W)`` that is nearest to the center of each cell of a grid (MoGe: 64x64).

    A cell is as large as its share of the map and looks for pixels within itself, rounded to pixels; one without a
    valid pixel has none.
    """
    places, inside = _places(grid, (truth.shape[-2], truth.shape[-1]), str(truth.device))
    flat = valid.flatten(1)
    found = flat[:, places] & inside
    first = found.int().argmax(2)
    chosen = places.expand(len(flat), -1, -1).gather(2, first[..., None])[..., 0]
    p, t = (maps.flatten(1).gather(1, chosen) for maps in (prediction, truth))
    return p, t, found.any(2)


@lru_cache(maxsize=8)
def _places(grid: tuple[int, int], size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """Flat places ``(cells, K)`` of the pixels of each cell, nearest to its center first, and which lie on the map."""
    axes = [_axis(cells, length) for cells, length in zip(grid, size, strict=True)]
    (rows, down), (columns, along) = axes
    row, column = rows[:, None, :, None], columns[None, :, None, :]
    shape = (*grid, rows.shape[1], columns.shape[1])
    distance = np.broadcast_to(down[:, None, :, None] ** 2 + along[None, :, None, :] ** 2, shape)
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    flat = row.clip(0, size[0] - 1) * size[1] + column.clip(0, size[1] - 1)
    cells = grid[0] * grid[1]
    order = distance.reshape(cells, -1).round(9).argsort(1, kind="stable")
    taken = (np.take_along_axis(np.broadcast_to(one, shape).reshape(cells, -1), order, 1) for one in (flat, inside))
    places, on_map = (torch.from_numpy(one.copy()).to(device) for one in taken)
    return places, on_map


def _axis(cells: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels ``(cells, K)`` along one axis that a cell looks at, and how far their centers are from the cell's."""
    extent = max(1.0, length / cells)
    center = (np.arange(cells) + 0.5) * (length / cells)
    first = np.round(center - extent / 2).astype(np.int64)
    pixels = first[:, None] + np.arange(math.ceil(extent))
    return pixels, pixels + 0.5 - center[:, None]
