"""Seeds and images that would tell two rows apart: against a search number by number, and by simulation."""

import math

import numpy as np
import pytest

from depthbench.report.analyze.effort import MOST_SEEDS, effort
from depthbench.stats import crossed
from depthbench.stats.behrens_fisher import Part, half_width


def made(difference, seed_error, image_error, seeds=5, images=654):
    parts = (Part(seed_error, seeds - 1), Part(image_error, images - 1))
    return crossed.Tested(crossed.Difference(difference, -1, 1, 0.5), 0.5, images, 0, (seeds, seeds), parts)


@pytest.mark.parametrize(
    ("difference", "seed_error", "image_error"),
    [(0.01, 0.004, 0.001), (-0.01, 0.004, 0.001), (0.003, 0.004, 0.001), (0.5, 0.004, 0.001), (0.004, 0.0, 0.001)],
)
def test_it_is_the_smallest_number_of_seeds(difference, seed_error, image_error):
    found = effort(made(difference, seed_error, image_error)).seeds
    widths = {
        count: half_width((Part(seed_error * math.sqrt(5 / count), count - 1), Part(image_error, 653)), 0.05)
        for count in (max(found - 1, 2), found)
    }
    assert widths[found] < abs(difference)
    assert found == 2 or widths[found - 1] >= abs(difference)


def test_images_that_scatter_too_much_can_not_be_mended_by_seeds():
    found = effort(made(0.003, 0.0001, 0.004))
    assert found.seeds is None
    assert 654 < found.images < 654 * 10


def test_seeds_that_scatter_too_much_can_not_be_mended_by_images():
    assert effort(made(0.001, 0.004, 0.0001)).images is None
    assert effort(made(0.0, 0.004, 0.0001)).seeds is None


def test_another_difference_may_be_assumed():
    given = made(0.004, 0.004, 0.0005)
    assert effort(given, 0.02).seeds < effort(given).seeds <= MOST_SEEDS


def test_so_many_seeds_tell_the_rows_apart_in_half_of_all_studies():
    """A difference just beyond the half width is found about every second time."""
    rng, scatter, difference = np.random.default_rng(0), 0.01, 0.006
    found = effort(made(difference, scatter / math.sqrt(5), 1e-9)).seeds
    draws = rng.normal(difference, scatter, (4000, found))
    errors = draws.std(1, ddof=1) / math.sqrt(found)
    widths = [half_width((Part(error, found - 1),), 0.05) for error in errors]
    told = np.mean(np.abs(draws.mean(1)) > widths)
    assert 0.42 < told < 0.62
