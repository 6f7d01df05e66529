import numpy as np
import pytest

from depthbench.report.draw.loss_map import loss_map, shares_by_period

PERIODS = np.arange(6.0)


def traces(*values):
    return {f"D/{index}": (PERIODS[: len(row)], np.asarray(row, dtype=float)) for index, row in enumerate(values)}


def test_the_map_is_that_of_the_covariance_matrix():
    rng = np.random.default_rng(0)
    found = loss_map(traces(*rng.uniform(1, 2, (8, 6))))
    rows = np.array([values for _, values in traces(*np.random.default_rng(0).uniform(1, 2, (8, 6))).values()])
    rows /= rows.mean(1, keepdims=True)
    variances, axes = np.linalg.eigh(np.cov(rows.T))
    assert found.shares == pytest.approx((variances[-1] / variances.sum(), variances[-2] / variances.sum()))
    wanted = np.abs((rows - rows.mean(0)) @ axes[:, [-1, -2]])
    np.testing.assert_allclose(np.abs([found.places[f"D/{k}"] for k in range(8)]), wanted, atol=1e-9)


def test_terms_that_develop_alike_lie_together_whatever_their_size():
    falling, rising = np.linspace(2, 1, 6), np.linspace(1, 2, 6)
    places = loss_map(traces(falling, 100 * falling, rising)).places
    np.testing.assert_allclose(places["D/0"], places["D/1"], atol=1e-12)
    assert np.linalg.norm(places["D/0"] - places["D/2"]) > 0.1


def test_only_periods_that_all_terms_have_are_used():
    rows = [np.linspace(2, 1, 6), np.linspace(1, 2, 6), np.array([1, 3, 2, 5.0])]
    whole, cut = loss_map(traces(*rows)), loss_map(traces(*(row[:4] for row in rows)))
    for name, place in whole.places.items():
        np.testing.assert_allclose(place, cut.places[name])


@pytest.mark.parametrize("rows", [[], np.ones((2, 6)), np.ones((5, 2)), np.ones((5, 6)), np.zeros((5, 6))])
def test_too_little_makes_no_map(rows):
    assert loss_map(traces(*rows)) is None


def test_shares_of_a_period_add_up_to_one():
    shares = shares_by_period({"a": (np.array([0, 1]), np.array([-3.0, 0])), "b": (np.array([0]), np.array([1.0]))})
    assert shares == {0.0: {"a": 0.75, "b": 0.25}, 1.0: {"a": 0.0}}
