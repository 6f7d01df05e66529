"""At which pixels an alignment is fitted: all, a small nearest copy, or one valid pixel per cell of a grid."""

import torch.nn.functional as F
from torch import Tensor

from depthbench.grid_cells import nearest_valid

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
    places, known = nearest_valid(grid, valid)
    p, t = (maps.flatten(1).gather(1, places) for maps in (prediction, truth))
    return p, t, known
