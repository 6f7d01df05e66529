import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depthbench.errors import UserError
from depthbench.models import fuse_relative


def test_a_single_region_is_a_least_squares_fit():
    depth, relative = torch.rand(1, 1, 7, 9) + 2, torch.rand(1, 1, 7, 9)
    fused = fuse_relative(depth, relative, window=101, detail=1, ridge=0.0)
    r, d = relative.double().flatten().numpy(), depth.double().flatten().numpy()
    a, b = np.polyfit(r, d, 1)
    torch.testing.assert_close(fused.flatten().double(), torch.from_numpy(a * r + b), rtol=1e-5, atol=1e-5)


def test_regions_against_loops_with_a_mask():
    depth, relative = torch.rand(1, 1, 8, 10) + 2, torch.rand(1, 1, 8, 10)
    valid = torch.rand(1, 1, 8, 10) > 0.3
    fused = fuse_relative(depth, relative, window=5, detail=1, ridge=1e-2, valid=valid)
    d, r, v = (x[0, 0].double().numpy() for x in (depth, relative, valid))

    def around(i: int, j: int) -> tuple[slice, slice]:
        return slice(max(i - 2, 0), i + 3), slice(max(j - 2, 0), j + 3)

    a, b = np.zeros_like(d), np.zeros_like(d)
    for i, j in np.ndindex(*d.shape):
        w = v[around(i, j)]
        mean = {n: (w * x).sum() / w.sum() for n, x in (("d", d[around(i, j)]), ("r", r[around(i, j)]))}
        cross = (w * r[around(i, j)] * d[around(i, j)]).sum() / w.sum() - mean["r"] * mean["d"]
        square = (w * r[around(i, j)] ** 2).sum() / w.sum() - mean["r"] ** 2
        a[i, j] = cross / (square + 1e-2)
        b[i, j] = mean["d"] - a[i, j] * mean["r"]
    expected = np.array([a[around(*p)].mean() * r[p] + b[around(*p)].mean() for p in np.ndindex(8, 10)]).reshape(8, 10)
    torch.testing.assert_close(fused[0, 0].double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_fusion_helps_where_it_should():
    """A blurred map has the right values, a relative one the right shapes; together they are better than each."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 96), torch.linspace(0, 1, 128), indexing="ij")
    true = (3 + x + ((x * 16 / 3).floor() + (y * 4).floor()) % 2 * 0.6)[None, None]
    ordinary = F.avg_pool2d(true, 7, 1, 3, count_include_pad=False)
    relative = (true - true.mean()) * 0.3 * (1 + y) + 0.3 * x * y  # scale and shift drift over the image
    aligned = fuse_relative(true, relative, window=255, detail=1, ridge=0.0)  # one scale and shift for all
    fused = fuse_relative(ordinary, relative)
    alone, together = ((m - true).abs().mean().item() for m in (ordinary, fused))
    assert together < 0.7 * min(alone, (aligned - true).abs().mean().item())


def test_flat_and_empty_regions():
    depth = torch.rand(1, 1, 9, 9) + 1
    flat = fuse_relative(depth, torch.full_like(depth, 5.0), window=101, detail=1)
    torch.testing.assert_close(flat, depth.mean().expand_as(depth))
    nothing = fuse_relative(depth, torch.rand_like(depth), valid=torch.zeros_like(depth, dtype=torch.bool))
    torch.testing.assert_close(nothing, depth)


def test_mistakes():
    with pytest.raises(UserError, match="odd sides"):
        fuse_relative(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4), window=4)
    with pytest.raises(UserError, match="differ in shape"):
        fuse_relative(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 5))
