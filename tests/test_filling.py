"""Hole filling, against the released port's own output and against the whole system solved at once."""

import numpy as np
import pytest
import torch
from benchmarks.fill_reference import fill

from depthbench.data import Rooms
from depthbench.errors import UserError
from depthbench.filling import (
    REC601,
    REC709,
    fill_bilateral,
    fill_colorization,
    fill_cross_bilateral,
    smooth_bilateral,
)

METHODS = [fill_colorization, fill_bilateral]


@pytest.fixture(scope="module")
def room():
    """A frame with the holes of the rooms' sensor and one large one."""
    frame = Rooms(split=1, size=(90, 121))[0]
    depth = frame.depth[0].numpy().copy()
    depth[20:60, 30:80] = 0
    return frame.image.permute(1, 2, 0).numpy(), depth


def test_colorization_is_the_released_one(golden):
    data = golden("fill_a")
    np.testing.assert_allclose(fill_colorization(data["rgb"], data["depth"]), data["filled"], atol=1e-5)


@pytest.mark.parametrize("luma", [REC709, REC601])
def test_colorization_is_the_whole_system(room, luma):
    rgb, depth = room
    np.testing.assert_allclose(fill_colorization(rgb, depth, luma), fill(rgb, depth, luma), atol=1e-4)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("shape", [(3, 5), (1, 40), (37, 1), (31, 44)])
def test_scattered_holes_and_odd_sizes(shape, share):
    rng = np.random.default_rng(0)
    rgb, depth = rng.random((*shape, 3)), rng.uniform(1, 9, shape)
    depth[rng.random(shape) < share] = 0
    depth[0, 0] = 5.0
    np.testing.assert_allclose(fill_colorization(rgb, depth), fill(rgb, depth, REC709), atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
class TestBoth:
    def test_known_depth_stays(self, method, room):
        rgb, depth = room
        filled = method(rgb, depth)
        assert filled.dtype == np.float32
        assert filled.shape == depth.shape
        np.testing.assert_array_equal(filled[depth > 0], depth[depth > 0])
        assert filled.min() >= depth[depth > 0].min() * 0.999
        assert filled.max() <= depth.max() * 1.001

    def test_any_unit(self, method, room):
        rgb, depth = room
        millimetres = np.round(depth * 1000).astype(np.uint16)
        np.testing.assert_allclose(method(rgb, millimetres), 1000 * method(rgb, millimetres / 1000.0), rtol=1e-4)

    def test_bytes_are_fractions_of_255(self, method, room):
        eight = np.round(room[0] * 255).astype(np.uint8)
        np.testing.assert_array_equal(method(eight, room[1]), method(eight / 255, room[1]))

    def test_not_finite_and_negative_are_missing(self, method, room):
        rgb, depth = room
        odd = depth.copy()
        odd[depth == 0] = np.resize([np.nan, np.inf, -np.inf, -1.0], (depth == 0).sum())
        np.testing.assert_array_equal(method(rgb, odd), method(rgb, depth))

    def test_a_flat_wall_goes_on_through_a_hole(self, method):
        depth = np.full((20, 30), 2.5)
        depth[5:15, 5:25] = 0
        np.testing.assert_allclose(method(np.full((20, 30, 3), 0.5), depth), 2.5, rtol=1e-5)

    def test_color_decides_where_depth_jumps(self, method):
        rgb, depth = np.zeros((24, 40, 3)), np.full((24, 40), 1.0)
        rgb[:, 23:], depth[:, 23:] = 1.0, 4.0
        hole = depth.copy()
        hole[4:20, 14:27] = 0
        assert np.abs(method(rgb, hole) - depth).max() < 0.1

    @pytest.mark.parametrize("level", [0.0, 2.0])
    def test_nothing_or_everything_missing(self, method, level):
        np.testing.assert_array_equal(method(np.ones((4, 6, 3)), np.full((4, 6), level)), np.full((4, 6), level))

    @pytest.mark.parametrize(
        ("rgb", "depth", "says"),
        [
            (np.ones((4, 6, 3)), np.ones((4, 5)), r"\(4, 6, 3\) and \(4, 5\)"),
            (np.ones((4, 6)), np.ones((4, 6)), r"rgb \(H, W, 3\)"),
            (np.full((4, 6, 3), 255.0), np.ones((4, 6)), "floats in"),
            (np.full((4, 6, 3), np.nan), np.ones((4, 6)), "floats in"),
            (np.full((4, 6, 3), 300, np.uint16), np.ones((4, 6)), "uint8"),
        ],
    )
    def test_what_is_refused(self, method, rgb, depth, says):
        with pytest.raises(UserError, match=says):
            method(rgb, depth)


def test_bilateral_is_the_filter_of_the_networks(room):
    rgb, depth = room
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    same = fill_cross_bilateral(torch.from_numpy(depth)[None, None], image, radius=3)
    np.testing.assert_array_equal(fill_bilateral(rgb, depth, radius=3), same[0, 0].numpy())


@pytest.mark.parametrize("size", [3, 4])
def test_a_bilateral_filter_equals_a_loop(size):
    depth = np.random.default_rng(0).uniform(1, 1.4, (7, 9))
    sigma, range_, radius = 1.3, 0.1, size // 2
    expected = np.zeros_like(depth)
    for row, column in np.ndindex(depth.shape):
        total = weights = 0.0
        for y, x in np.ndindex(depth.shape):
            down, right = abs(y - row), abs(x - column)
            if max(down, right) > radius:
                continue
            weight = np.exp(-(down**2 + right**2) / (2 * sigma**2))
            weight *= np.exp(-((depth[y, x] - depth[row, column]) ** 2) / (2 * range_**2))
            if size % 2 == 0:
                weight *= 0.5 ** ((down == radius) + (right == radius))
            total, weights = total + weight * depth[y, x], weights + weight
        expected[row, column] = total / weights
    found = smooth_bilateral(torch.from_numpy(depth)[None, None], size, sigma, range_)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


def test_a_bilateral_filter_keeps_steps_and_smooths_noise():
    step = torch.where(torch.arange(40) < 20, 2.0, 4.0).expand(1, 1, 30, 40)
    noisy = step + 0.03 * torch.randn(step.shape)
    smooth = smooth_bilateral(noisy)
    assert (smooth - step).std() < 0.3 * (noisy - step).std()
    assert (smooth[..., 19] < 2.2).all()
    assert (smooth[..., 20] > 3.8).all()
    torch.testing.assert_close(smooth_bilateral(step), step)
    assert smooth_bilateral(step.half()).dtype == torch.float32
    for arguments in ((step[0],), (step, 0), (step, 3, -1.0)):
        with pytest.raises(UserError):
            smooth_bilateral(*arguments)
