"""Paired tests, many comparisons and seeds against scipy, by hand, and in simulated error rates and powers."""

import itertools

import numpy as np
import pytest
from scipy import stats

from depthbench.errors import UserError
from depthbench.stats import compare, image_sums, permutation
from depthbench.stats.behrens_fisher import Part, two_sided
from depthbench.stats.crossed import beyond_p, compare_rows, equivalence_p
from depthbench.stats.image_sums import of_means
from depthbench.stats.multiple_comparisons import holm, max_t
from depthbench.stats.wording import p_number, p_text


def pair_of(a, b, **options):
    (found,) = compare({"a": a, "b": b}, **options)
    return found


@pytest.mark.parametrize("count", [5, 12])
def test_exact_exchanges_equal_scipys(count):
    rng = np.random.default_rng(3)
    a, b = rng.gamma(2, 0.1, count), rng.gamma(2, 0.11, count)
    expected = stats.permutation_test((a - b,), np.sum, permutation_type="samples", n_resamples=np.inf)
    found = pair_of(a, b)
    assert found.p_value == found.p_adjusted == pytest.approx(expected.pvalue)


def test_exchanges_by_hand():
    assert pair_of([1, 2, 3], [0, 0, 0]).p_value == 2 / 8
    assert pair_of([1, 1], [1, 1]).p_value == 1
    assert pair_of(np.ones(100) + np.arange(100), np.zeros(100)).p_value == 1 / 10_001


def test_random_exchanges_equal_the_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.2, 0.1, (2, 200))
    for shift in (0.0, 0.01, 0.02):
        expected = stats.ttest_rel(a - shift, b).pvalue
        assert pair_of(a - shift, b).p_value == pytest.approx(expected, abs=0.015)


def test_scenes_are_exchanged_as_a_whole():
    a = np.repeat([1.0, 2.0, 3.0], 4)
    found = pair_of(a, np.zeros(12), scenes=[name for name in "xyz" for _ in range(4)])
    assert (found.p_value, found.images, found.scenes) == (2 / 8, 12, 3)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.02, np.nan, 0.03]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)


def test_max_t_by_hand():
    """Step-down max-T by loops, over all patterns of seven images."""
    rng = np.random.default_rng(0)
    d = rng.normal([[0.0], [0.5], [1.0], [5.0]], [[1.0], [1.0], [2.0], [1.0]], (4, 7))
    signs = np.array(list(itertools.product([1, -1], repeat=7)))
    t = np.array([[abs(np.sum(s * row)) / np.sqrt(np.sum(row**2)) for s in signs] for row in d])
    order = np.argsort(-t[:, 0])
    expected, highest = np.zeros(4), 0.0
    for rank, index in enumerate(order):
        largest = t[order[rank:]].max(0)
        highest = max(highest, float(np.mean(largest >= t[index, 0] - 1e-9)))
        expected[index] = highest
    raw, adjusted = max_t([(signs @ row, 1e-15) for row in d])
    assert adjusted == pytest.approx(expected)
    assert raw == pytest.approx(np.mean(t >= t[:, :1] - 1e-9, axis=1))
    assert all(p <= q for p, q in zip(raw, adjusted, strict=True))


def test_what_has_no_score_takes_no_part():
    changes = np.array([0.5, -0.5, 0.1, -0.1])
    raw, adjusted = max_t([(changes, 1e-15), (np.array([np.inf, 1, 1, 1]), 1e-15)])
    assert (raw[0], adjusted[0]) == (0.5, 0.5)
    assert np.isnan([raw[1], adjusted[1]]).all()


def test_max_t_needs_less_than_holm_where_rows_are_alike():
    rng = np.random.default_rng(0)
    common = rng.normal(0.2, 0.05, 100)
    rows = {str(row): common + rng.normal(0.003 * row, 0.02, 100) for row in range(8)}
    found = compare(rows)
    by_holm = holm([pair.p_value for pair in found])
    assert sum(pair.p_adjusted for pair in found) < 0.9 * sum(by_holm)
    assert all(pair.p_value <= pair.p_adjusted <= p + 0.01 for pair, p in zip(found, by_holm, strict=True))


def test_seeds_are_paired():
    """Two rows whose seeds scatter alike, at a difference that is nearly the same for each seed."""
    rng = np.random.default_rng(0)
    image, seed = rng.normal(0.2, 0.05, 200), np.array([-0.03, 0.0, 0.03])
    a = {s: image + shift for s, shift in enumerate(seed)}
    b = {s: scores - 0.01 + 0.0005 * (s - 1) for s, scores in a.items()}
    found = pair_of(a, b)
    means = np.array([[scores.mean() for scores in row.values()] for row in (a, b)])
    assert found.seeds == (3, 3)
    assert found.difference == pytest.approx(0.01)
    assert found.p_value == pytest.approx(stats.ttest_rel(*means).pvalue, rel=1e-4)  # images agree altogether
    assert found.p_value < 0.001 < 0.3 < stats.ttest_ind(*means).pvalue
    assert found.better == "b"
    unpaired = pair_of(a, {s + 7: scores for s, scores in b.items()})
    assert unpaired.difference == pytest.approx(found.difference)
    assert unpaired.p_value > 0.3


def test_over_seeds_and_images_both_count():
    rng = np.random.default_rng(1)
    d = 0.01 + rng.normal(0, 0.01, (3, 1)) + rng.normal(0, 0.05, (1, 80)) + rng.normal(0, 0.02, (3, 80))
    b = rng.normal(0.2, 0.05, (3, 80))
    found = pair_of(dict(enumerate(b + d)), dict(enumerate(b)))
    parts = [Part(stats.sem(d.mean(1)), 2), Part(stats.sem(d.mean(0)), 79)]
    assert found.p_value == pytest.approx(two_sided(d.mean(), parts), rel=0.05)
    assert found.low < 0.01 < found.high


def test_only_common_seeds_are_compared():
    rng = np.random.default_rng(0)
    scores = rng.normal(0.2, 0.05, (5, 30))
    found = pair_of({0: scores[0], 1: scores[1], 2: scores[2]}, {1: scores[3], 2: scores[4]})
    assert found.seeds == (2, 2)
    assert found.difference == pytest.approx(scores[1:3].mean() - scores[3:].mean())
    single = pair_of({0: scores[0], 1: scores[1]}, {1: scores[3]})
    assert single.seeds == (1, 1)
    assert single.p_value == pair_of(scores[1], scores[3]).p_value


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"a": [1.0]}, {}, "two methods or more"),
        ({"a": [1.0, 2.0], "b": [1.0]}, {}, "same images"),
        ({"a": [1.0, np.nan], "b": [1.0, 2.0]}, {}, "Some scores of a are not finite"),
        ({"a": [[1.0]], "b": [1.0]}, {}, "one number per image"),
        ({"a": {}, "b": [1.0]}, {}, "a has no scores"),
        ({"a": [1.0, 2.0], "b": [1.0, 3.0]}, {"scenes": ["x"]}, "a has 2 scores, but 1 scenes are given"),
    ],
)
def test_mistakes(rows, options, message):
    with pytest.raises(UserError, match=message):
        compare(rows, **options)


def test_equivalence_is_two_one_sided_tests():
    rng = np.random.default_rng(0)
    d = rng.normal(0.001, 0.02, 400)
    (row,) = compare_rows([({0: of_means(d + 0.2)}, {0: of_means(np.full(400, 0.2))})])
    tested = row["score"]
    expected = max(
        stats.ttest_1samp(d, 0.004, alternative="less").pvalue,
        stats.ttest_1samp(d, -0.004, alternative="greater").pvalue,
    )
    assert equivalence_p(tested, 0.004) == pytest.approx(expected, rel=0.3)
    assert equivalence_p(tested, 0.0001) > 0.5
    assert beyond_p(tested, 0.004) == 1
    assert beyond_p(tested, -1.0) < 1e-9


def test_p_is_printed_in_one_way():
    printed = [p_number(p) for p in (0.0004, 0.001, 0.0123, 0.0496, 0.04999, 0.05, 0.34, 0.994, 0.996, 1.0, np.nan)]
    assert printed == ["< 0.001", "0.001", "0.012", "0.049", "0.049", "0.05", "0.34", "0.99", "1", "1", "–"]
    assert p_text([0.0123]) == "p = 0.012"
    assert p_text([1e-4, 2e-4]) == "p < 0.001"
    assert p_text([0.0101, 0.002]) == "p ≤ 0.011"
    assert p_text([0.41, 0.9]) == "p ≥ 0.41"
    assert p_text([0.999, 1.0]) == "p = 1"


# Simulated: error rates and powers. A rate of 5 % is held against a binomial bound, not against an eye.


@pytest.fixture
def anew(monkeypatch):
    """Fewer exchanges than in use, and a function that makes new ones for each page."""
    monkeypatch.setattr(permutation, "PERMUTATIONS", 300)
    monkeypatch.setattr(image_sums, "RESAMPLES", 60)
    patterns, page = permutation._patterns, [0]
    monkeypatch.setattr(permutation, "_patterns", lambda units, seed, count: patterns(units, page[0], count))
    return page


def most(pages, rate=0.05):
    """Number of pages that a rate of 5 % exceeds once in ten thousand."""
    return stats.binom.ppf(0.9999, pages, rate)


def single(rng, rows, better=0.0):
    common = rng.normal(0.2, 0.05, 60)
    return {str(row): common + rng.normal(0, 0.02, 60) - better * (row == 0) for row in range(rows)}


def false_pages(anew, pages, make):
    false = 0
    for anew[0] in range(pages):
        false += any(pair.better for pair in compare(make()))
    return false


@pytest.mark.parametrize(
    ("rows", "pages"),
    [
        (2, 250),
        (8, 100),
        (13, 60),
        (24, 25),
        *(pytest.param(rows, 600, marks=pytest.mark.slow) for rows in (2, 8, 13, 24)),
    ],
)
def test_at_most_5_percent_of_pages_of_equal_rows_hold_a_false_finding(anew, rows, pages):
    rng = np.random.default_rng(rows)
    assert false_pages(anew, pages, lambda: single(rng, rows)) <= most(pages)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [8, 13])
def test_a_row_that_is_better_makes_no_false_findings_among_the_others(anew, rows):
    rng, false, pages = np.random.default_rng(rows), 0, 300
    for anew[0] in range(pages):
        false += any(p.better for p in compare(single(rng, rows, 0.01)) if "0" not in p[:2])
    assert false <= most(pages)


def test_max_t_finds_a_better_row_at_least_as_often_as_holm(anew):
    rng, found, by_holm, pages = np.random.default_rng(0), 0, 0, 40
    for anew[0] in range(pages):
        rows = single(rng, 8, 0.01)
        pairs = compare(rows)
        found += sum(pair.better == "0" for pair in pairs)
        p = holm([stats.ttest_rel(rows[pair.first], rows[pair.second]).pvalue for pair in pairs])
        by_holm += sum(q < 0.05 for q, pair in zip(p, pairs, strict=True) if "0" in pair[:2])
    assert found >= by_holm
    assert found > 0.2 * 7 * pages


def several(rng, rows, seeds, shared=0.0, own=0.0, better=0.0):
    table = rng.normal(0.2, 0.05, 60) + rng.normal(0, 0.02, (rows, 1, 60)) + rng.normal(0, shared, (1, seeds, 1))
    table = table + rng.normal(0, own, (rows, seeds, 1)) + rng.normal(0, 0.02, (rows, seeds, 60))
    table[0] -= better
    return {str(row): dict(enumerate(table[row])) for row in range(rows)}


SCATTER = [{"shared": 0.01}, {"own": 0.01}, {"own": 0.003}, {"shared": 0.01, "own": 0.005}, {}]


@pytest.mark.parametrize("scatter", SCATTER, ids=str)
@pytest.mark.parametrize(
    ("rows", "seeds", "pages"),
    [
        (2, 2, 80),
        (2, 3, 80),
        (6, 3, 25),
        *(pytest.param(2, seeds, 600, marks=pytest.mark.slow) for seeds in (2, 3, 5)),
        pytest.param(8, 3, 300, marks=pytest.mark.slow),
    ],
)
def test_the_rate_holds_whether_rows_share_the_effects_of_seeds_or_not(anew, scatter, rows, seeds, pages):
    rng = np.random.default_rng([rows, seeds])
    assert false_pages(anew, pages, lambda: several(rng, rows, seeds, **scatter)) <= most(pages)


@pytest.mark.parametrize("scatter", SCATTER, ids=str)
@pytest.mark.parametrize(
    ("seeds", "pages"), [(3, 80), *(pytest.param(seeds, 600, marks=pytest.mark.slow) for seeds in (2, 3, 5, 10))]
)
def test_95_percent_intervals_over_seeds_and_images_cover_the_truth(anew, scatter, seeds, pages):
    rng, misses = np.random.default_rng(seeds), 0
    for _ in range(pages):
        pair = pair_of(*several(rng, 2, seeds, **scatter).values())
        misses += not pair.low <= 0 <= pair.high
    assert misses <= most(pages)


def test_pairing_finds_what_independent_seeds_hide(anew):
    rng, found, unpaired, pages = np.random.default_rng(0), 0, 0, 40
    for _ in range(pages):
        a, b = several(rng, 2, 3, shared=0.02, better=0.03).values()
        found += pair_of(a, b).better == "a"
        means = [[scores.mean() for scores in row.values()] for row in (a, b)]
        unpaired += stats.ttest_ind(*means, equal_var=False).pvalue < 0.05
    assert found > 0.8 * pages > 2 * unpaired


def test_one_seed_is_a_statement_about_the_trained_networks(anew):
    """Networks of one seed differ; the truth of the trained networks is covered, that of other seeds is not."""
    rng, trained, others, pages = np.random.default_rng(0), 0, 0, 100
    for anew[0] in range(pages):
        effect = rng.normal(0, 0.02)  # of this seed on the difference
        common = rng.normal(0.2, 0.05, 60)
        pair = pair_of(common + effect + rng.normal(0, 0.02, 60), common + rng.normal(0, 0.02, 60))
        assert pair.seeds == (1, 1)
        trained += not pair.low <= effect <= pair.high
        others += not pair.low <= 0 <= pair.high
    assert trained <= most(pages)
    assert others > most(pages)


def test_pairs_on_other_images_keep_their_own_p_values():
    """All exchanges of 8 images and of 6 are patterns of other lengths: no joint test, and Holm over both."""
    rng = np.random.default_rng(5)
    rows = [[{0: of_means(rng.normal(mean, 0.02, count))} for mean in (0.2, 0.22)] for count in (8, 6)]
    pairs = [(first, second) for first, second in rows]
    both = [row["score"] for row in compare_rows(pairs)]
    alone = [compare_rows([pair])[0]["score"] for pair in pairs]
    assert [one.difference.p_value for one in both] == [one.difference.p_value for one in alone]
    assert [one.p_adjusted for one in both] == pytest.approx(holm([one.difference.p_value for one in alone]))
