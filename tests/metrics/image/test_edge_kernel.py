"""The compiled arithmetic of edges and planes and that of torch: the same scores."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from depthbench import native
from depthbench.annotations import Annotations
from depthbench.metrics import (
    DepthProBoundaryF1,
    IBimsBoundaryError,
    MDECEdgeError,
    PlanarityError,
    SharpDepthBoundaryError,
    SoftEdgeError,
)
from depthbench.metrics.canny import canny
from depthbench.metrics.image import edge_kernel
from depthbench.metrics.image.distances import edge_distances
from depthbench.metrics.image.published_edges import step_pixels
from tests.metrics.image.test_published_code import scene

CAMERA = torch.tensor([[60.0, 0.0, 26.2], [0.0, 58.0, 17.9], [0.0, 0.0, 1.0]]).expand(2, 3, 3)
SCORES = {
    "depth_pro": DepthProBoundaryF1(),
    "ibims": IBimsBoundaryError(),
    "sharpdepth": SharpDepthBoundaryError(),
    "mdec": MDECEdgeError(),
    "steps": SoftEdgeError(step=0.3),
    "disparity": SoftEdgeError(disparity=50.0, step=1.0),
    "planes": PlanarityError(),
}


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if native.compiled(edge_kernel.SOURCE) is None:
        pytest.skip("no C compiler here")


@pytest.fixture
def without(monkeypatch):
    return lambda: monkeypatch.setattr(edge_kernel, "_library", lambda: None)


@pytest.fixture(scope="module")
def maps():
    """Two images of odd size, with holes and a step at every side of the frame: prediction, truth, annotations."""
    pairs = [scene(seed) for seed in (0, 1)]
    p, t = (torch.from_numpy(np.stack(maps)).float()[:, None] for maps in zip(*pairs, strict=True))
    for edge in (np.s_[..., :2, 5:20], np.s_[..., -1:, 30:], np.s_[..., 3:9, :1], np.s_[..., 20:, -3:]):
        p[edge] *= 1.4
        t[edge] *= 1.5
    edges = torch.from_numpy(np.stack([np.hypot(*np.gradient(one)) > 0.4 for one in t[:, 0].numpy()]))[:, None]
    labels = (torch.arange(53) // 20 + 1).expand(2, 1, 37, 53)
    normals = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    return p, t, Annotations(edges=edges, planes=labels, plane_normals=normals)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_those_of_torch(name, holes, maps, without):
    p, t, notes = maps
    assert edge_kernel.takes(p, t)
    valid = torch.ones_like(t, dtype=torch.bool)
    if holes:
        valid[..., 15:19, 20:26] = valid[:, :, -1, -1] = False
    given = (p, t, valid, CAMERA, notes if SCORES[name].needs else None)
    found = SCORES[name].per_image(*given)
    without()
    wanted = SCORES[name].per_image(*given)
    assert any(values.isfinite().all() and (values > 0).all() for values in wanted.values())
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-12, equal_nan=True)  # OpenCV has distances in float32


@pytest.mark.parametrize("shape", [(37, 53), (3, 3), (2, 9), (9, 2), (1, 1), (5, 40)])
@pytest.mark.parametrize("sigma", [1.0, 2**0.5])
def test_edges_are_the_same_to_the_last_bit(shape, sigma, without):
    generator = torch.Generator().manual_seed(shape[1])
    images = torch.rand(3, 1, *shape, generator=generator).double()
    images[1] = (torch.arange(shape[1]) > shape[1] // 2).double()  # both sides of a step have one gradient
    images[2, 0, 0, 0] = math.nan
    found = canny(images, sigma, 0.05, 0.1)
    without()
    assert torch.equal(found, canny(images, sigma, 0.05, 0.1))


@pytest.mark.parametrize("share", [0.0, 0.002, 0.3])
def test_distances_to_the_nearest_edge(share):
    random = np.random.default_rng(0)
    edges, others = random.random((1, 37, 53)) < 0.1, random.random((1, 37, 53)) < share
    found = edge_distances(torch.from_numpy(edges)[None], torch.from_numpy(others)[None]).values
    wanted = ndimage.distance_transform_edt(~others[0]) if others.any() else np.full(others[0].shape, np.inf)
    np.testing.assert_allclose(found, wanted[edges[0]], rtol=1e-7)


def test_what_the_kernel_takes(maps):
    p, t, _ = maps
    assert not edge_kernel.takes(p, t.double())
    assert not edge_kernel.takes(p.to("meta"))
    turned = p.mT.contiguous().mT  # rows apart in memory
    assert torch.equal(canny(turned, 1.0, 0.01, 0.02), canny(p, 1.0, 0.01, 0.02))


@pytest.mark.parametrize("width", range(1, 42))
def test_steps_in_rows_of_every_width(width, without):
    """Columns are looked at many at once: the last of a row once more or one by one."""
    random = np.random.default_rng(width)
    maps, valid = random.random((6, width)).astype(np.float32), random.random((6, width)) < 0.8
    maps[2:4] = 0.5  # rows without a step inside
    t, known = (torch.from_numpy(one)[None, None] for one in (maps, valid))
    found = [step_pixels(t, mask, 0.4) for mask in (known, torch.ones_like(known))]
    score = SoftEdgeError(step=0.4).per_image(t + 0.1, t + 0.2, known)
    without()
    wanted = [step_pixels(t, mask, 0.4) for mask in (known, torch.ones_like(known))]
    assert all(map(torch.equal, found, wanted))
    assert width == 1 or any(edges.any() for edges in found)
    torch.testing.assert_close(score, SoftEdgeError(step=0.4).per_image(t + 0.1, t + 0.2, known), equal_nan=True)
