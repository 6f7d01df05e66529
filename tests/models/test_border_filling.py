import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.filling import fill_cross_bilateral


def test_one_ring_against_loops():
    depth = torch.rand(1, 1, 9, 11) + 1
    depth[..., 3:6, 4:7] = 0
    image = torch.rand(1, 3, 9, 11)
    filled = fill_cross_bilateral(depth, image, radius=3, sigma_space=1.5, sigma_color=0.2)
    d, gray = depth[0, 0].double().numpy(), image[0].double().mean(dim=0).numpy()
    expected = d.copy()
    for i, j in np.argwhere(d == 0):
        total = value = 0.0
        for k in range(max(i - 3, 0), min(i + 4, 9)):
            for m in range(max(j - 3, 0), min(j + 4, 11)):
                if d[k, m] > 0:
                    near = np.exp(-((k - i) ** 2 + (m - j) ** 2) / (2 * 1.5**2))
                    weight = near * max(np.exp(-((gray[k, m] - gray[i, j]) ** 2) / (2 * 0.2**2)), 1e-6)
                    total, value = total + weight, value + weight * d[k, m]
        expected[i, j] = value / total
    torch.testing.assert_close(filled[0, 0].double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


def test_wide_borders_are_filled_and_known_depth_stays():
    depth = torch.zeros(2, 1, 40, 51)
    depth[..., 12:30, 15:37] = torch.rand(2, 1, 18, 22) + 1
    filled = fill_cross_bilateral(depth, torch.rand(2, 3, 80, 102))
    assert (filled > 0).all()
    assert filled.max() <= depth.max() + 1e-5
    torch.testing.assert_close(filled[depth > 0], depth[depth > 0], rtol=0, atol=0)


def test_an_edge_of_the_image_is_kept():
    image = torch.zeros(1, 3, 20, 20)
    image[..., 10:] = 1
    depth = torch.where(image[:, :1] > 0.5, 4.0, 2.0)
    holed = depth.clone()
    holed[..., :4, :] = 0
    torch.testing.assert_close(fill_cross_bilateral(holed, image), depth, rtol=1e-3, atol=0)


def test_images_do_not_mix_and_an_empty_one_stays_empty():
    depth = torch.zeros(2, 1, 8, 8)
    depth[0, :, :4] = 3
    filled = fill_cross_bilateral(depth, torch.rand(2, 3, 8, 8))
    torch.testing.assert_close(filled[0], torch.full((1, 8, 8), 3.0))
    assert not filled[1].any()


def test_mistakes():
    with pytest.raises(UserError, match="one batch"):
        fill_cross_bilateral(torch.ones(2, 1, 4, 4), torch.ones(1, 3, 4, 4))
