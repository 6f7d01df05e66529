"""Medians and percentiles by selection, compiled and by numpy: the very numbers of sorting."""

import math

import numpy as np
import pytest
import torch

from depthbench import medians
from depthbench.medians import at_place, masked_median, masked_percentile, median_distance, weighted_median


def _rows():
    """Values whose order is hard to sample, by name; more than are parted at once."""
    rng = np.random.default_rng(0)
    many = rng.normal(size=30_001)
    return {
        "normal": many,
        "even": many[1:],
        "sorted": np.sort(many),
        "falling": np.sort(many)[::-1].copy(),
        "constant": np.full(9000, 2.5),
        "two": np.repeat([3.0, 1.0], [4000, 5001]),
        "ties": np.round(many, 1),
        "periodic": np.tile(np.r_[np.zeros(8), rng.normal(size=23)], 900),  # the sample's step fits into its period
        "far": np.r_[many, 1e30, -np.inf, np.inf],
        "tail": np.r_[np.zeros(8000), rng.exponential(size=8000) ** 8],
        "short": rng.normal(size=7),
        "one": np.ones(1),
    }


ROWS = _rows()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", ROWS)
def test_what_is_selected_is_what_sorting_puts_there(name, compiled, dtype, monkeypatch):
    if not compiled:
        monkeypatch.setattr(medians, "_library", lambda: None)
    elif medians._library() is None:
        pytest.skip("no C compiler here")
    values = ROWS[name].astype(dtype)
    before, ordered = values.copy(), np.sort(values)
    count = len(values)
    for place in {0, min(1, count - 1), count // 3, (count - 1) // 2, count // 2, int(0.95 * count), count - 1}:
        assert at_place(values, place) == (ordered[place], ordered[place - 1] if place else -math.inf)
        center = float(dtype(0.3))
        distances = np.sort(np.abs(values - dtype(0.3)))
        assert at_place(values, place, center) == (distances[place], distances[place - 1] if place else -math.inf)
    assert median_distance(values, 0.0) == np.median(np.abs(values))
    np.testing.assert_array_equal(values, before)  # untouched


def test_nan_are_the_greatest():
    values = np.r_[ROWS["normal"], np.full(3, np.nan)]
    assert at_place(values, len(values) // 2) == at_place(ROWS["normal"], len(values) // 2)
    assert math.isnan(at_place(values, len(values) - 1)[0])


def test_medians_and_percentiles_of_selected_places_are_numpys():
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 101):
        values = torch.from_numpy(rng.normal(size=(2, count)))
        expected = np.median(values.numpy(), 1)
        np.testing.assert_array_equal(masked_median(values), expected)
        np.testing.assert_array_equal(masked_median(values, torch.ones_like(values, dtype=torch.bool)), expected)
        assert torch.equal(masked_median(values, middle="lower"), values.median(1).values)
        for percent in (0, 5, 37.5, 100):
            found = masked_percentile(values, torch.ones_like(values, dtype=torch.bool), percent)
            np.testing.assert_allclose(found, np.percentile(values.numpy(), percent, axis=1), rtol=1e-12)
    assert masked_median(torch.zeros(1, 0)).isnan()


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_percentiles_are_numpys(count):
    values, valid = torch.rand(2, 20, dtype=torch.float64), torch.zeros(2, 20, dtype=torch.bool)
    valid[0, torch.randperm(20)[:count]] = True
    for percent in (0, 5, 50, 95, 100):
        found = masked_percentile(values, valid, percent)
        assert found[0].item() == pytest.approx(np.percentile(values[0][valid[0]].numpy(), percent), rel=1e-12)
        assert found[1] == float("inf")


def test_weighted_median_of_equal_weights_is_a_median():
    values = torch.rand(4, 9, dtype=torch.float64)
    assert torch.equal(weighted_median(values, torch.ones_like(values)), values.median(1).values)
