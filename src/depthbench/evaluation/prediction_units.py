"""In which unit predictions are, as far as the truth can tell."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from depthbench.data.units import Unit, explaining_units
from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind

_SURE = 5.0  # spreads: a ratio that far from 1 is no inaccuracy of a network
_CLOSE = 0.02  # of a ratio to a unit's
_CONTRARY = -0.3  # a correlation of ranks below which a map goes the wrong way
_METRIC = 1.1  # ratio of medians that a good metric network may have


def check_unit(
    pairs: Iterable[tuple[Tensor, Tensor]],
    tolerance: float = 5.0,
    unit: float | None = None,
    kind: OutputKind = OutputKind.METRIC_DEPTH,
) -> str | None:
    """Raise :class:`UserError` if predictions are of another kind than declared, or in another unit than read in.

    A ratio to the truth that is far from 1, nearly the same in every pixel, and a ratio of two units of the field has
    one explanation.

    Args:
        pairs: some predictions in their kind's quantity, and truths ``(1, h, w)``, of any sizes.
        tolerance: factor by which the medians may differ; infinite where protocols remove the scale.
        unit: that they were read in, by default metres.
        kind: that is declared.

    Returns:
        A note where the unit is doubtful and no common unit explains it; else None.
    """
    medians, correlations, logs = [], [], []
    for prediction, truth in pairs:
        shown = torch.nn.functional.interpolate(prediction[None], truth.shape[-2:], mode="nearest-exact")[0]
        seen = (truth > 0) & shown.isfinite()
        p, t = shown[seen].double(), truth[seen].double()
        if len(t) > 1:
            medians.append((float(p.median()), float(t.median())))
            ranks = torch.stack([_ranks(p), _ranks(t)])
            correlations.append(float(torch.corrcoef(ranks).nan_to_num()[0, 1]))  # a constant has none
            logs.append((p / t).log())
    if not medians:
        raise UserError("None of the checked images has a valid pixel of truth.")
    _check_direction(float(np.median(correlations)), kind)
    if tolerance == float("inf") or not kind.is_metric:
        return None
    ratio = float(np.median([p / t for p, t in medians]))
    return judge_ratio(ratio, _spread(logs), float(np.median([t for _, t in medians])), tolerance, unit or 1.0)


def _check_direction(correlation: float, kind: OutputKind) -> None:
    """Raise if values go the other way than their declared kind; ``correlation`` is of ranks with the truth."""
    if (-correlation if kind.quantity == "disparity" else correlation) >= _CONTRARY:
        return
    known = {"": "metric", "scale": "scale"}.get(kind.unknown, "affine")
    if kind.falls:
        raise UserError(
            f"kind={kind} is declared, but the values rise where the truth rises, as depth does: kind={known}_depth?"
        )
    raise UserError(
        f"Predictions fall where the truth rises, as disparity does and {kind.words} does not: "
        f"kind={known}_disparity{', or kind=affine_disparity (MiDaS, Depth Anything)' if known != 'affine' else ''}?"
    )


def judge_ratio(ratio: float, spread: float, median: float, tolerance: float, unit: float) -> str | None:
    """A sentence about the unit, read from the ratio of predictions to truth.

    Args:
        ratio: of the medians.
        spread: standard deviation of the logarithm of the ratio of all pixels.
        median: of the truth in metres.
        tolerance: factor by which the medians may differ.
        unit: metres per unit that predictions were read with.

    Returns:
        A note or None.

    Raises:
        UserError: if the ratio is beyond the tolerance, or sure to be one of two units.
    """
    off, per_metre = abs(math.log(ratio)), ratio / unit
    told = f"The median of the predictions is {ratio:.4g} times the truth's"
    if off > math.log(tolerance):
        within = min(3 * spread, math.log(1.6))
        near = explaining_units(per_metre, _CLOSE) or explaining_units(per_metre, within)
        near = near or explaining_units(per_metre, math.log(1.6))[:1]
        raise UserError(f"{told}{f': {_asked(near, per_metre, median)}?' if near else '; in which unit are they?'}")
    if off <= max(math.log(_METRIC), 3 * spread):
        return None
    told += f", and {100 * spread:.2g} % is all that they differ from that multiple: times {1 / ratio:.3g} they fit"
    near = explaining_units(per_metre, _CLOSE)
    if near and off > _SURE * spread:
        raise UserError(
            f"{told}; {_asked(near, per_metre, median)}? If not, protocol.alignment=median scores them without a unit."
        )
    return f"{told}; is their unit right?"


def _asked(units: Sequence[Unit], per_metre: float, median: float) -> str:
    if len(units) == 1:
        return f"{units[0].name}, so unit={units[0].scale}"
    parts = [f"{one.name}, so unit={one.scale} ({median * per_metre / one.per_metre:.3g} m)" for one in units]
    return f"{', or '.join(parts)} where the truth's median is {median:.3g} m"


def _spread(logs: Sequence[Tensor]) -> float:
    return float(torch.cat(list(logs)).std(correction=0))


def _ranks(values: Tensor) -> Tensor:
    """Places in order of size, the mean one for equal values: ``(N,)``."""
    _, places, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranks: Tensor = (counts.cumsum(0) - (counts - 1) / 2)[places]
    return ranks.double()
