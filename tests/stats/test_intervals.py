"""Bootstrap and Student's intervals against scipy, closed forms and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from depthbench.stats.behrens_fisher import Part, half_width, tail, two_sided
from depthbench.stats.crossed import estimates, over_seeds
from depthbench.stats.image_sums import PerImageSums, of_means, scenes_of
from depthbench.stats.intervals import bootstrap_error, intervals, student_draws


@pytest.mark.parametrize("count", [20, 200])
def test_the_interval_is_scipys_bca(count):
    scores = np.random.default_rng(3).gamma(2, 0.1, count)
    found = intervals(of_means(scores))["score"]
    low, high = stats.bootstrap((scores,), np.mean, n_resamples=20_000, method="BCa", rng=0).confidence_interval
    assert found == pytest.approx((low, high), abs=0.06 * (high - low))


def test_bca_moves_the_limits_of_skewed_scores_upwards():
    scores = np.random.default_rng(3).exponential(1, 15)
    low, high = intervals(of_means(scores))["score"]
    drawn = of_means(scores).resampled["score"]
    assert low > np.percentile(drawn, 2.5)
    assert high > np.percentile(drawn, 97.5)


def test_the_interval_of_a_ratio_of_sums_is_scipys():
    rng = np.random.default_rng(0)
    pixels, errors = rng.integers(50, 500, 60).astype(float), rng.gamma(3, 0.1, 60)

    def read(totals, images):
        return {"pooled": np.sqrt(totals[..., 0] / totals[..., 1])}

    sums = PerImageSums(np.stack([pixels * errors**2, pixels], 1), read, pixels)

    def statistic(error, weight, axis):
        return np.sqrt((weight * error**2).sum(axis) / weight.sum(axis))

    expected = stats.bootstrap((errors, pixels), statistic, paired=True, n_resamples=20_000, rng=0)
    low, high = expected.confidence_interval
    assert intervals(sums)["pooled"] == pytest.approx((low, high), abs=0.05 * (high - low))


def test_of_equal_scores_the_interval_is_a_point_and_of_none_there_is_none():
    assert intervals(of_means([0.25] * 7))["score"] == pytest.approx((0.25, 0.25), abs=1e-15)
    assert np.isnan(intervals(of_means([]))["score"]).all()


def test_infinite_scores_stay_visible():
    assert not np.isfinite(intervals(of_means([1.0, 2.0, np.inf, 3.0]))["score"]).any()


def test_the_95_percent_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    hits = [low <= 1 <= high for low, high in (intervals(of_means(rng.normal(1, 1, 60)))["score"] for _ in range(400))]
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.05 * 0.95 / 400)


def test_scenes_are_drawn_as_a_whole():
    """40 scenes of 5 equal images hold as much as 40 images."""
    rng = np.random.default_rng(1)
    scores = np.repeat(rng.normal(1, 1, 40), 5)
    scenes = np.repeat(np.arange(40), 5)
    alone, whole = of_means(scores), of_means(scores, scenes=scenes)
    error = bootstrap_error(whole.resampled["score"], whole.units)
    assert error == pytest.approx(np.std(scores[::5], ddof=1) / np.sqrt(40), rel=0.06)
    assert bootstrap_error(alone.resampled["score"], alone.units) < 0.5 * error


def test_scenes_of_unequal_size_weigh_by_their_images():
    scores, scenes = np.array([1.0, 1.0, 1.0, 4.0]), np.array([0, 0, 0, 1])
    sums = of_means(scores, scenes=scenes)
    assert sums.scores["score"] == 1.75
    assert sorted(set(sums.resampled["score"].round(9))) == [1.0, 1.75, 4.0]
    assert sums.leave_one_out["score"].tolist() == [4.0, 1.0]


@pytest.mark.parametrize(
    ("names", "scenes"),
    [
        ([f"rooms/{frame // 2:04d}/{frame:05d}" for frame in range(30)], 15),
        ([f"drive_{frame // 3}/image_02/data/{frame}" for frame in range(60)], 20),
        ([f"nyu/{frame:04d}" for frame in range(60)], None),  # one folder
        ([f"{'ab'[frame % 2]}/{frame}" for frame in range(60)], None),  # two data sets, say
        ([f"{frame}" for frame in range(60)], None),
    ],
)
def test_scenes_are_the_folders_of_names_where_there_are_many(names, scenes):
    found = scenes_of(names)
    assert (found is None) == (scenes is None)
    if found is not None:
        assert (len(set(found.tolist())), found.max() + 1) == (scenes, scenes)


@pytest.mark.parametrize("freedoms", [(1, 59), (2, 653), (4, 2)])
@pytest.mark.parametrize("errors", [(1, 1), (0.1, 1), (1, 0.1)])
def test_the_sum_of_two_student_variables_is_the_simulated_one(freedoms, errors):
    parts = [Part(error, freedom) for error, freedom in zip(errors, freedoms, strict=True)]
    rng = np.random.default_rng(0)
    drawn = sum(part.error * rng.standard_t(part.freedom, 400_000) for part in parts)
    half = half_width(parts, 0.05)
    assert np.mean(np.abs(drawn) > half) == pytest.approx(0.05, abs=0.0015)
    assert two_sided(half, parts) == pytest.approx(0.05, rel=1e-4)
    assert tail(-half, parts) == pytest.approx(0.975, rel=1e-4)


def test_one_part_is_students_t():
    assert two_sided(4.3, [Part(1.5, 2), Part(0, 50)]) == pytest.approx(2 * stats.t.sf(4.3 / 1.5, 2))
    assert half_width([Part(2.0, 3)], 0.05) == pytest.approx(2 * stats.t.isf(0.025, 3))
    assert two_sided(0.0, [Part(0, 2)]) == 1
    assert two_sided(0.1, [Part(0, 2)]) == 0
    assert half_width([Part(0, 2)], 0.05) == 0


def test_scores_of_seeds_have_students_interval():
    scores = [0.21, 0.23, 0.25]
    found = over_seeds(scores)
    expected = stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.over == "seeds"
    assert over_seeds([0.21])[:] == (0.21, 0.21, 0.21, "")


def test_an_estimate_over_seeds_and_images_holds_both_parts():
    rng = np.random.default_rng(0)
    image, seed = rng.normal(0.2, 0.05, 100), np.array([-0.02, 0.0, 0.02])
    row = {index: of_means(image + shift) for index, shift in enumerate(seed)}
    found = estimates(row)["score"]
    assert found.over == "seeds and images"
    parts = [Part(stats.sem(seed), 2), Part(stats.sem(image), 99)]
    assert found.high - found.value == pytest.approx(half_width(parts, 0.05), rel=0.02)
    assert estimates({0: row[1]})["score"].over == "images"


def test_student_draws_have_students_spread_in_any_direction():
    by_seed = np.random.default_rng(0).normal(0, 1, (4, 3))
    drawn = student_draws(by_seed, 200_000)
    for direction in [*np.eye(3).tolist(), [1.0, 0.0, -1.0]]:
        values = by_seed @ direction
        half = stats.t.isf(0.025, 3) * stats.sem(values)
        assert np.mean(np.abs(drawn @ direction) > half) == pytest.approx(0.05, abs=0.002)
    assert not student_draws(by_seed[:1], 10).any()
