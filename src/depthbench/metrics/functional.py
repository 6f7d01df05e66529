"""The standard depth metrics as pure functions of the sums of :mod:`depthbench.metrics.pixel_sums` over an image.

Below, e = prediction - truth and L = ln prediction - ln truth, over the valid pixels.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from depthbench.errors import UserError
from depthbench.metrics.pixel_sums import COLUMNS, EXTENDED_COLUMNS, masked_sums

_LN10 = 2.302585092994046


def means(sums: Tensor) -> Tensor:
    """Sums divided by their number of pixels (the column ``pixels`` becomes 1); NaN where there is none."""
    return sums / sums[..., :1]


def of_pixels(added: Tensor, pixels: Tensor) -> Tensor:
    """Sums ``(..., S)`` over so many ``pixels`` from added :func:`means`: each image weighs the same.

    The means over them stay; scores that look at the number of pixels (``SILog_unidepth``) find it.
    """
    return added / added[..., :1] * pixels[..., None]


def delta(sums: Tensor, power: int = 1) -> Tensor:
    """Share of pixels whose ratio, taken the larger way round, is below ``1.25^power``."""
    return _mean(sums, f"delta{power}")


def abs_rel(sums: Tensor) -> Tensor:
    """Mean of ``|e| / truth`` (ARD in Lee and Kim 2020)."""
    return _mean(sums, "abs_rel")


def sq_rel(sums: Tensor, definition: str = "usual") -> Tensor:
    """Mean of ``e^2 / truth`` in metres (``usual``: all released code), or of ``e^2 / truth^2`` (``textbook``)."""
    return _mean(sums, definition_of(SQ_REL, definition, "SqRel"))


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
    compute: Callable[..., Tensor] = definition_of(SILOG, definition, "SILog")
    return compute(_mean(sums, "log_square"), _mean(sums, "log"), sums[..., 0])


def rmse_si(sums: Tensor) -> Tensor:
    """RMSElog "with global scale removed" (Lee and Kim 2020, table 2): the standard deviation of L."""
    return silog(sums, "bts") / 100


def mae(sums: Tensor) -> Tensor:
    """Mean of ``|e|``, metres. Needs extended sums."""
    return _mean(sums, "absolute")


def inverse_mae(sums: Tensor) -> Tensor:
    """iMAE: 1000 times the mean of ``|1 / prediction - 1 / truth|``, 1/km (KITTI's server). Needs extended sums."""
    return 1000 * _mean(sums, "inverse")


def inverse_rmse(sums: Tensor) -> Tensor:
    """iRMSE: the same with the root mean square; without the factor 1000 in Marigold. Needs extended sums."""
    return 1000 * _mean(sums, "inverse_square").sqrt()


def log_mae(sums: Tensor) -> Tensor:
    """100 times the mean of ``|L|`` (SYNS-Patches, MDEC)."""
    return 100 * _mean(sums, "log_abs")


def fine_delta(sums: Tensor, which: str) -> Tensor:
    """Share of pixels below ``delta0.5``: 1.25^0.5, ``delta0.125``: 1.25^0.125, ``tau``: 1.03. Needs extended sums."""
    return _mean(sums, which)


def delta_auc(sums: Tensor) -> Tensor:
    """Area under delta over its exponent, trapezoid rule at 100 exponents from 0.01 to 5, over 5 (UniDepth's d_auc).

    Needs extended sums.
    """
    return _mean(sums, "d_auc")


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

EXTENDED_SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "MAE": mae,
    "iMAE": inverse_mae,
    "iRMSE": inverse_rmse,
    "LogMAE": log_mae,
    **{name: partial(fine_delta, which=name) for name in ("delta0.5", "delta0.125", "tau")},
    "d_auc": delta_auc,
    "SILog_unidepth_100": lambda sums: 100 * silog(sums, "unidepth"),
}
"""Scores of extended sums besides :data:`SCORES`; UniDepth's evaluation prints ``SILog_unidepth_100``."""

HIGHER_IS_BETTER = frozenset({"delta1", "delta2", "delta3", "delta0.5", "delta0.125", "tau", "d_auc"})


def scores_by_columns(width: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """The scores that sums of this many columns give."""
    return SCORES if width == len(COLUMNS) else SCORES | EXTENDED_SCORES


def read_out(sums: Tensor) -> dict[str, Tensor]:
    """All scores of :data:`SCORES` (and :data:`EXTENDED_SCORES`, of extended sums); NaN where there is no pixel.

    Sums are ``(..., len(COLUMNS))``, or ``len(EXTENDED_COLUMNS)``.

    Example:
        >>> import torch
        >>> from depthbench.metrics import masked_sums, read_out
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> scores = read_out(masked_sums(prediction, truth))
        >>> round(scores["RMSE"].item(), 4), round(scores["delta1"].item(), 4)
        (0.8165, 0.3333)
    """
    return {name: score(sums) for name, score in scores_by_columns(sums.shape[-1]).items()}


def per_image(
    prediction: Tensor, target: Tensor, valid: Tensor | None = None, *, strict: bool = True, extended: bool = False
) -> dict[str, Tensor]:
    """All scores of each image, ``(B,)`` float64, with ``pixels`` and ``nonfinite``; arguments as in masked_sums.

    Example:
        >>> import torch
        >>> from depthbench.metrics import per_image
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> scores = per_image(prediction.expand(2, 1, 2, 2), truth.expand(2, 1, 2, 2))
        >>> [round(value, 4) for value in scores["AbsRel"].tolist()], scores["pixels"].tolist()
        ([0.2333, 0.2333], [3.0, 3.0])
    """
    return per_image_from(masked_sums(prediction, target, valid, strict=strict, extended=extended))


def per_image_from(sums: Tensor) -> dict[str, Tensor]:
    """The result of :func:`per_image` from sums that are already there."""
    return read_out(sums) | counts(sums)


def counts(sums: Tensor) -> dict[str, Tensor]:
    """``pixels`` and ``nonfinite``."""
    return {name: sums[..., COLUMNS.index(name)] for name in ("pixels", "nonfinite")}


def _mean(sums: Tensor, column: str) -> Tensor:
    return sums[..., EXTENDED_COLUMNS.index(column)] / sums[..., 0]


def definition_of(definitions: dict[str, Any], name: str, what: str) -> Any:
    """The entry of this name; :class:`UserError` with the names that exist otherwise."""
    if name not in definitions:
        raise UserError(f"{what} has no definition '{name}'; choose one of {', '.join(definitions)}.")
    return definitions[name]
