"""Ranks of several methods on the same images or data sets: how sure they are, and which can't be told apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthbench.stats.image_sums import Array, PerImageSums
from depthbench.stats.intervals import LEVEL, Limits, percentile_bands

FEWEST_BLOCKS = 5  # below them the chi-squared distribution of Friedman's statistic is far from it


class RankTest(NamedTuple):
    """Friedman's test of equal ranks over blocks, and Nemenyi's critical difference.

    Attributes:
        mean_ranks: ``(K,)`` of the methods, 1 is best.
        p_value: of all methods being equal.
        critical: mean ranks that differ by less can't be told apart at 5 %, all pairs together.
        blocks: number of images, scenes or data sets.
    """

    mean_ranks: Array
    p_value: float
    critical: float
    blocks: int


def ranks_of(scores: Array, higher_is_better: bool = False) -> Array:
    """Ranks along the last axis, 1 for the best; equal scores share the mean of their places, NaN is last.

    Example:
        >>> import numpy as np
        >>> from depthbench.stats.ranks import ranks_of
        >>> ranks_of(np.array([0.2, 0.1, 0.2])).tolist()
        [2.5, 1.0, 2.5]
    """
    signed = -scores if higher_is_better else scores
    return np.asarray(stats.rankdata(np.where(np.isnan(signed), np.inf, signed), axis=-1))


def resampled_ranks(methods: Sequence[PerImageSums], metric: str, higher_is_better: bool) -> Array:
    """Ranks ``(R, K)`` of methods on the same images (scenes), drawn anew with replacement, the same for all."""
    return ranks_of(np.stack([one.resampled[metric] for one in methods], -1), higher_is_better)


def mean_ranks_over_sets(drawn: Sequence[Array], seed: int = 0) -> Array:
    """Mean ranks ``(R, K)`` over data sets that are drawn with replacement, each with images drawn anew.

    The hierarchical bootstrap: sets first, then images within each. A set that is drawn twice has other images each
    time.

    Args:
        drawn: of each set the ranks ``(R, K)`` of :func:`resampled_ranks`.
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    ranks = np.stack(drawn)  # (sets, R, K)
    count, resamples = ranks.shape[:2]
    sets = generator.integers(count, size=(resamples, count))
    images = generator.integers(resamples, size=(resamples, count))
    return np.asarray(ranks[sets, images].mean(1))


def rank_limits(drawn: Array) -> list[Limits]:
    """95 % percentile intervals of ranks ``(R, K)``, one for each method."""
    low, high = percentile_bands(drawn)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def unit_scores(sums: PerImageSums, metric: str) -> Array:
    """The score of each scene, or of each image where scenes are not known ``(units,)``."""
    by_unit = sums.by_unit
    return np.array([float(sums.read(one[:-1], int(one[-1]))[metric]) for one in by_unit])


def friedman(blocks: Array, higher_is_better: bool = False) -> RankTest | None:
    """Friedman's test (1937) with Nemenyi's critical difference (Demsar 2006, JMLR 7), from scores ``(N, K)``.

    None for fewer than three methods, for which a paired test is the test, or fewer than :data:`FEWEST_BLOCKS` blocks.

    Example:
        >>> import numpy as np
        >>> from depthbench.stats.ranks import friedman
        >>> found = friedman(np.arange(30.0).reshape(10, 3))
        >>> found.mean_ranks.tolist(), round(found.critical, 3)
        ([1.0, 2.0, 3.0], 1.048)
    """
    known = blocks[np.isfinite(blocks).all(1)]
    count, methods = known.shape
    if methods < 3 or count < FEWEST_BLOCKS:
        return None
    ranks = ranks_of(known, higher_is_better)
    same = bool(np.all(ranks == ranks[:, :1]))  # no rank differs, which the statistic divides by
    p_value = 1.0 if same else float(stats.friedmanchisquare(*ranks.T).pvalue)
    return RankTest(ranks.mean(0), p_value, critical_difference(methods, count), count)


def critical_difference(methods: int, blocks: int, level: float = LEVEL) -> float:
    """Nemenyi's: ``q sqrt(K (K + 1) / (6 N))`` with q of the studentized range, divided by the root of 2.

    Example:
        >>> from depthbench.stats.ranks import critical_difference
        >>> round(critical_difference(4, 14), 2)  # Demsar 2006, section 3.2.4: q is 2.569
        1.25
    """
    quantile = float(stats.studentized_range.ppf(1 - level, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * blocks)))


def alike(mean_ranks: Array, critical: float) -> list[tuple[int, ...]]:
    """Largest groups of two or more methods whose mean ranks differ by less than the critical difference.

    Example:
        >>> import numpy as np
        >>> from depthbench.stats.ranks import alike
        >>> alike(np.array([1.0, 3.5, 1.8, 2.6]), 1.0)
        [(0, 2), (2, 3), (3, 1)]
    """
    order: NDArray[np.intp] = np.argsort(mean_ranks, kind="stable")
    groups: list[tuple[int, ...]] = []
    for start in range(len(order)):
        group = tuple(int(place) for place in order[start:] if mean_ranks[place] - mean_ranks[order[start]] < critical)
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return groups
