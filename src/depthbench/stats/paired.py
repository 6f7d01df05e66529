"""Is a difference of per-image scores one of the methods or of the images: intervals, tests, many comparisons.

Pure numpy, seeded: the same scores give the same numbers. Scores are ``(N,)`` float64, one per image; NaN marks an
image without a score.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import erfc, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthbench.errors import UserError

Scores = NDArray[np.float64]

_CHUNK = 2_000_000  # random numbers held at once


class Interval(NamedTuple):
    """A mean, the limits of its confidence interval, and the number of images behind it."""

    mean: float
    low: float
    high: float
    images: int


class Comparison(NamedTuple):
    """First minus second: the mean difference with its interval, the p-value, and the p-value among all comparisons."""

    first: str
    second: str
    difference: Interval
    p_value: float
    p_adjusted: float


def bootstrap_mean(scores: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean over images (Efron and Tibshirani 1993, chapter 13).

    Images of one scene are not independent, so that the interval is rather too narrow.

    Raises:
        UserError: if no image has a score, or the arguments make no sense.
    """
    values = _present(scores)
    if not 0 < confidence < 1 or resamples < 1:
        raise UserError(f"A confidence in (0, 1) and resamples >= 1, please, not {confidence} and {resamples}.")
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(_resampled_means(values, resamples, seed), [tail, 100 - tail])
    return Interval(float(values.mean()), float(low), float(high), len(values))


def _resampled_means(values: Scores, resamples: int, seed: int) -> Scores:
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(values))
    means = [
        values[generator.integers(len(values), size=(min(step, resamples - start), len(values)))].mean(1)
        for start in range(0, resamples, step)
    ]
    return np.concatenate(means)


def paired_difference(
    first: ArrayLike, second: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """:func:`bootstrap_mean` of ``first - second``, image by image; images that lack either score are left out."""
    return bootstrap_mean(_differences(first, second), confidence, resamples, seed)


def sign_flip_test(first: ArrayLike, second: ArrayLike, resamples: int = 10_000, seed: int = 0) -> float:
    """Two-sided paired permutation test of the mean difference.

    Exact, by all sign patterns, for up to 12 images; else by random ones, counting the observed one (Phipson and
    Smyth 2010), so that no p-value is below ``1 / (resamples + 1)``.
    """
    return float(sign_flip_tests(_differences(first, second)[None], resamples, seed)[0])


def sign_flip_tests(differences: Scores, resamples: int = 10_000, seed: int = 0) -> Scores:
    """:func:`sign_flip_test` of each row of ``(K, N)``, with the same signs for all: at little more than one's cost."""
    observed = np.abs(differences.sum(1))
    slack = 1e-12 * np.abs(differences).sum(1)  # sums of the same numbers in another order
    count = differences.shape[1]
    if count <= 12:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return np.asarray((np.abs(signs @ differences.T) >= observed - slack).mean(0))
    generator = np.random.default_rng(seed)
    step, hits = max(1, _CHUNK // count), np.zeros(len(differences))
    for start in range(0, resamples, step):
        signs = 1.0 - 2.0 * generator.integers(2, size=(min(step, resamples - start), count))
        hits += (np.abs(signs @ differences.T) >= observed - slack).sum(0)
    return (hits + 1) / (resamples + 1)


def wilcoxon_test(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided Wilcoxon signed-rank test: normal approximation, zeros dropped, ties corrected; 1 if all are zero."""
    differences = _differences(first, second)
    differences = differences[differences != 0]
    count = len(differences)
    if count == 0:
        return 1.0
    _, places, ties = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[places]
    positive = ranks[differences > 0].sum()
    variance = count * (count + 1) * (2 * count + 1) / 24 - float((ties**3 - ties).sum()) / 48
    z = (positive - count * (count + 1) / 4) / sqrt(variance)
    return erfc(abs(z) / sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979): the chance of any false finding stays below each."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * count, 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


TESTS = {"sign_flip": sign_flip_test, "wilcoxon": wilcoxon_test}


def compare(
    scores: Mapping[str, ArrayLike], pairs: Iterable[tuple[str, str]] | None = None, test: str = "sign_flip"
) -> list[Comparison]:
    """Paired comparison of methods scored on the same images, in the same order.

    Args:
        scores: ``(N,)`` by method.
        pairs: which to compare; by default all.
        test: a key of :data:`TESTS`.

    Raises:
        UserError: for an unknown test or method, or scores of different images.
    """
    if test not in TESTS:
        raise UserError(f"There is no test '{test}'; choose one of {', '.join(TESTS)}.")
    chosen = list(combinations(scores, 2) if pairs is None else pairs)
    unknown = {name for pair in chosen for name in pair} - set(scores)
    if unknown:
        raise UserError(f"No scores of {', '.join(sorted(unknown))}; there are {', '.join(scores)}.")
    p_values = [float(TESTS[test](scores[a], scores[b])) for a, b in chosen]
    return [
        Comparison(a, b, paired_difference(scores[a], scores[b]), p_value, adjusted)
        for (a, b), p_value, adjusted in zip(chosen, p_values, holm(p_values), strict=True)
    ]


def _differences(first: ArrayLike, second: ArrayLike) -> Scores:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise UserError(f"Paired scores must be of the same images, not {a.shape} and {b.shape}.")
    return _present(a - b)


def _present(scores: ArrayLike) -> Scores:
    values = np.asarray(scores, np.float64)
    if values.ndim != 1:
        raise UserError(f"Scores must be one number per image, not of shape {values.shape}.")
    if np.isinf(values).any():
        raise UserError("Some scores are infinite, so their mean has no interval; look for predictions of 0 or inf.")
    values = values[~np.isnan(values)]
    if len(values) == 0:
        raise UserError("No image has a score.")
    return values
