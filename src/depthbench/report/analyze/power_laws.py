"""Power laws of error against amount of training data, with their bootstrap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depthbench.report.analyze.estimates import Values, image_table, power_of, seed_scores
from depthbench.report.analyze.study import Cell

ENOUGH_AMOUNTS, RESAMPLES = 3, 1000


@dataclass(frozen=True)
class PowerLaw:
    """``error = factor * amount ** exponent``, least squares in logarithms, with its bootstrap.

    Attributes:
        factor: error at one image.
        exponent: negative where more data helps.
        misfit: largest relative distance of a point from the curve.
        exponents: of the resampled fits; empty where there is nothing to resample.
        factors: the same.
        over: what was resampled: ``seeds``, ``test images``, both, or nothing.
    """

    factor: float
    exponent: float
    misfit: float
    exponents: Values
    factors: Values
    over: str

    def interval(self) -> tuple[float, float]:
        """The exponent's 95 % interval."""
        low, high = np.percentile(self.exponents, [2.5, 97.5])
        return float(low), float(high)

    def band(self, amounts: Values) -> Values:
        """The curve's 95 % band at some amounts: ``(2, N)``."""
        curves = self.factors[:, None] * amounts ** self.exponents[:, None]
        return np.asarray(np.percentile(curves, [2.5, 97.5], axis=0))


def fit_power_law(cells: Sequence[Cell], protocol: str, metric: str) -> PowerLaw | None:
    """The law through the rows of one method; None for fewer than three amounts, or an error that is not positive."""
    cells = [cell for cell in cells if cell.amount and seed_scores(cell, protocol, metric)]
    amounts = np.array([cell.amount for cell in cells], dtype=np.float64)
    errors = np.array([np.mean(seed_scores(cell, protocol, metric)) for cell in cells])
    if len(set(amounts)) < ENOUGH_AMOUNTS or np.any(errors <= 0):
        return None
    (factor,), (exponent,) = _fit(amounts, errors[None])
    misfit = float(np.abs(errors / (factor * amounts**exponent) - 1).max())
    resampled, over = _resampled(cells, protocol, metric)
    factors, exponents = _fit(amounts, resampled) if over else (np.array([]), np.array([]))
    return PowerLaw(float(factor), float(exponent), misfit, exponents, factors, over)


def _fit(amounts: Values, errors: Values) -> tuple[Values, Values]:
    """Factors and exponents of many fits at once: ``errors (R, N)``."""
    x, y = np.log(amounts), np.log(errors)
    centered = x - x.mean()
    slope = (y @ centered) / (centered @ centered)
    return np.exp(y.mean(1) - slope * x.mean()), slope


def _resampled(cells: Sequence[Cell], protocol: str, metric: str) -> tuple[Values, str]:
    """Errors ``(R, cells)`` of resampled seeds and test images, the same images for all cells; and what was resampled.

    Images are kept as they are where the score is not a mean over them, seeds where there is one.
    """
    generator = np.random.default_rng(0)
    tables = [image_table(cell, protocol, metric) for cell in cells]
    common = sorted(set.intersection(*(set(names) for names, _ in tables)))
    places = [{name: place for place, name in enumerate(names)} for names, _ in tables]
    kept = [table[:, [place[name] for name in common]] for place, (_, table) in zip(places, tables, strict=True)]
    finite = np.all([np.isfinite(table).all(0) for table in kept], axis=0) if common else np.array([], dtype=bool)
    count = int(finite.sum())
    weights = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count if count else None
    errors, over = [], set()
    for cell, table in zip(cells, kept, strict=True):
        scores = np.array(seed_scores(cell, protocol, metric))
        by_seed = np.tile(scores, (RESAMPLES, 1))
        power = power_of(table[:, finite].ravel(), float(scores.mean())) if len(table) == len(scores) else None
        if power and weights is not None:
            over.add("test images")
            by_seed = (weights @ table[:, finite].T ** power) ** (1 / power)
        if len(scores) > 1:
            over.add("seeds")
            chosen = generator.integers(len(scores), size=by_seed.shape)
            by_seed = np.take_along_axis(by_seed, chosen, axis=1)
        errors.append(by_seed.mean(1))
    return np.stack(errors, axis=1), " and ".join(sorted(over))


Laws = Mapping[tuple[str, str], PowerLaw]
