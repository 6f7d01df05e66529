"""The arithmetic of :mod:`depthbench.metrics.pixel_sums`: maps block by block, each sum taken once.

A block's maps fit into a processor's second cache, so that no pass waits for the memory. On a CPU with a compiler the
standard sums come from a C file instead (:mod:`~depthbench.metrics.pixel_kernel`); elsewhere this is their arithmetic.
"""

import math
import struct
import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.metrics.pixel_kernel import SumKey, kernel_cells, places_in_kernel

Rule = tuple[bool, bool]
"""``(strict, swapped)``: delta with ``<`` or ``<=``; divide by the truth or by the prediction."""

Interval = tuple[float, float]
"""Least and greatest depth in metres that count, both included; positive."""

THRESHOLD = 1.25
POWERS = {"delta1": 1.0, "delta2": 2.0, "delta3": 3.0}
FINE_POWERS = {"delta0.5": 0.5, "delta0.125": 0.125, "tau": math.log(1.03) / math.log(THRESHOLD)}
_RELATIVE = ("nonfinite", "abs_rel", "sq_rel", "sq_rel_textbook", "log")
_ROUNDING = 4e-8  # of |L| in float32, per factor 1.25
BLOCK = 2**16  # pixels of a block on a CPU


def key_of(column: str, rule: Rule) -> SumKey:
    """Which of the sums a rule takes for a column."""
    strict, swapped = rule
    if column in POWERS or column in FINE_POWERS:
        return column, strict
    return column, swapped if column in _RELATIVE else None


def sums_by_cell(
    p: Tensor,
    t: Tensor,
    valid: Tensor | Interval,
    keys: Sequence[SumKey],
    edges: tuple[Sequence[int], Sequence[int]],
    careful: bool,
) -> Tensor:
    """Sums of maps ``(N, H, W)`` over the cells of a grid: ``(R, N, C, len(keys))`` float64.

    Args:
        p: prediction, float32.
        t: truth, float32.
        valid: mask, or the depths of the truth that count.
        keys: the sums.
        edges: increasing ones of the rows and of the columns of cells.
        careful: whether sums may become infinite or NaN; without, they are right where all of them are finite.
    """
    places = [] if careful else places_in_kernel(t, keys)
    standard = [keys[place] for place in places]
    compiled = torch.from_numpy(kernel_cells(p, t, valid, standard, edges, delta_limits())) if places else None
    if compiled is not None and len(places) == len(keys):
        return compiled
    cells = _cells(_sums_by_block(p, t, valid, keys, edges[0], careful), keys, edges)
    if compiled is not None:
        # The standard sums are the kernel's, too: a score does not depend on which others are asked for.
        cells[..., places] = compiled
    return cells


@cache
def delta_limits() -> tuple[float, ...]:
    """Limits of |L| for the standard deltas, first with <=, then with <."""
    return tuple(_limit(name, strict) for strict in (False, True) for name in POWERS)


def _cells(strips: Tensor, keys: Sequence[SumKey], edges: tuple[Sequence[int], Sequence[int]]) -> Tensor:
    """Sums of each cell from sums per column ``(R, len(keys), N, W)``, whose deltas also count invalid pixels."""
    rows, columns = edges
    # Filled, not copied: a copy would wait for the device.
    heights = torch.stack([strips.new_full((1, 1), bottom - top) for top, bottom in pairwise(rows)])
    outside = heights - strips[:, keys.index(("pixels", None))]
    for index, (name, _) in enumerate(keys):
        if name in POWERS or name in FINE_POWERS:
            strips[:, index] -= outside
    cells = torch.stack([strips[..., left:right].sum(-1) for left, right in pairwise(columns)], -1)
    return cells.permute(0, 2, 3, 1)


def _sums_by_block(
    p: Tensor, t: Tensor, valid: Tensor | Interval, keys: Sequence[SumKey], rows: Sequence[int], careful: bool
) -> Tensor:
    height = max(1, BLOCK // max(t.shape[2], 1)) if t.device.type == "cpu" else t.shape[1]
    strips = [list(pairwise(_edges(top, bottom, height))) for top, bottom in pairwise(rows)]
    heights = {bottom - top for strip in strips for top, bottom in strip}
    scratch = {height: Scratch.like(t, height) for height in heights}
    found = []
    for top, bottom in (block for strip in strips for block in strip):
        mask = valid[:, top:bottom] if isinstance(valid, Tensor) else valid
        sums = _block_sums(p[:, top:bottom], t[:, top:bottom], mask, keys, scratch[bottom - top], careful)
        found += [sums[key] for key in keys]
    blocks = torch.stack(found).double().view(len(found) // len(keys), len(keys), t.shape[0], t.shape[2])
    return torch.stack([strip.sum(0) for strip in torch.split(blocks, [len(strip) for strip in strips])])


def _edges(top: int, bottom: int, height: int) -> list[int]:
    """The edges of blocks of about equal height, none higher than ``height``."""
    count = max(1, -(-(bottom - top) // height))
    return [top + (bottom - top) * index // count for index in range(count + 1)]


class Scratch(NamedTuple):
    """Maps ``(N, H, W)`` that every block overwrites: fresh memory costs a CPU as much as the arithmetic."""

    error: Tensor
    ratio: Tensor
    log: Tensor
    spare: Tensor
    double: Tensor
    keep: Tensor

    @classmethod
    def like(cls, maps: Tensor, height: int) -> "Scratch":
        """Maps of this height and of the width and device of ``maps``; on a CPU the same memory in every call."""
        shape = (maps.shape[0], height, maps.shape[2])
        pixels = math.prod(shape)
        if maps.device.type == "cpu":
            memory = _kept_memory(max(pixels, BLOCK), threading.get_ident())
        else:
            memory = _memory(pixels, maps.device)
        return cls(*(values[:pixels].view(shape) for values in memory))


def _memory(pixels: int, device: torch.device) -> list[Tensor]:
    # Not inference tensors, which could not be overwritten outside of inference mode.
    with torch.inference_mode(False):
        dtypes = (torch.float32,) * 4 + (torch.float64, torch.int32)
        return [torch.empty(pixels, dtype=dtype, device=device) for dtype in dtypes]


@lru_cache(maxsize=2)  # 2 MB each
def _kept_memory(pixels: int, thread: int) -> list[Tensor]:
    return _memory(pixels, torch.device("cpu"))


def _block_sums(
    p: Tensor, t: Tensor, valid: Tensor | Interval, keys: Sequence[SumKey], scratch: Scratch, careful: bool
) -> dict[SumKey, Tensor]:
    """The sums of a block, ``(N, W)`` each; deltas also count invalid pixels."""
    error, ratio, log, spare, double, keep = scratch
    _keep(valid, t, keep)
    sums: dict[SumKey, Tensor] = {("pixels", None): -_total(keep)}
    torch.sub(p, t, out=error)
    _zero_outside(error, keep)
    torch.div(error, t, out=ratio)
    _zero_outside(ratio, keep)  # once more: 0 / 0
    _log1p(ratio, log, scratch, careful)
    sums["square", None] = _total(torch.mul(error, error, out=spare))
    # In float64, since SILog is a small difference of large sums.
    sums["log", False] = _total(double.copy_(log))
    sums["log_square", None] = _total(double.square_())
    sums["log_abs", None] = _total(log.abs_())
    _deltas(sums, keys, log, spare)
    if ("absolute", None) in keys:
        _inverses(sums, p, t, error, keep, spare)
        sums["d_auc", None] = _total(_areas(log, keep, spare))
    _relatives(sums, False, error, ratio, spare, careful)
    if ("log", True) in keys:
        _zero_outside(torch.div(error, p, out=ratio), keep)
        _relatives(sums, True, error, ratio, spare, careful)
        sums["log", True] = -sums["log", False]
    return sums


def _total(values: Tensor) -> Tensor:
    """Sums over the rows ``(N, H, W) -> (N, W)``: of a few hundred numbers, in their own type."""
    return values.sum(1, dtype=values.dtype)


def _keep(valid: Tensor | Interval, t: Tensor, keep: Tensor) -> None:
    """Set all bits of ``keep`` where valid, none elsewhere."""
    if isinstance(valid, Tensor):
        keep.copy_(valid)
    else:  # positive numbers have the order of their bits; of integers all of this is fast
        bits = t.view(torch.int32)
        torch.clamp(bits, *map(_bits, valid), out=keep)
        torch.eq(keep, bits, out=keep)
    keep.neg_()


def _bits(value: float) -> int:
    return int(struct.unpack("i", struct.pack("f", value))[0])


def number_of_bits(bits: int) -> float:
    """The float32 that has these bits."""
    return float(struct.unpack("f", struct.pack("I", bits))[0])


def _zero_outside(values: Tensor, keep: Tensor) -> None:
    """Zero values in place, by their bits: NaN becomes 0 as well, at a fraction of the time of ``torch.where``."""
    values.view(torch.int32).bitwise_and_(keep)


def _log1p(ratio: Tensor, log: Tensor, scratch: Scratch, careful: bool) -> None:
    """Logarithm of 1 + ratio into ``log``, with all its digits where the ratio is small.

    The logarithm of the rounded 1 + ratio, and its relative rounding error, faster than ``torch.log1p`` on a
    CPU; NaN for a ratio that is infinite.
    """
    if careful:
        torch.log1p(ratio, out=log)
        return
    one_more = scratch.spare
    torch.add(ratio, 1, out=one_more)
    torch.sub(ratio, torch.sub(one_more, 1, out=log), out=log)
    half = scratch.double.view(torch.float32).flatten()[: log.numel()].view(log.shape)
    torch.addcdiv(torch.log(one_more, out=half), log, one_more, out=log)


def _deltas(sums: dict[SumKey, Tensor], keys: Sequence[SumKey], log_abs: Tensor, spare: Tensor) -> None:
    """max(p/t, t/p) < 1.25^n as |L| < n ln 1.25; a value that rounds to the threshold counts as equal to it."""
    for name, strict in keys:
        if name in POWERS or name in FINE_POWERS:
            test = torch.lt if strict else torch.le
            sums[name, strict] = _total(test(log_abs, _limit(name, bool(strict)), out=spare))


def _limit(name: str, strict: bool) -> float:
    """The limit of |L| for the delta of this name."""
    power = (POWERS | FINE_POWERS)[name]
    return power * math.log(THRESHOLD) + max(power, 1) * (-_ROUNDING if strict else _ROUNDING)


def _inverses(sums: dict[SumKey, Tensor], p: Tensor, t: Tensor, error: Tensor, keep: Tensor, spare: Tensor) -> None:
    """|e|, and |1/p - 1/t| as |e| / (p t), which does not cancel."""
    sums["absolute", None] = _total(torch.abs(error, out=spare))
    torch.div(error, torch.mul(p, t, out=spare), out=spare)
    _zero_outside(spare.abs_(), keep)  # 0 / 0
    sums["inverse", None] = _total(spare)
    sums["inverse_square", None] = _total(spare.square_())


def _areas(log_abs: Tensor, keep: Tensor, spare: Tensor) -> Tensor:
    """Each pixel's part in UniDepth's ``d_auc``: the weights of the trapezoid rule of the exponents it stays below.

    The rule has 100 exponents from 0.01 to 5, so a pixel's part is a step function of |L|.
    """
    step = (5 - 0.01) / 99
    torch.mul(log_abs, 1 / (math.log(THRESHOLD) * step), out=spare).sub_(0.01 / step).floor_()
    spare.neg_().add_(98.5).mul_(step / 5).clamp_(0, 99 * step / 5)
    _zero_outside(spare.nan_to_num_(nan=0.0), keep)
    return spare


def _relatives(
    sums: dict[SumKey, Tensor], swapped: bool, error: Tensor, ratio: Tensor, spare: Tensor, careful: bool
) -> None:
    sums["sq_rel", swapped] = _total(torch.mul(error, ratio, out=spare)).abs()  # of one sign
    sums["sq_rel_textbook", swapped] = _total(torch.mul(ratio, ratio, out=spare))
    total = sums["abs_rel", swapped] = _total(ratio.abs_())
    sums["nonfinite", swapped] = torch.zeros_like(total)
    if careful:
        for test, other in ((torch.eq, math.inf), (torch.ne, ratio)):
            sums["nonfinite", swapped] += _total(test(ratio, other, out=spare))
