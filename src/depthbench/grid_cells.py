"""One valid pixel for each cell of a grid over a map: the sample on which MoGe fits its alignments."""

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_KEPT = 1 << 16  # cells: the places of larger grids take megabytes and are found anew


def nearest_valid(grid: tuple[int, int], valid: Tensor) -> tuple[Tensor, Tensor]:
    """The valid pixel of masks ``(B, 1, H, W)`` that is nearest to the center of each cell of a grid (MoGe: 64x64).

    A cell is as large as its share of the map and looks for pixels within itself, rounded to pixels.

    Returns:
        Places ``(B, cells)`` in the flattened map, and whether the cell has a valid pixel at all.
    """
    find = _kept_places if grid[0] * grid[1] <= _KEPT else _places
    places, inside = find(grid, (valid.shape[-2], valid.shape[-1]), str(valid.device))
    flat = valid.flatten(1)
    if valid.device.type == "cpu":
        rows = [_nearest_of_one(row, places, inside) for row in flat]
        found, known = (torch.stack(parts) for parts in zip(*rows, strict=True)) if rows else (flat.long(), flat)
        return found, known
    seen = flat[:, places] & inside
    first = seen.int().argmax(2)
    return places.expand(len(flat), -1, -1).gather(2, first[..., None])[..., 0], seen.any(2)


def _nearest_of_one(valid: Tensor, places: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest valid pixel of each cell of a mask ``(N,)`` on a CPU; most cells have it next to their center."""
    mask, at, on_map = valid.numpy(), places.numpy(), inside.numpy()  # numpy looks up in a part of torch's time
    found = at[:, 0].copy()
    known = mask.take(found) & on_map[:, 0]
    left = np.flatnonzero(~known)
    if len(left):
        others = at.take(left, 0)
        seen = mask.take(others) & on_map.take(left, 0)
        found[left] = others[np.arange(len(left)), seen.argmax(1)]
        known[left] = seen.any(1)
    return torch.from_numpy(found), torch.from_numpy(known)


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


_kept_places = lru_cache(maxsize=8)(_places)


def _axis(cells: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels ``(cells, K)`` along one axis that a cell looks at, and how far their centers are from the cell's."""
    extent = max(1.0, length / cells)
    center = (np.arange(cells) + 0.5) * (length / cells)
    first = np.round(center - extent / 2).astype(np.int64)
    pixels = first[:, None] + np.arange(math.ceil(extent))
    return pixels, pixels + 0.5 - center[:, None]
