"""Limits of 95 % intervals: bootstrap over images, Student's t over few seeds."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from depthbench.stats.image_sums import Array, PerImageSums

LEVEL = 0.05
Limits = tuple[float, float]


def intervals(sums: PerImageSums) -> dict[str, Limits]:
    """95 % BCa bootstrap over images (scenes), by score; NaN where no image counts."""
    left = sums.leave_one_out if sums.images else {}
    return {name: bootstrap_limits(drawn, sums.scores[name], left.get(name)) for name, drawn in sums.resampled.items()}


def bootstrap_limits(drawn: Array, value: float, left_out: Array | None = None, level: float = LEVEL) -> Limits:
    """BCa limits (Efron 1987) from resampled scores; percentiles where there is nothing to correct by.

    Args:
        drawn: ``(R,)`` scores of resamples.
        value: the score itself.
        left_out: ``(N,)`` scores without each image (scene) in turn, for the acceleration.
        level: one minus the confidence.
    """
    tails = np.array([level / 2, 1 - level / 2])
    with np.errstate(invalid="ignore"):  # infinities are shown as they are
        corrected = tails if left_out is None else _bca_tails(drawn, value, left_out, tails)
        low, high = np.percentile(drawn, 100 * corrected)
    return float(low), float(high)


def _bca_tails(drawn: Array, value: float, left_out: Array, tails: Array) -> Array:
    if not (np.isfinite(drawn).all() and np.isfinite(left_out).all() and len(left_out) > 1):
        return tails
    # Resamples equal to the score count half, and rounding does not make two of equal ones.
    slack = 1e-12 * abs(value)
    below = np.mean(drawn < value - slack) / 2 + np.mean(drawn <= value + slack) / 2
    shares = left_out.mean() - left_out
    spread = np.sum(shares**2)
    if not 0 < below < 1 or spread <= len(left_out) * slack**2:
        return tails
    bias, acceleration = special.ndtri(below), np.sum(shares**3) / (6 * spread**1.5)
    shifted = bias + special.ndtri(tails)
    return np.asarray(special.ndtr(bias + shifted / (1 - acceleration * shifted)))


def bootstrap_error(drawn: Array, units: int) -> float:
    """Standard error from resampled scores, without the bootstrap's bias of ``(units - 1) / units`` in the variance."""
    with np.errstate(invalid="ignore"):
        return float(np.std(drawn) * np.sqrt(units / (units - 1))) if units > 1 else float("nan")


def percentile_bands(curves: Array) -> Array:
    """Pointwise 95 % limits ``(2, ...)`` of resampled curves ``(R, ...)``."""
    return np.asarray(np.percentile(curves, [100 * LEVEL / 2, 100 - 100 * LEVEL / 2], axis=0))


def mean_over(rows: list[Mapping[str, Array]], name: str) -> Array:
    """Mean of one score over several networks, resample by resample."""
    return np.asarray(np.mean([row[name] for row in rows], axis=0))


def student_draws(by_seed: Array, resamples: int, seed: int = 0) -> Array:
    """Errors of means over few seeds: draws ``(R, ...)`` of the multivariate Student's t.

    Deviations of the seeds are mixed at random, so that any linear function of the means has Student's distribution
    at the scale of its own standard error, with ``S - 1`` degrees of freedom. (Seeds drawn with replacement would have
    ``(S - 1) / S`` of the variance: two thirds for three of them.)

    Args:
        by_seed: ``(S, ...)`` values of each seed; zeros are drawn for a single one.
        resamples: number of draws.
        seed: of the draws.
    """
    count = len(by_seed)
    if count < 2:
        return np.zeros((resamples, *by_seed.shape[1:]))
    generator = np.random.default_rng(seed)
    deviations = (by_seed - by_seed.mean(0)) / np.sqrt(count * (count - 1))
    scale = np.sqrt(generator.chisquare(count - 1, resamples) / (count - 1))
    mixed = generator.standard_normal((resamples, count)) / scale[:, None]
    return np.asarray(np.tensordot(mixed, deviations, 1))
