"""Ranks against loops and published tables; the error rate of the critical difference is a test."""

import itertools

import numpy as np
import pytest

from depthbench.stats.image_sums import of_means
from depthbench.stats.ranks import (
    alike,
    critical_difference,
    friedman,
    mean_ranks_over_sets,
    rank_limits,
    ranks_of,
    resampled_ranks,
    unit_scores,
)


def test_ranks_are_those_of_counting():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (20, 5)).astype(float)
    for row, ranks in zip(scores, ranks_of(scores), strict=True):
        for value, rank in zip(row, ranks, strict=True):
            assert rank == np.sum(row < value) + (np.sum(row == value) + 1) / 2
    np.testing.assert_array_equal(ranks_of(-scores, higher_is_better=True), ranks_of(scores))
    assert ranks_of(np.array([np.nan, 1.0]), higher_is_better=True).tolist() == [2, 1]


# Demsar 2006, table 5 (a): critical values of the two-tailed Nemenyi test at 5 %.
DEMSAR = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize("methods", DEMSAR)
def test_critical_values_are_the_published_ones(methods):
    quantile = critical_difference(methods, 1) / np.sqrt(methods * (methods + 1) / 6)
    assert quantile == pytest.approx(DEMSAR[methods], abs=1e-3)


def test_friedman_is_the_formula():
    scores = np.random.default_rng(1).normal([0, 0.5, 1, 0], 1, (12, 4))
    found, ranks = friedman(scores), ranks_of(scores)
    statistic = 12 * 12 / (4 * 5) * (np.sum(ranks.mean(0) ** 2) - 4 * 5**2 / 4)
    draws = np.random.default_rng(2).chisquare(3, 200_000)
    assert found.p_value == pytest.approx(np.mean(draws >= statistic), abs=4e-3)
    np.testing.assert_allclose(found.mean_ranks, ranks.mean(0))
    assert friedman(scores[:, :2]) is None
    assert friedman(scores[:4]) is None
    assert friedman(np.ones((6, 3))).p_value == 1
    assert friedman(np.vstack([scores, [np.nan, 1, 2, 3]])).blocks == 12


def test_equal_methods_differ_by_the_critical_difference_in_5_percent():
    """The chance that any of six pairs of equal methods is told apart; 400 draws, so within three errors of 5 %."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(400):
        test = friedman(rng.normal(size=(30, 4)) + rng.normal(size=(30, 1)))
        found += max(abs(a - b) for a, b in itertools.combinations(test.mean_ranks, 2)) >= test.critical
    assert found / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert found > 0


def test_intervals_of_ranks_are_of_the_same_draws():
    rng = np.random.default_rng(4)
    base = rng.normal(1, 0.3, 50)
    methods = [of_means(base + shift) for shift in (0.0, 1e-3, 0.5)]
    drawn = resampled_ranks(methods, "score", False)
    # A constant shift leaves no doubt, however the images scatter: the same images are drawn for all.
    assert rank_limits(drawn) == [(1, 1), (2, 2), (3, 3)]
    apart = [of_means(rng.normal(1, 0.3, 50)) for _ in range(2)]
    assert rank_limits(resampled_ranks(apart, "score", False)) == [(1, 2), (1, 2)]


def test_mean_ranks_draw_sets_and_images():
    """Two sets that disagree for sure: the mean of two drawn sets is 1, 1.5 or 2 with chances 1/4, 1/2, 1/4."""
    first, second = np.tile([1.0, 2.0], (2000, 1)), np.tile([2.0, 1.0], (2000, 1))
    drawn = mean_ranks_over_sets([first, second])
    shares = [np.mean(drawn[:, 0] == value) for value in (1.0, 1.5, 2.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    np.testing.assert_allclose(drawn.sum(1), 3)
    # Of one set only images are drawn, and each of its draws has its place.
    one = np.random.default_rng(5).permuted(np.tile([1.0, 2.0, 3.0], (500, 1)), axis=1)
    assert abs(mean_ranks_over_sets([one]).mean(0) - one.mean(0)).max() < 0.1


def test_scores_of_scenes_are_means_of_their_images():
    scores, scenes = np.arange(6.0), np.array([0, 0, 1, 1, 1, 2])
    np.testing.assert_allclose(unit_scores(of_means(scores, scenes=scenes), "score"), [0.5, 3, 5])
    np.testing.assert_allclose(unit_scores(of_means(scores), "score"), scores)


def test_groups_that_are_alike_are_the_largest():
    assert alike(np.array([1.0, 1.1, 1.2]), 0.5) == [(0, 1, 2)]
    assert alike(np.array([3.0, 1.0]), 0.5) == []
