"""The standard depth metrics in one fused, masked pass: sums first, scores read out of sums.

``masked_sums`` goes over the pixels once and gives float64 sums per image; every score is a pure function of them, so
that images, processes and protocols are combined by adding. Below, e = prediction - truth and
L = ln prediction - ln truth, over the valid pixels.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.ops import check_maps

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

THRESHOLD = 1.25
_LN10 = 2.302585092994046
_ROUNDING = 4e-8  # of |L| in float32, per factor 1.25

_Total = Callable[..., Tensor]

Rule = tuple[bool, bool]
"""``(strict, swapped)``: delta with ``<`` or ``<=``; divide by the truth or by the prediction."""


def masked_sums(prediction: Tensor, target: Tensor, valid: Tensor | None = None, *, strict: bool = True) -> Tensor:
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

    Returns:
        ``(B, len(COLUMNS))`` float64; all zero for an image without a valid pixel.

    Raises:
        UserError: if the shapes differ.
    """
    cells = cell_sums(prediction, target, valid, [(strict, False)])
    return cells[:, 0, 0, 0]


@torch.no_grad()
def cell_sums(
    prediction: Tensor,
    target: Tensor,
    valid: Tensor | None,
    rules: Sequence[Rule],
    rows: Sequence[int] | None = None,
    columns: Sequence[int] | None = None,
) -> Tensor:
    """:func:`masked_sums` under several rules and over the cells of a grid, in the same single pass.

    Any rectangle whose edges are among ``rows`` and ``columns`` is then a sum of cells, so many crops cost one pass.

    Args:
        prediction: ``(B, 1, H, W)`` metres.
        target: ``(B, 1, H, W)`` metres.
        valid: mask or None, as there.
        rules: the rules to sum under; what they share is computed once.
        rows: increasing edges of the cells, by default ``(0, H)``.
        columns: the same along the width, by default ``(0, W)``.

    Returns:
        ``(B, len(rules), len(rows) - 1, len(columns) - 1, len(COLUMNS))`` float64.
    """
    check_maps(prediction, target, valid)
    if target.shape[1] != 1:
        raise UserError(f"Expected depth maps (B, 1, H, W), got {tuple(target.shape)}.")
    height, width = target.shape[-2:]
    grid = (tuple(rows or (0, height)), tuple(columns or (0, width)))
    # On a CPU one image after the other: its maps stay in the cache, which a batch's do not.
    step = 1 if target.device.type == "cpu" else max(len(target), 1)
    scratch = _Scratch.like(target[:step, 0])
    parts = []
    for start in range(0, max(len(target), 1), step):
        part = slice(start, start + step)
        true = target[part]
        mask = within(true, [(torch.gt, 0.0)]) if valid is None else valid[part]
        maps = (prediction[part, 0].float(), true[:, 0].float(), mask[:, 0])
        parts.append(_cells(*maps, rules, grid, scratch))
    return torch.cat(parts)


def within(values: Tensor, tests: Sequence[tuple[Callable[..., Tensor], float]]) -> Tensor:
    """Bool mask of where all tests (``torch.gt`` and so on) hold.

    Compared as 0 and 1 in the dtype of the values, which on a CPU is several times as fast as bool masks.
    """
    mask, spare = torch.ones_like(values), torch.empty_like(values)
    for test, bound in tests:
        mask *= test(values, bound, out=spare)
    return mask.to(torch.uint8).view(torch.bool)


class _Scratch(NamedTuple):
    """Maps ``(N, H, W)`` that every image overwrites: fresh memory costs a CPU as much as the arithmetic."""

    error: Tensor
    ratio: Tensor
    log: Tensor
    spare: Tensor
    keep: Tensor

    @classmethod
    def like(cls, maps: Tensor) -> "_Scratch":
        error, ratio, log, spare = (torch.empty(maps.shape, device=maps.device) for _ in range(4))
        return cls(error, ratio, log, spare, torch.empty(maps.shape, device=maps.device, dtype=torch.int32))


def _cells(
    p: Tensor,
    t: Tensor,
    valid: Tensor,
    rules: Sequence[Rule],
    grid: tuple[Sequence[int], Sequence[int]],
    scratch: _Scratch,
) -> Tensor:
    """``(N, H, W)`` maps -> ``(N, rules, R, C, columns)``."""
    rows, columns = grid
    bands = list(pairwise(columns))
    # Filled, not copied: a copy would wait for the device.
    area = torch.stack([torch.full((), right - left, device=t.device) for left, right in bands])
    named = _named_sums(p, t, valid, area, rules, bands, scratch)
    # Along the width in float32, which is short; stacked and from here on in float64: (rules, columns, N, H, C).
    sums = torch.stack([torch.stack([found[name] for name in COLUMNS]) for found in named])
    cells = torch.stack([sums[..., top:bottom, :].sum(-2) for top, bottom in pairwise(rows)], -2)
    return cells.permute(2, 0, 3, 4, 1)


def _named_sums(
    p: Tensor,
    t: Tensor,
    valid: Tensor,
    area: Tensor,
    rules: Sequence[Rule],
    bands: Sequence[tuple[int, int]],
    scratch: _Scratch,
) -> list[dict[str, Tensor]]:
    """Sums ``(N, H, C)`` of each column by name, for each rule."""
    error, ratio, log, spare, keep = scratch
    total = partial(_band_sums, bands=bands)
    torch.neg(keep.copy_(valid), out=keep)  # all bits set where valid
    pixels = -total(keep, dtype=torch.int32)
    torch.sub(p, t, out=error)
    torch.div(error, t, out=ratio)
    _zero_outside(torch.log1p(ratio, out=log), keep)
    _zero_outside(error, keep)
    logs = total(log)
    # ln^2 in float64, since SILog is a small difference of large sums.
    shared = {"pixels": pixels, "square": _square_sums(error, bands)}
    shared["log_square"] = _square_sums(log, bands, torch.float64)
    shared["log_abs"] = total(log.abs_())
    deltas = {strict: _deltas(log, strict, total, area - pixels, spare) for strict in {strict for strict, _ in rules}}
    relatives = {}
    for swapped in sorted({swapped for _, swapped in rules}):
        _zero_outside(torch.div(error, p, out=ratio) if swapped else ratio, keep)
        relatives[swapped] = _relatives(error, ratio, bands, area, spare) | {"log": -logs if swapped else logs}
    return [shared | deltas[strict] | relatives[swapped] for strict, swapped in rules]


def _band_sums(values: Tensor, bands: Sequence[tuple[int, int]], dtype: torch.dtype | None = None) -> Tensor:
    """Sums of each row within each band of columns: ``(N, H, W) -> (N, H, C)``."""
    if len(bands) == 1:
        return values.sum(-1, keepdim=True, dtype=dtype)
    return torch.stack([values[..., left:right].sum(-1, dtype=dtype) for left, right in bands], -1)


def _square_sums(values: Tensor, bands: Sequence[tuple[int, int]], dtype: torch.dtype = torch.float32) -> Tensor:
    """:func:`_band_sums` of the squares, in float64, without a map of squares."""
    norm = partial(torch.linalg.vector_norm, dim=-1, dtype=dtype)
    return torch.stack([norm(values[..., left:right]) for left, right in bands], -1).double().square()


def _zero_outside(values: Tensor, keep: Tensor) -> None:
    """In place and by bits: so NaN becomes 0 as well, at a third of the time that ``torch.where`` takes."""
    values.view(torch.int32).bitwise_and_(keep)


def _deltas(log_abs: Tensor, strict: bool, total: _Total, outside: Tensor, spare: Tensor) -> dict[str, Tensor]:
    """max(p/t, t/p) < 1.25^n as |L| < n ln 1.25; what rounds to the threshold counts as equal to it."""
    test, slack = (torch.lt, -_ROUNDING) if strict else (torch.le, _ROUNDING)
    limits = [power * (math.log(THRESHOLD) + slack) for power in (1, 2, 3)]
    # Compared as 0 and 1 in float32, which on a CPU is several times as fast as a bool mask and its count.
    return {f"delta{n}": total(test(log_abs, limit, out=spare)) - outside for n, limit in enumerate(limits, 1)}


def _relatives(
    error: Tensor, ratio: Tensor, bands: Sequence[tuple[int, int]], area: Tensor, spare: Tensor
) -> dict[str, Tensor]:
    sums = {"sq_rel": _band_sums(torch.mul(error, ratio, out=spare), bands).abs()}  # of one sign
    sums["sq_rel_textbook"] = _square_sums(ratio, bands)
    sums["abs_rel"] = _band_sums(ratio.abs_(), bands)
    if ratio.device.type == "cpu" and math.isfinite(sums["abs_rel"].sum()):  # elsewhere asking would wait
        sums["nonfinite"] = torch.zeros_like(sums["abs_rel"])
    else:
        sums["nonfinite"] = area - _band_sums(torch.lt(ratio, float("inf"), out=spare), bands)
    return sums


def means(sums: Tensor) -> Tensor:
    """Sums divided by their number of pixels (the column ``pixels`` becomes 1); NaN where there is none."""
    return sums / sums[..., :1]


def delta(sums: Tensor, power: int = 1) -> Tensor:
    """Share of pixels whose ratio, taken the larger way round, is below ``1.25^power``."""
    return _mean(sums, f"delta{power}")


def abs_rel(sums: Tensor) -> Tensor:
    """Mean of ``|e| / truth`` (ARD in Lee and Kim 2020)."""
    return _mean(sums, "abs_rel")


def sq_rel(sums: Tensor, definition: str = "usual") -> Tensor:
    """Mean of ``e^2 / truth`` in metres (``usual``: all released code), or of ``e^2 / truth^2`` (``textbook``)."""
    return _mean(sums, choose(SQ_REL, definition, "SqRel"))


def mse(sums: Tensor) -> Tensor:
    """Mean of ``e^2`` in square metres."""
    return _mean(sums, "square")


def rmse(sums: Tensor) -> Tensor:
    """Root of the mean of ``e^2``, metres."""
    return mse(sums).sqrt()


def rmse_log(sums: Tensor) -> Tensor:
    """Root of the mean of ``L^2``."""
    return _mean(sums, "log_square").sqrt()


def log10(sums: Tensor) -> Tensor:
    """Mean of ``|log10 prediction - log10 truth|``."""
    return _mean(sums, "log_abs") / _LN10


def rms_log10(sums: Tensor) -> Tensor:
    """Root of the mean square of ``log10 prediction - log10 truth`` (Make3D in the monodepth family)."""
    return rmse_log(sums) / _LN10


def silog(sums: Tensor, definition: str = "bts") -> Tensor:
    """Scale-invariant error of the logarithm, by the definitions in use (see :data:`SILOG`)."""
    compute: Callable[..., Tensor] = choose(SILOG, definition, "SILog")
    return compute(_mean(sums, "log_square"), _mean(sums, "log"), sums[..., 0])


def rmse_si(sums: Tensor) -> Tensor:
    """RMSElog "with global scale removed" (Lee and Kim 2020, table 2): the standard deviation of L."""
    return silog(sums, "bts") / 100


def _std(square: Tensor, mean: Tensor, pixels: Tensor) -> Tensor:
    return (square - mean**2).clamp(min=0).sqrt()  # a variance of 0 may round to -1e-18


SQ_REL = {"usual": "sq_rel", "textbook": "sq_rel_textbook"}

SILOG: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "bts": lambda square, mean, pixels: 100 * _std(square, mean, pixels),
    "depth_anything_v2": lambda square, mean, pixels: (square - 0.5 * mean**2).sqrt(),
    "unidepth": lambda square, mean, n: _std(square, mean, n) * (n / (n - 1).clamp(min=1)).sqrt(),
    "eigen2014": lambda square, mean, pixels: square - 0.5 * mean**2,
    "adabins": lambda square, mean, pixels: 10 * (square - 0.85 * mean**2).sqrt(),
}
"""Definitions of SILog from the means of ``L^2`` and L and the number of pixels: ``bts`` 100 times the standard
deviation (also KITTI's server); ``depth_anything_v2`` half the squared mean subtracted, root taken; ``unidepth`` the
standard deviation with Bessel's correction (0 for a single pixel); ``eigen2014`` as ``depth_anything_v2`` without the
root (the training loss of Eigen 2014); ``adabins`` 10 sqrt(variance + 0.15 mean^2) (its training loss)."""

SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "delta1": delta,
    "delta2": partial(delta, power=2),
    "delta3": partial(delta, power=3),
    "AbsRel": abs_rel,
    "SqRel": sq_rel,
    "SqRel_textbook": partial(sq_rel, definition="textbook"),
    "RMSE": rmse,
    "RMSElog": rmse_log,
    "log10": log10,
    "RMSlog10": rms_log10,
    "RMSE_si": rmse_si,
    "SILog": silog,
    **{f"SILog_{name}": partial(silog, definition=name) for name in SILOG if name != "bts"},
}
"""Every score by name, as a function of the sums."""

STANDARD = ("delta1", "delta2", "delta3", "AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog")
"""The nine that most tables print."""

HIGHER_IS_BETTER = frozenset({"delta1", "delta2", "delta3"})


def read_out(sums: Tensor) -> dict[str, Tensor]:
    """All scores of :data:`SCORES` from sums ``(..., len(COLUMNS))``; NaN where there is no pixel."""
    return {name: score(sums) for name, score in SCORES.items()}


def per_image(
    prediction: Tensor, target: Tensor, valid: Tensor | None = None, *, strict: bool = True
) -> dict[str, Tensor]:
    """All scores of each image, ``(B,)`` float64, with ``pixels`` and ``nonfinite``; arguments as in masked_sums."""
    return per_image_from(masked_sums(prediction, target, valid, strict=strict))


def per_image_from(sums: Tensor) -> dict[str, Tensor]:
    """The result of :func:`per_image` from sums that are already there."""
    return read_out(sums) | {name: sums[..., COLUMNS.index(name)] for name in ("pixels", "nonfinite")}


def _mean(sums: Tensor, column: str) -> Tensor:
    return sums[..., COLUMNS.index(column)] / sums[..., 0]


def choose(definitions: dict[str, Any], name: str, what: str) -> Any:
    """The entry of this name; :class:`UserError` with the names that exist otherwise."""
    if name not in definitions:
        raise UserError(f"{what} has no definition '{name}'; choose one of {', '.join(definitions)}.")
    return definitions[name]
