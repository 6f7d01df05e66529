"""Depth as colors: ranges against quantiles, colors against matplotlib, bars read back from their pixels."""

import matplotlib
import numpy as np
import pytest

from depthbench.palette import (
    DEPTH,
    ERROR,
    MISSING,
    SIGNED_ERROR,
    ColorRange,
    color_bar,
    color_depth,
    colorize,
    own_range,
    shared_end,
    with_bar,
)

rng = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_own_range_leaves_out_a_hundredth(dtype):
    values = rng.uniform(1, 5, (31, 47)).astype(dtype)
    near, far = np.quantile(values.astype(float), (0.01, 0.99))
    values[3, 4:6] = np.nan, np.inf
    kept = values.astype(float)[np.isfinite(values)]
    assert own_range(values)[:2] == pytest.approx(tuple(np.quantile(kept, (0.01, 0.99))))
    assert own_range(values)[:2] == pytest.approx((near, far), rel=1e-2)
    falling = own_range(values, falls=True, unit="")
    assert falling == ColorRange(own_range(values).far, own_range(values).near, "")


@pytest.mark.parametrize("values", [np.full((2, 3), 2.5), np.zeros(4), np.full(3, np.nan), np.empty(0), np.ones(1)])
def test_a_constant_or_empty_picture_has_a_range(values):
    found = own_range(values)
    assert found.far > found.near
    for value in values[np.isfinite(values)]:
        assert found.near < value < found.far


def test_a_large_photo_is_looked_at_in_part():
    values = rng.uniform(0, 1, 900_000)
    assert own_range(values)[:2] == pytest.approx((0.01, 0.99), abs=2e-3)


def test_pictures_to_compare_share_a_range():
    first, second = np.full((10, 10), 2.0), np.full((10, 10), 3.2)
    second[0] = 0  # missing
    assert shared_end([first]) == 2.0
    assert shared_end([first, second]) == 3.5
    assert shared_end([np.full((2, 2), 0.1)]) == 0.5
    assert shared_end([]) == shared_end([np.zeros((2, 2))]) == 10.0


@pytest.mark.parametrize("colormap", [DEPTH, ERROR, SIGNED_ERROR])
def test_colors_are_matplotlibs_and_missing_is_none_of_them(colormap):
    values = np.append(np.linspace(-1, 3, 41), np.nan)
    found = colorize(values, 2.0, colormap, 0.0)
    expected = matplotlib.colormaps[colormap](np.clip(values / 2, 0, 1), bytes=True)[:, :3]
    assert np.abs(found[:-1].astype(int) - expected[:-1]).max() <= 1
    assert tuple(found[-1]) == MISSING
    np.testing.assert_array_equal(colorize(2 - values, 0.0, colormap, 2.0), found)  # a range that falls
    table = matplotlib.colormaps[colormap](np.arange(256), bytes=True)[:, :3].astype(int)
    assert np.abs(table - MISSING).max(1).min() > 20


def test_missing_depth_has_a_color_of_its_own():
    depth = np.array([[1.0, 0, -1, np.nan, np.inf, 3]], np.float32)
    gray = (color_depth(depth, ColorRange(0, 4))[0] == MISSING).all(-1)
    assert gray.tolist() == [False, True, True, True, True, False]
    gray = (color_depth(depth, ColorRange(0, 4), positive=False)[0] == MISSING).all(-1)
    assert gray.tolist() == [False, False, False, True, True, False]


@pytest.mark.parametrize("width", [64, 65, 200, 641])
@pytest.mark.parametrize("colors", [ColorRange(0.7, 4.2), ColorRange(0, 80), ColorRange(3, 1, "")])
def test_a_bar_runs_through_the_colors_and_shows_the_gray(width, colors):
    bar = color_bar(colors, width)
    assert bar.shape[1:] == (width, 3)
    assert len(bar) % 2 == 0
    row = bar[round(0.9 * max(9, width // 32))]
    inside = row[~(row == 255).all(-1)]
    gray = (inside == MISSING).all(-1)
    assert gray.any() == (width >= 200)
    stops = inside[~gray]
    ends = matplotlib.colormaps[DEPTH]([0, 255])[:, :3] * 255
    np.testing.assert_allclose(stops[[0, -1]], ends, atol=0.5)
    np.testing.assert_array_equal(stops, colorize(np.linspace(0, 255, len(stops)).round() + 0.5, 256.0))
    below = bar[round(1.5 * max(9, width // 32)) :]
    assert (below < 100).all(-1).any()  # ink
    assert not (below[:, 0] < 100).any()  # no letter is cut off
    assert not (below[:, -1] < 100).any()


def test_a_bar_differs_with_its_range():
    narrow, wide = (color_bar(ColorRange(0, far), 320) for far in (4, 8))
    assert (narrow != wide).any()
    assert not (color_bar(ColorRange(0, 4), 320, swatch=False) == MISSING).all(-1).any()


def test_a_narrow_picture_gets_no_bar():
    picture = np.zeros((5, 63, 3), np.uint8)
    np.testing.assert_array_equal(with_bar(picture, ColorRange(0, 1)), picture)
    assert len(with_bar(np.zeros((5, 64, 3), np.uint8), ColorRange(0, 1))) > 20
