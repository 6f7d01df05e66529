"""The compiled arithmetic of fits and that of torch and numpy: the same lines and depths."""

import math

import numpy as np
import pytest
import torch

from depthbench import native
from depthbench.protocols.alignment import NAMED, fit_kernel, fits, ransac
from depthbench.protocols.alignment.applying import aligned_pixels
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.alignment.ransac import ransac_line
from depthbench.protocols.alignment.spaces import SPACES, in_space, of_metres
from depthbench.protocols.scored_maps import clamp_finite

PER_IMAGE = sorted(name for name, one in NAMED.items() if one.fit != "none" and one.over == "image")


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if native.compiled(fit_kernel.SOURCE) is None:
        pytest.skip("no C compiler here")


@pytest.fixture
def without(monkeypatch):
    return lambda: monkeypatch.setattr(fit_kernel, "_library", lambda: None)


@pytest.fixture(scope="module")
def maps():
    """A crop of larger maps, so that rows have gaps: prediction, truth, mask; the third image has no valid pixel."""
    generator = torch.Generator().manual_seed(0)
    t = 1 + 8 * torch.rand(3, 1, 41, 57, generator=generator)
    p = 0.7 * t * torch.randn(t.shape, generator=generator).mul(0.05).exp() + 0.3
    valid = torch.rand(t.shape, generator=generator) > 0.2
    valid[2] = False
    p[1, 0, 5, 5] = 0.0  # has no disparity
    return tuple(one[..., 2:39, 3:54] for one in (p, t, valid))


@pytest.mark.parametrize("quantity", ["depth", "disparity"])
@pytest.mark.parametrize("name", PER_IMAGE)
def test_lines_and_depths_are_those_of_torch(name, quantity, maps, without):
    p, t, valid = maps
    p = p if quantity == "depth" else 3 / p.clamp(min=0.2)
    pixels = FitPixels(p, t, valid, quantity)
    found, line = aligned_pixels(NAMED[name], pixels), pixels.line(NAMED[name])
    without()
    pixels = FitPixels(p, t, valid, quantity)
    wanted, other = aligned_pixels(NAMED[name], pixels), pixels.line(NAMED[name])
    torch.testing.assert_close(line.scale, other.scale, rtol=1e-9, atol=0, equal_nan=True)
    torch.testing.assert_close(line.shift, other.shift, rtol=1e-7, atol=1e-12, equal_nan=True)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert not found[2].isfinite().any()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 63, 64, 65, 1003])
@pytest.mark.parametrize("inverts", [(False, False), (True, False), (True, True)])
def test_moments(count, inverts):
    """Against numpy in float64, with a far outlier at the first place, from which the sums might be taken."""
    rng = np.random.default_rng(count)
    x, y = (rng.uniform(1, 9, count).astype(np.float32) for _ in range(2))
    x[0] *= 1e4
    found = fit_kernel.moments(*map(torch.from_numpy, (x, y)), inverts)
    a, b = (
        1 / side.astype(float) if turned else side.astype(float) for side, turned in zip((x, y), inverts, strict=True)
    )
    da, db = a - a.mean(), b - b.mean()
    expected = [count, a.mean(), b.mean(), (da * da).sum(), (da * db).sum()]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6 if count == 1 else 1e-9)


@pytest.mark.parametrize("count", [2, 7, 8, 9, 61, 1003])
def test_the_line_through_pixels_inside(count):
    """Against numpy; pixels outside may hold anything."""
    rng = np.random.default_rng(count)
    x = rng.uniform(1, 9, count)
    y = 2 * x + rng.normal(0, 0.3, count)
    inside = rng.random(count) > 0.3
    inside[[0, -1]] = True
    x[~inside], y[~inside] = np.nan, np.inf
    a, b = (side[inside] - side[inside].mean() for side in (x, y))
    wanted = (a * b).sum() / (a * a).sum(), x[inside].mean(), y[inside].mean()
    found = fit_kernel.line_inside(x, y, inside, (float(x[0]), float(y[0])))
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("odd", [0.0, -1.0, -5.0, math.inf, math.nan, 1e-45])
@pytest.mark.parametrize("name", ["ransac", "log", "disparity_huber"])
def test_pixels_without_a_place_in_the_space_have_no_part(name, odd, maps):
    """An odd prediction at one pixel counts as if the pixel were not valid, unless it has a finite place."""
    p, t, valid = (one[:1].clone() for one in maps)
    alignment = NAMED[name]
    valid[0, 0, 4, 4], p[0, 0, 4, 4] = True, odd
    place = in_space(p[0, 0, 4, 4], "depth", alignment.space).item()
    found = FitPixels(p, t, valid).line(alignment)
    if not math.isfinite(place):
        valid[0, 0, 4, 4] = False
        p[0, 0, 4, 4] = 1.0
        wanted = FitPixels(p, t, valid).line(alignment)
        torch.testing.assert_close(found.scale, wanted.scale, rtol=1e-9, atol=0)
    assert found.scale.isfinite().all()


def test_a_single_inlier_has_no_line_that_rises():
    x, y, inside = np.array([1.0, 2.0, 3.0]), np.array([2.0, 9.0, 4.0]), np.array([True, False, False])
    assert ransac._refined(x, y, ransac._Trial(5.0, (1.0, 2.0), inside, 1))[0] == 0


@pytest.mark.parametrize("space", SPACES)
def test_a_depth_in_a_space_is_that_of_torch(space):
    depths = [-2.0, -1.0, 0.0, 1e-20, 1e-3, 1.0, 80.0, math.inf, math.nan]
    found = [of_metres(space, metres) for metres in depths]
    np.testing.assert_allclose(found, SPACES[space].of_depth(torch.tensor(depths, dtype=torch.float64)), rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [1, 5, 8, 61])
def test_rows_are_fitted_as_by_torch(weighted, count, without):
    rng = np.random.default_rng(count)
    y = torch.from_numpy(rng.uniform(1, 9, (2, count)))
    x = 0.5 * y + 0.3 + torch.from_numpy(rng.normal(0, 0.3, y.shape))
    weight = torch.from_numpy(rng.uniform(0.1, 1, y.shape) * (rng.random(y.shape) > 0.2)) if weighted else None
    found = [fits.least_squares_line(x, y, weight), fits.weighted_l1_line(x, y, weight, 5)]
    without()
    wanted = [fits.least_squares_line(x, y, weight), fits.weighted_l1_line(x, y, weight, 5)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.scale, other.scale, rtol=1e-9, atol=1e-12, equal_nan=True)
        torch.testing.assert_close(one.shift, other.shift, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_the_consensus_is_numpys(without):
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, (1, 400))
    y = np.where(rng.random(x.shape) < 0.3, rng.uniform(0, 9, x.shape), 1 + 2 * x + rng.normal(0, 0.05, x.shape))
    given = torch.from_numpy(x), torch.from_numpy(y), None
    found = ransac_line(*given, seed=4)
    without()
    np.testing.assert_allclose(torch.stack(found), torch.stack(ransac_line(*given, seed=4)), rtol=1e-9)


def test_log1p_has_all_digits():
    depth = torch.cat([torch.logspace(-18, 300, 2000, dtype=torch.float64), -torch.logspace(-18, -1, 500).double()])
    space = SPACES["log1p"]
    torch.testing.assert_close(space.of_depth(depth), torch.log1p(depth), rtol=4e-16, atol=0)
    edges = torch.tensor([0.0, -1.0, -2.0, torch.inf, torch.nan], dtype=torch.float64)
    torch.testing.assert_close(space.of_depth(edges), torch.log1p(edges), equal_nan=True)
    near = torch.logspace(-3, 3, 500, dtype=torch.float64)  # metres
    torch.testing.assert_close(space.to_depth(space.of_depth(near)), near, rtol=1e-12, atol=0)


@pytest.mark.parametrize("space", ["depth", "disparity", "log", "log1p"])
@pytest.mark.parametrize("quantity", ["depth", "disparity"])
def test_rows_in_a_space_are_torchs(quantity, space):
    """They agree to an ulp, also for numbers that have no logarithm or no inverse."""
    usual = torch.logspace(-30, 30, 2001)
    edges = torch.tensor([0.0, -0.0, 1e-45, 1e-39, -0.5, -1.0, -3.0, torch.inf, -torch.inf, torch.nan, 3e38])
    for row in (usual, torch.cat([usual[:13], edges]), torch.logspace(-3, 3, 501), usual[:0]):
        found = fit_kernel.row_in_space(row, quantity, space)
        wanted = in_space(row, quantity, space).double()
        torch.testing.assert_close(found, wanted, rtol=3e-16, atol=1e-16, equal_nan=True)


@pytest.mark.parametrize("space", ["depth", "disparity", "log", "log1p"])
@pytest.mark.parametrize("limits", [(None, None), (0.5, 4.0), (None, 3.0)])
def test_depth_within_limits_and_pixels_that_are_not_above_0(space, limits):
    p = torch.rand(19, 21, generator=torch.Generator().manual_seed(0))[1:, 2:] * 9 + 0.2  # rows have gaps
    p[3, 4], p[5, 18], p[7, 7] = torch.nan, 0.0, 1e30
    line = (7.0, 1.4, 0.3), (-torch.inf, -5.0, 800.0)
    found, wrong = fit_kernel.through(p, fit_kernel.way(line[0], ("depth", space), line[1], limits))
    scale, x0, y0 = line[0]
    value = ((in_space(p.double(), "depth", space) - x0) * scale + y0).clamp(*line[1][1:])
    wanted = SPACES[space].to_depth(value).float()
    assert wrong == int((~(wanted > 0)).sum())
    assert (wrong > 1) == (space != "log")
    torch.testing.assert_close(found, clamp_finite(wanted, limits), rtol=2e-7, atol=1e-12, equal_nan=True)
