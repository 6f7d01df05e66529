import math

import numpy as np
import pytest
import torch

from depthbench.metrics.image.profiles import BINS, profile_sums

FOCAL = 60.0


def camera(height, width):
    return torch.tensor([[[FOCAL, 0, (width - 1) / 2], [0, FOCAL, (height - 1) / 2], [0, 0, 1]]])


def bin_of(value, kind):
    return max(index for index, low in enumerate(BINS[kind][:-1]) if value >= low)


def maps(height=23, width=37):
    truth = 0.3 + 9 * torch.rand(2, 1, height, width)
    prediction = truth * (0.5 + torch.rand(2, 1, height, width))
    valid = torch.rand(2, 1, height, width) > 0.2
    return prediction, truth, valid


def test_distance_bins_are_those_of_a_loop_over_pixels():
    prediction, truth, valid = maps()
    truth[0, 0, 0, :3] = torch.tensor([1.0, 1.5, 6.0])  # on limits
    valid[0, 0, 0, :3] = True
    prediction[1, 0, 4, 4] = math.nan
    found = profile_sums(prediction, truth, valid)["distance"].numpy()
    wanted = np.zeros_like(found)
    for b, _, y, x in np.argwhere(valid.numpy()):
        p, t = float(prediction[b, 0, y, x]), float(truth[b, 0, y, x])
        if math.isfinite(p):
            wanted[b, bin_of(t, "distance")] += (1, abs(p - t) / t, (p - t) ** 2)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_edge_bins_count_the_pixels_to_a_step():
    truth = torch.full((1, 1, 9, 60), 2.0)
    truth[..., 20:] = 3.0
    found = profile_sums(truth + 0.5, truth, truth > 0)["edge"][0].numpy()
    wanted = np.zeros_like(found)
    for _, x in np.ndindex(7, 58):  # all but the frame
        depth = float(truth[0, 0, 0, x + 1])
        wanted[bin_of(abs(x + 1 - 19), "edge")] += (1, 0.5 / depth, 0.25)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_without_an_edge_all_pixels_are_far_from_one():
    truth = torch.full((1, 1, 9, 9), 2.0)
    np.testing.assert_array_equal(profile_sums(truth, truth, truth > 0)["edge"][0, :, 0], [0] * 6 + [49])


@pytest.mark.parametrize("tilt", [0.0, 35.0, 62.0])
def test_angles_are_those_of_a_plane(tilt):
    """A plane of normal (sin, 0, -cos) through (0, 0, 2): the angle to each pixel's ray is known."""
    height, width = 21, 31
    x = (np.arange(width) - (width - 1) / 2) / FOCAL
    y = (np.arange(height) - (height - 1) / 2) / FOCAL
    rays = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), -1)
    normal = np.array([math.sin(math.radians(tilt)), 0, -math.cos(math.radians(tilt))])
    depth = -2 * math.cos(math.radians(tilt)) / (rays @ normal)
    angle = np.degrees(np.arccos(np.abs(rays @ normal) / np.linalg.norm(rays, axis=-1)))[1:-1, 1:-1]
    wanted = np.histogram(angle, BINS["angle"])[0]
    truth = torch.from_numpy(depth)[None, None]
    found = profile_sums(truth, truth, truth > 0, camera(height, width))["angle"][0, :, 0].numpy()
    np.testing.assert_array_equal(found, wanted)


def test_wide_maps_are_thinned_and_see_the_same_scene():
    height, width = 24, 640
    prediction, truth, valid = maps(height, width)
    coarse = (slice(None), slice(None), slice(None, None, 2), slice(None, None, 2))
    intrinsics = camera(height, width)
    thinned = intrinsics / torch.tensor([[2.0], [2.0], [1.0]])
    found = profile_sums(prediction, truth, valid, intrinsics)
    wanted = profile_sums(prediction[coarse], truth[coarse], valid[coarse], thinned)
    assert set(found) == {"distance", "angle", "edge"}
    for kind in found:
        np.testing.assert_array_equal(found[kind], wanted[kind])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_an_empty_mask_and_infinite_predictions_count_nothing(dtype):
    prediction, truth, valid = maps()
    valid[0], prediction[1] = False, math.inf
    for sums in profile_sums(prediction.to(dtype), truth, valid, camera(23, 37).expand(2, 3, 3)).values():
        assert not sums.any()
