"""Intervals and tests from per-image scores, in numpy."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bootstrap_interval(values: Array, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean."""
    counts = _counts(len(values), resamples, seed)
    low, high = np.quantile(counts @ values / len(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_test(a: Array, b: Array, resamples: int = 10000, seed: int = 0) -> float:
    """Two-sided p-value of a sign-flip permutation test of the mean difference."""
    difference = a - b
    flipped = np.abs(_signs(len(difference), resamples, seed) @ difference)
    return float((1 + np.sum(flipped >= abs(difference.sum()) - 1e-12)) / (1 + resamples))


def holm(p: Array) -> Array:
    """Holm's step-down adjustment."""
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1)
    return result


@lru_cache(maxsize=2)
def _counts(size: int, resamples: int, seed: int) -> Array:
    return np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), resamples).astype(np.float64)


@lru_cache(maxsize=2)
def _signs(size: int, resamples: int, seed: int) -> Array:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (resamples, size))
