"""One fused, masked pass over the pixels: float64 sums of each image, from which every standard score is read.

Sums are combined by adding, over images, processes and protocols. Below, e = prediction - truth and
L = ln prediction - ln truth, over the valid pixels.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.maps import check_maps
from depthbench.metrics.pixel_kernel import SumKey, places_in_kernel
from depthbench.metrics.pixel_pass import (
    BLOCK,
    Interval,
    Rule,
    Scratch,
    key_of,
    number_of_bits,
    sums_by_cell,
)

COLUMNS = (
    "pixels",  # valid pixels
    "nonfinite",  # of these, the ones whose relative error is not finite
    "delta1",
    "delta2",
    "delta3",
    "abs_rel",  # |e| / truth
    "sq_rel",  # e^2 / truth
    "sq_rel_textbook",  # e^2 / truth^2
    "square",  # e^2
    "log",  # L
    "log_square",  # L^2
    "log_abs",  # |L|
)
"""Names of the last dimension of the sums."""

EXTENDED_COLUMNS = (
    *COLUMNS,
    "absolute",  # |e|
    "inverse",  # |1 / prediction - 1 / truth|
    "inverse_square",
    "delta0.5",  # below 1.25^0.5
    "delta0.125",
    "tau",  # below 1.03
    "d_auc",  # area under delta over its exponent from 0.01 to 5
)
"""With the sums of the extended scores, which are taken where they are asked for."""

PRESENT: Interval = (torch.finfo(torch.float32).tiny, math.inf)
"""Range of depth that is not missing: from the least positive normal float32 on."""

_LAST = torch.iinfo(torch.int32).max


def masked_sums(
    prediction: Tensor, target: Tensor, valid: Tensor | None = None, *, strict: bool = True, extended: bool = False
) -> Tensor:
    """Sums over the valid pixels of each image, from which all standard metrics are read.

    Nothing is hidden: a prediction that is NaN, infinite, zero or negative where the truth is valid makes the image's
    sums NaN or infinite (never an inlier of delta), and is counted in ``nonfinite`` where its relative error is not
    finite. Pixels outside the mask have no influence, whatever they hold.

    Args:
        prediction: ``(B, 1, H, W)`` metres, any floating dtype (computed in float32, summed in float64).
        target: ``(B, 1, H, W)`` metres.
        valid: bool mask of the same shape; by default ``target > 0``.
        strict: whether delta counts ``ratio < 1.25^n`` (BTS, AdaBins) or ``<=`` (Hu 2019, Lee and Kim 2020). Ratios
            that differ from the threshold by float32 rounding only (n * 4e-8) count as equal to it.
        extended: whether the sums of the extended scores are taken, too.

    Returns:
        ``(B, len(COLUMNS))`` float64 (``EXTENDED_COLUMNS``); all zero for an image without a valid pixel.

    Raises:
        UserError: if the shapes differ.

    Example:
        >>> import torch
        >>> from depthbench.metrics import masked_sums
        >>> from depthbench.metrics.pixel_sums import COLUMNS
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> sums = masked_sums(prediction, truth)
        >>> sums.shape, sums[0, COLUMNS.index("pixels")].item(), sums[0, COLUMNS.index("square")].item()
        (torch.Size([1, 12]), 3.0, 2.0)
    """
    cells = cell_sums(prediction, target, PRESENT if valid is None else valid, [(strict, False)], extended=extended)
    return cells[:, 0, 0, 0]


@torch.no_grad()
def cell_sums(
    prediction: Tensor,
    target: Tensor,
    valid: Tensor | Interval,
    rules: Sequence[Rule],
    rows: Sequence[int] | None = None,
    columns: Sequence[int] | None = None,
    extended: bool = False,
) -> Tensor:
    """:func:`masked_sums` under several rules and over the cells of a grid, in the same single pass.

    Any rectangle whose edges are among ``rows`` and ``columns`` is then a sum of cells, so many crops cost one pass.

    Args:
        prediction: ``(B, 1, H, W)`` metres.
        target: ``(B, 1, H, W)`` metres.
        valid: mask as there, or the depths of the target that count, which is faster.
        rules: the rules to sum under; shared parts are computed once.
        rows: increasing edges of the cells, by default ``(0, H)``.
        columns: the same along the width, by default ``(0, W)``.
        extended: as there.

    Returns:
        ``(B, len(rules), len(rows) - 1, len(columns) - 1, len(COLUMNS))`` float64 (``EXTENDED_COLUMNS``).
    """
    check_maps(prediction, target, valid if isinstance(valid, Tensor) else None)
    if target.shape[1] != 1:
        raise UserError(f"Expected depth maps (B, 1, H, W), got {tuple(target.shape)}.")
    height, width = target.shape[-2:]
    edges = tuple(rows or (0, height)), tuple(columns or (0, width))
    names = EXTENDED_COLUMNS if extended else COLUMNS
    p, t = prediction[:, 0].float(), target[:, 0].float()
    mask = valid[:, 0] if isinstance(valid, Tensor) else valid
    if target.device.type != "cpu":  # elsewhere asking whether a sum is finite would wait
        return _grid_sums(p, t, mask, rules, edges, names, careful=True)
    # Without the C file one image after the other, since its maps stay in the cache.
    step = max(len(t), 1) if places_in_kernel(t, [("pixels", None)]) else 1
    parts = [slice(start, start + step) for start in range(0, max(len(t), 1), step)]
    found = [_grid_sums(p[part], t[part], _part(mask, part), rules, edges, names, careful=False) for part in parts]
    sums = torch.cat(found) if len(found) != 1 else found[0]
    for index in np.flatnonzero(~np.isfinite(sums.numpy().sum((1, 2, 3, 4)))):
        part = slice(index, index + 1)
        sums[part] = _grid_sums(p[part], t[part], _part(mask, part), rules, edges, names, careful=True)
    return sums


def _part(valid: Tensor | Interval, part: slice) -> Tensor | Interval:
    return valid[part] if isinstance(valid, Tensor) else valid


def _grid_sums(
    p: Tensor,
    t: Tensor,
    valid: Tensor | Interval,
    rules: Sequence[Rule],
    edges: tuple[Sequence[int], Sequence[int]],
    names: Sequence[str],
    careful: bool,
) -> Tensor:
    """Sums of maps ``(N, H, W)``, ``(N, rules, R, C, len(names))``."""
    keys, order = sum_keys(tuple(rules), tuple(names))
    cells = sums_by_cell(p, t, valid, keys, edges, careful)
    if len(rules) == 1:
        return cells.transpose(0, 1)[:, None]
    by_rule = _picked(cells, order).view(*cells.shape[:-1], len(rules), len(names))
    return by_rule.permute(1, 3, 0, 2, 4)


def _picked(cells: Tensor, order: list[int]) -> Tensor:
    if cells.device.type == "cpu":  # a list is a tensor first, which takes longer than this
        return torch.from_numpy(cells.numpy().take(order, -1))
    return cells[..., order]


@lru_cache(maxsize=64)
def sum_keys(rules: tuple[Rule, ...], names: tuple[str, ...]) -> tuple[tuple[SumKey, ...], list[int]]:
    """The sums that rules take, each once, and which of them is that of each rule and name."""
    wanted = [key_of(name, rule) for rule in rules for name in names]
    keys = tuple(dict.fromkeys(wanted))
    return keys, [keys.index(key) for key in wanted]


def least_present(maps: Tensor) -> float:
    """The least depth that is not missing, of maps on a CPU; infinite where all are missing.

    Positive numbers have the order of their bits. Added to the greatest integer they wrap to the least ones, in
    their order, and 0 and negative numbers don't: a minimum finds them in two passes.
    """
    least = _LAST
    for part in torch.split(maps.float().flatten(), BLOCK):
        spare = Scratch.like(part[None, None], 1).keep[0, 0]
        least = min(least, int(torch.add(part.view(torch.int32), _LAST, out=spare).amin()))
    return number_of_bits((least - _LAST) % 2**32) if least < 0 else math.inf
