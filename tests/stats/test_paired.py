import numpy as np
import pytest
from scipy import stats

from depthbench.errors import UserError
from depthbench.stats import paired as statistics


@pytest.fixture
def scores():
    generator = np.random.default_rng(3)
    return generator.gamma(2, 0.1, 200), generator.gamma(2, 0.11, 200)


def test_interval_of_many_images_is_the_normal_one(scores):
    found = statistics.bootstrap_mean(scores[0])
    error = scores[0].std() / np.sqrt(200)
    assert found.mean == pytest.approx(scores[0].mean())
    assert found.images == 200
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.15 * error)
    wider = statistics.bootstrap_mean(scores[0], confidence=0.99)
    assert wider.low < found.low < found.high < wider.high


def test_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    hits = 0
    for seed in range(300):
        interval = statistics.bootstrap_mean(generator.normal(1, 1, 60), confidence=0.9, resamples=400, seed=seed)
        hits += interval.low <= 1 <= interval.high
    assert 0.9 - 4 * np.sqrt(0.09 / 300) < hits / 300 < 0.9 + 4 * np.sqrt(0.09 / 300)


def test_of_equal_scores_the_interval_is_a_point():
    assert statistics.bootstrap_mean([0.25] * 7) == (0.25, 0.25, 0.25, 7)


def test_seeded_and_independent_of_memory(scores, monkeypatch):
    first = statistics.bootstrap_mean(scores[0], seed=1)
    assert first == statistics.bootstrap_mean(scores[0], seed=1)
    assert first != statistics.bootstrap_mean(scores[0], seed=2)
    monkeypatch.setattr(statistics, "_CHUNK", 1000)
    chunked = statistics.bootstrap_mean(scores[0], seed=1)
    np.testing.assert_allclose(chunked, first, rtol=1e-12)


def test_images_without_a_score_are_left_out_in_pairs():
    found = statistics.paired_difference([1.0, np.nan, 3.0, 4.0], [0.0, 1.0, np.nan, 2.0])
    assert found.mean == 1.5
    assert found.images == 2


def test_paired_interval_is_narrower_than_that_of_each(scores):
    first = scores[0]
    second = first + 0.01 + 0.001 * scores[1]
    paired = statistics.paired_difference(first, second)
    alone = statistics.bootstrap_mean(first)
    assert paired.high < 0
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


@pytest.mark.parametrize("count", [5, 12])
def test_exact_sign_flips_equal_scipy(scores, count):
    a, b = scores[0][:count], scores[1][:count]
    expected = stats.permutation_test((a - b,), lambda x: x.sum(), permutation_type="samples", n_resamples=np.inf)
    assert statistics.sign_flip_test(a, b) == pytest.approx(expected.pvalue)


def test_sign_flips_by_hand():
    assert statistics.sign_flip_test([1, 2, 3], [0, 0, 0]) == 2 / 8
    assert statistics.sign_flip_test([1, 1], [1, 1]) == 1


def test_random_sign_flips_equal_the_t_test(scores):
    for shift in (0.0, 0.01, 0.02):
        expected = stats.ttest_rel(scores[0] - shift, scores[1]).pvalue
        assert statistics.sign_flip_test(scores[0] - shift, scores[1]) == pytest.approx(expected, abs=0.02)
    assert statistics.sign_flip_test(scores[0] + 10, scores[1], resamples=999) == 1 / 1000


def test_wilcoxon_equals_scipy(scores):
    a, b = scores[0].round(2), scores[1].round(2)  # ties and zeros
    expected = stats.wilcoxon(a, b, zero_method="wilcox", correction=False, method="asymptotic").pvalue
    assert statistics.wilcoxon_test(a, b) == pytest.approx(expected, rel=1e-10)
    assert statistics.wilcoxon_test(a, a) == 1


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.5, 0.9]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_comparison_of_several_methods(scores):
    table = {"a": scores[0], "b": scores[0] + 0.05, "c": scores[0] + 0.05 * np.sign(np.arange(200) % 2 - 0.5)}
    found = {(row.first, row.second): row for row in statistics.compare(table)}
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"].difference.mean == pytest.approx(-0.05)
    assert found["a", "b"].p_adjusted == pytest.approx(3 / 10_001)
    assert found["a", "c"].p_value > 0.5
    assert statistics.compare(table, [("a", "b")], "wilcoxon")[0].p_adjusted < 1e-20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.bootstrap_mean([np.nan]), "No image"),
        (lambda: statistics.bootstrap_mean([1.0, np.inf]), "infinite"),
        (lambda: statistics.bootstrap_mean([[1.0]]), "one number per image"),
        (lambda: statistics.bootstrap_mean([1.0], confidence=95), "confidence"),
        (lambda: statistics.sign_flip_test([1.0], [1.0, 2.0]), "same images"),
        (lambda: statistics.compare({"a": [1.0]}, test="t"), "sign_flip, wilcoxon"),
        (lambda: statistics.compare({"a": [1.0]}, [("a", "b")]), "No scores of b"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(UserError, match=message):
        call()
