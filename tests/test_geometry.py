"""Formulas of geometry against closed forms and float64 loops."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from depthbench import geometry
from depthbench.pinhole import assumed_camera, points_at


def slopes(spread=2.0, dtype=torch.float64):
    return [(spread * torch.randn(2, 1, 5, 7, dtype=torch.float64)).to(dtype) for _ in range(4)]


def normals(x, y):
    return torch.cat([-x, -y, torch.ones_like(x)], dim=1)


def test_one_minus_cosine_is_one_formula():
    e0, e1, b0, b1 = slopes()
    a, b = normals(b0 + e0, b1 + e1), normals(b0, b1)
    wanted = 1 - torch.cosine_similarity(a, b, dim=1).unsqueeze(1)
    torch.testing.assert_close(geometry.one_minus_cosine_of_slopes(e0, e1, b0, b1), wanted)
    torch.testing.assert_close(geometry.one_minus_cosine(a, b), wanted)


def test_small_angles_keep_their_digits():
    e0, e1, b0, b1 = slopes()
    e0, e1 = 1e-4 * e0, 1e-4 * e1
    single = [values.float() for values in (e0, e1, b0, b1)]
    exact = geometry.one_minus_cosine_of_slopes(*(values.double() for values in single))
    torch.testing.assert_close(geometry.one_minus_cosine_of_slopes(*single).double(), exact, rtol=1e-5, atol=0)


def test_opposite_vectors():
    up = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    assert geometry.one_minus_cosine(up, -up).item() == pytest.approx(2)


@pytest.mark.parametrize("needs_truth", [True, False])
def test_gradient_of_slopes(needs_truth):
    values = slopes(1.0)
    for place, x in enumerate(values):
        x.requires_grad_(place < 2 or needs_truth)
    assert torch.autograd.gradcheck(geometry.one_minus_cosine_of_slopes, values)


def test_points_of_tensors_and_arrays_agree():
    depth = 1 + torch.rand(2, 1, 4, 6, dtype=torch.float64)
    camera = np.array([[50.0, 0.3, 2.5], [0, 60.0, 1.5], [0, 0, 1]])
    points = geometry.back_project(depth, torch.from_numpy(camera).expand(2, 3, 3))
    rows, columns = np.indices((4, 6)).reshape(2, -1)
    pixels = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    flat = points_at(np.linalg.inv(camera), pixels, depth[1].reshape(-1).numpy())
    np.testing.assert_allclose(points[1].reshape(3, -1).numpy(), flat, rtol=1e-12)
    for b, v, u in np.ndindex(2, 4, 6):  # z (x, y, 1) with u = fx x + s y + cx, v = fy y + cy
        z = depth[b, 0, v, u].item()
        y = (v - 1.5) / 60
        x = (u - 2.5 - 0.3 * y) / 50
        np.testing.assert_allclose(points[b, :, v, u].numpy(), [z * x, z * y, z], rtol=1e-12)


def test_back_projection_of_float32_depth_stays_float32():
    points = geometry.back_project(torch.ones(1, 1, 3, 4), torch.eye(3).unsqueeze(0).double())
    assert points.dtype == torch.float32
    assert points[0, :, 2, 3].tolist() == [3, 2, 1]


def test_assumed_camera_sees_sixty_degrees():
    camera = assumed_camera(48, 64)
    edge = np.linalg.inv(camera) @ [63.5, 23.5, 1]  # the right border of the last pixel
    assert np.degrees(np.arctan(edge[0])) == pytest.approx(30)


def test_the_pinhole_needs_no_torch():
    code = "import sys, depthbench.pinhole; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sobel_of_a_plane():
    rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
    dx, dy = geometry.sobel((2 * columns - 3 * rows)[None, None])
    assert (dx[..., 1:-1, 1:-1] == 16).all()
    assert (dy[..., 1:-1, 1:-1] == -24).all()


def test_mirrored_twice_is_the_same_camera():
    camera = torch.tensor([[50.0, 0.3, 2.5], [0, 60, 1.5], [0, 0, 1]])
    once = geometry.flip_intrinsics(camera, 64)
    assert once[0, 2] == 63 - 2.5
    assert torch.equal(geometry.flip_intrinsics(once, 64), camera)


def test_the_cosine_of_slopes_in_blocks_is_that_of_the_whole(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(3, 1, 37, 53, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(4)]
    weight = torch.randn(maps[0].shape, generator=generator, dtype=torch.float64)

    def found(block):
        monkeypatch.setattr("depthbench.geometry._BLOCK", block)
        values = geometry.one_minus_cosine_of_slopes(*(values[..., 1:] for values in maps))  # views, as of a larger map
        return values, *torch.autograd.grad((values * weight[..., 1:]).sum(), maps)

    whole = found(10**9)
    normal = [torch.stack([-a, -b, torch.ones_like(a)]) for a, b in ((maps[2] + maps[0], maps[3] + maps[1]), maps[2:])]
    expected = 1 - torch.cosine_similarity(*normal, dim=0)
    torch.testing.assert_close(whole[0], expected[..., 1:], rtol=1e-9, atol=1e-12)
    for block in (1, 200, 1000):
        assert all(torch.equal(one, other) for one, other in zip(whole, found(block), strict=True))
