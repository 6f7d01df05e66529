import numpy as np
import pytest
from scipy import stats

from depthbench.report.statistics import bootstrap_interval, holm, paired_test


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.5])), [0.04, 0.09, 0.09, 0.5])


def test_sign_flips_agree_with_all_flips_and_with_student():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.25, 1, 10), np.zeros(10)
    signs = 1 - 2 * ((np.arange(2**10)[:, None] >> np.arange(10)) & 1)
    exact = np.mean(np.abs(signs @ a) >= abs(a.sum()) - 1e-12)
    assert paired_test(a, b) == pytest.approx(exact, abs=0.02)
    a, b = rng.normal(0.1, 1, 400), np.zeros(400)
    assert paired_test(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.02)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = [low < 1 < high for low, high in (bootstrap_interval(rng.gamma(4, 0.25, 80)) for _ in range(400))]
    assert 0.91 < np.mean(hits) < 0.98
