"""One fused, masked pass over the pixels: float64 sums of each image, from which every standard score is read.

Sums are combined by adding, over images, processes and protocols. Below, e = prediction - truth and
L = ln prediction - ln truth, over the valid pixels.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.maps import check_maps

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
"""What the last dimension of the sums holds."""

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

THRESHOLD = 1.25
FINE_POWERS = {"delta0.5": 0.5, "delta0.125": 0.125, "tau": math.log(1.03) / math.log(THRESHOLD)}
_ROUNDING = 4e-8  # of |L| in float32, per factor 1.25

Rule = tuple[bool, bool]
"""``(strict, swapped)``: delta with ``<`` or ``<=``; divide by the truth or by the prediction."""

Interval = tuple[float, float]
"""Least and greatest depth in metres that count, both included."""

PRESENT: Interval = (torch.finfo(torch.float32).tiny, math.inf)
"""Whatever is not missing: from the least positive normal float32 on."""

_Total = Callable[[Tensor], Tensor]


def masked_sums(
    prediction: Tensor, target: Tensor, valid: Tensor | None = None, *, strict: bool = True, extended: bool = False
) -> Tensor:
    """Sums over the valid pixels of each image, from which all standard metrics are read.

    Nothing is hidden: a prediction that is NaN, infinite, zero or negative where the truth is valid makes the image's
    sums NaN or infinite (never an inlier of delta), and is counted in ``nonfinite`` where its relative error is not
    finite. What lies outside the mask has no influence, whatever it holds.

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
        rules: the rules to sum under; what they share is computed once.
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
    # On a CPU one image after the other: its maps stay in the cache, which a batch's do not.
    step = 1 if target.device.type == "cpu" else max(len(target), 1)
    scratch = Scratch.like(target[:step, 0])
    parts = []
    for start in range(0, max(len(target), 1), step):
        part = slice(start, start + step)
        p, t = prediction[part, 0].float(), target[part, 0].float()
        _keep(valid[part, 0] if isinstance(valid, Tensor) else valid, t, scratch)
        sums = _strip_sums(p, t, rules, tuple(rows or (0, height)), scratch, extended)
        parts.append(_cells(sums, tuple(columns or (0, width)), EXTENDED_COLUMNS if extended else COLUMNS))
    return torch.cat(parts)


class Scratch(NamedTuple):
    """Maps ``(N, H, W)`` that every image overwrites: fresh memory costs a CPU as much as the arithmetic."""

    error: Tensor
    ratio: Tensor
    log: Tensor
    spare: Tensor
    double: Tensor
    keep: Tensor

    @classmethod
    def like(cls, maps: Tensor) -> "Scratch":
        """Maps of this shape and device; on a CPU the same ones for every call of a thread."""
        make = _scratch if maps.device.type == "cpu" else _scratch.__wrapped__
        return make(maps.shape, maps.device, threading.get_ident())


@lru_cache(maxsize=2)  # a few MB each; protocols know two sizes of truth
def _scratch(shape: torch.Size, device: torch.device, thread: int) -> Scratch:
    dtypes = (torch.float32,) * 4 + (torch.float64, torch.int32)
    # Not inference tensors, which could not be overwritten outside of inference mode.
    with torch.inference_mode(False):
        return Scratch(*(torch.empty(shape, dtype=dtype, device=device) for dtype in dtypes))


def _keep(valid: Tensor | Interval, t: Tensor, scratch: Scratch) -> None:
    """Set all bits of ``scratch.keep`` where valid, none elsewhere."""
    if not isinstance(valid, Tensor):
        # As 0 and 1 in float32, which on a CPU takes a fraction of the time of a bool mask.
        torch.clamp(t, *valid, out=scratch.spare)
        valid = torch.eq(scratch.spare, t, out=scratch.spare)
    scratch.keep.copy_(valid).neg_()


def least_present(maps: Tensor) -> float:
    """The least depth that is not missing, of maps ``(B, 1, H, W)`` on a CPU; about 1e9 where all are."""
    least = float(maps.amin())
    if least > 0:
        return least
    spare = Scratch.like(maps[:, 0]).spare
    missing = torch.le(maps[:, 0], 0, out=spare)  # as 0 and 1: a `where` takes three times as long
    return float(torch.add(maps[:, 0], missing, alpha=1e9, out=spare).amin())


def _cells(sums: Sequence[Mapping[str, Tensor]], columns: Sequence[int], names: Sequence[str]) -> Tensor:
    """Sums ``(N, R, W)`` by column, for each rule -> ``(N, rules, R, C, columns)``."""
    strips = torch.stack([torch.stack([found[name] for name in names]).double() for found in sums])
    cells = torch.stack([strips[..., left:right].sum(-1) for left, right in pairwise(columns)], -1)
    return cells.permute(2, 0, 3, 4, 1)


def _strip_sums(
    p: Tensor, t: Tensor, rules: Sequence[Rule], rows: Sequence[int], scratch: Scratch, extended: bool
) -> list[dict[str, Tensor]]:
    """Sums ``(N, R, W)`` between the edges ``rows`` of maps ``(N, H, W)``, by column, for each rule."""
    error, ratio, log, spare, double, keep = scratch
    total = partial(_totals, rows=rows)
    pixels = -total(keep)
    torch.sub(p, t, out=error)
    _zero_outside(error, keep)
    torch.div(error, t, out=ratio)
    _zero_outside(ratio, keep)  # once more: 0 / 0
    torch.log1p(ratio, out=log)
    shared = {"pixels": pixels, "square": total(torch.mul(error, error, out=spare))}
    # In float64, since SILog is a small difference of large sums.
    logs = total(double.copy_(log))
    shared["log_square"] = total(double.square_())
    shared["log_abs"] = total(log.abs_())
    # Filled, not copied: a copy would wait for the device.
    heights = [torch.full((1,), bottom - top, device=p.device) for top, bottom in pairwise(rows)]
    outside = torch.stack(heights) - pixels
    deltas = {strict: _deltas(log, strict, total, outside, spare) for strict in {strict for strict, _ in rules}}
    if extended:
        shared |= _inverses(p, t, error, keep, total, spare) | {"d_auc": total(_areas(log, keep, spare))}
        for strict in deltas:
            deltas[strict] |= _deltas(log, strict, total, outside, spare, FINE_POWERS)
    relatives = {}
    for swapped in sorted({swapped for _, swapped in rules}):
        if swapped:
            _zero_outside(torch.div(error, p, out=ratio), keep)
        relatives[swapped] = _relatives(error, ratio, total, spare) | {"log": -logs if swapped else logs}
    return [shared | deltas[strict] | relatives[swapped] for strict, swapped in rules]


def _totals(values: Tensor, rows: Sequence[int]) -> Tensor:
    """Sums over the rows between edges, ``(N, H, W) -> (N, R, W)``: of a few hundred numbers, in their own type."""
    dtype = values.dtype if values.is_floating_point() else torch.int32
    heights = [bottom - top for top, bottom in pairwise(rows)]
    return torch.stack([strip.sum(1, dtype=dtype) for strip in values.split_with_sizes(heights, 1)], 1)


def _zero_outside(values: Tensor, keep: Tensor) -> None:
    """In place and by bits: so NaN becomes 0 as well, at a fraction of the time that ``torch.where`` takes."""
    values.view(torch.int32).bitwise_and_(keep)


_POWERS: dict[str, float] = {"delta1": 1, "delta2": 2, "delta3": 3}


def _deltas(
    log_abs: Tensor,
    strict: bool,
    total: _Total,
    outside: Tensor,
    spare: Tensor,
    powers: Mapping[str, float] = _POWERS,
) -> dict[str, Tensor]:
    """max(p/t, t/p) < 1.25^n as |L| < n ln 1.25; what rounds to the threshold counts as equal to it."""
    test, slack = (torch.lt, -_ROUNDING) if strict else (torch.le, _ROUNDING)
    limits = {name: power * math.log(THRESHOLD) + max(power, 1) * slack for name, power in powers.items()}
    return {name: total(test(log_abs, limit, out=spare)) - outside for name, limit in limits.items()}


def _inverses(p: Tensor, t: Tensor, error: Tensor, keep: Tensor, total: _Total, spare: Tensor) -> dict[str, Tensor]:
    """|e|, and |1/p - 1/t| as |e| / (p t), which does not cancel."""
    sums = {"absolute": total(torch.abs(error, out=spare))}
    torch.div(error, torch.mul(p, t, out=spare), out=spare)
    _zero_outside(spare.abs_(), keep)  # 0 / 0
    sums["inverse"] = total(spare)
    sums["inverse_square"] = total(spare.square_())
    return sums


def _areas(log_abs: Tensor, keep: Tensor, spare: Tensor) -> Tensor:
    """Each pixel's part in UniDepth's ``d_auc``: the weights of the trapezoid rule of the exponents it stays below.

    The rule has 100 exponents from 0.01 to 5, so a pixel's part is a step function of |L|.
    """
    step = (5 - 0.01) / 99
    torch.mul(log_abs, 1 / (math.log(THRESHOLD) * step), out=spare).sub_(0.01 / step).floor_()
    spare.neg_().add_(98.5).mul_(step / 5).clamp_(0, 99 * step / 5)
    _zero_outside(spare.nan_to_num_(nan=0.0), keep)
    return spare


def _relatives(error: Tensor, ratio: Tensor, total: _Total, spare: Tensor) -> dict[str, Tensor]:
    sums = {"sq_rel": total(torch.mul(error, ratio, out=spare)).abs()}  # of one sign
    sums["sq_rel_textbook"] = total(torch.mul(ratio, ratio, out=spare))
    sums["abs_rel"] = total(ratio.abs_())
    if ratio.device.type == "cpu" and math.isfinite(sums["abs_rel"].sum()):  # elsewhere asking would wait
        sums["nonfinite"] = torch.zeros_like(sums["abs_rel"])
    else:
        sums["nonfinite"] = total(torch.eq(ratio, math.inf, out=spare)) + total(torch.ne(ratio, ratio, out=spare))
    return sums
