"""Boundary and point metrics against the published formulas in numpy, on masks, steps and odd sizes."""

import numpy as np
import pytest
import torch
from benchmarks import published_metrics_reference as published
from scipy import ndimage

from depthbench.annotations import Annotations, stack_annotations
from depthbench.errors import UserError
from depthbench.grid_cells import nearest_valid
from depthbench.metrics import (
    WKDR,
    DepthProBoundaryF1,
    DepthProMaskRecall,
    IBimsBoundaryError,
    MDECEdgeError,
    MedianLogError,
    MoGeBoundaryF1,
    MoGePointError,
    NormalAngles,
    PlanarityError,
    RelNormal,
    SharpDepthBoundaryError,
    SoftEdgeError,
    SurfaceAngles,
    SYNSPointCloud,
    UniDepthPointCloud,
    point_fits,
)
from depthbench.metrics.canny import canny
from depthbench.metrics.image import edge_kernel
from depthbench.metrics.image.occlusion import edge_counts
from depthbench.metrics.image.published_clouds import nearest_by_all, nearest_of
from depthbench.metrics.image.published_normals import angle_scores, one_per_block, sobol_pairs
from depthbench.metrics.image.published_order import concordant_pairs
from depthbench.protocols import EvalProtocol, Scorer
from depthbench.protocols.shared_maps import SharedMaps

CAMERA = torch.tensor([[[60.0, 0.0, 26.2], [0.0, 58.0, 17.9], [0.0, 0.0, 1.0]]], dtype=torch.float64)


def scene(seed=0, height=37, width=53):
    """Steps and slopes with noise: prediction and truth ``(H, W)`` float64."""
    rng = np.random.default_rng(seed)
    truth = 3 + ndimage.gaussian_filter(rng.random((height, width)), 3) * 4
    for _ in range(5):
        top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
        truth[top : top + rng.integers(4, 15), left : left + rng.integers(4, 15)] *= rng.uniform(0.55, 0.95)
    return np.roll(truth, 1, 1) * np.exp(0.05 * rng.standard_normal(truth.shape)), truth


def tensor(values):
    return torch.from_numpy(np.ascontiguousarray(values))[None, None]


def found(metric, p, t, valid=None, annotations=None):
    mask = None if valid is None else tensor(valid)
    return [v.item() for v in metric.per_image(tensor(p), tensor(t), mask, CAMERA, annotations).values()]


@pytest.mark.parametrize("seed", range(3))
def test_boundary_f1(seed):
    p, t = scene(seed)
    valid = np.random.default_rng(seed).random(t.shape) > 0.1
    holes = [np.where(valid, values, np.nan) for values in (p, t)]
    assert found(DepthProBoundaryF1(), p, t, valid) == pytest.approx([published.depth_pro_f1(*holes)], rel=1e-12)
    expected = [published.moge_f1(p, t, valid, radius) for radius in (1, 2, 3, 4)]
    assert found(MoGeBoundaryF1([1, 2, 3, 4]), p, t, valid) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_boundary_recall_on_masks(seed):
    p, t = scene(seed)
    alpha = ndimage.gaussian_filter(np.random.default_rng(9 + seed).random(t.shape), 2)
    alpha = (alpha > np.median(alpha)) * 0.5
    given = Annotations(alpha=tensor(alpha))
    wanted = published.depth_pro_recall(p, alpha)
    assert 0 < wanted < 1
    assert found(DepthProMaskRecall(), p, t, None, given) == pytest.approx([wanted], rel=1e-12)


def test_counting_is_dense_as_on_a_device_and_sparse_as_here():
    levels = [torch.tensor([0, 1, 3, 2, 2]), torch.tensor([2, 1, 3, 0, 1])]
    counts = edge_counts(levels, torch.tensor([0, 0, 0, 1, 1]), 3, 3)
    assert counts[0].tolist() == [[2, 1, 1], [2, 2, 0], [0, 0, 0]]
    assert counts[1].tolist() == [[3, 2, 1], [1, 0, 0], [0, 0, 0]]
    assert counts[2].tolist() == [[2, 1, 1], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("compiled", [True, False])
def test_canny_is_that_of_scikit_image(golden, compiled, monkeypatch):
    if not compiled:  # as on another device
        monkeypatch.setattr(edge_kernel, "_library", lambda: None)
    data = golden("canny_a")
    for place, setting in enumerate(data["setting"]):
        images = torch.from_numpy(data["image"])[:, None]
        wanted = data["edges"][:, place]
        assert wanted.any()
        np.testing.assert_array_equal(canny(images, *setting)[:, 0], wanted)


@pytest.mark.parametrize("seed", range(3))
def test_distances_of_edges(seed):
    p, t = scene(seed)
    edges = np.hypot(*np.gradient(t)) > 0.5
    given = Annotations(edges=tensor(edges))
    assert found(IBimsBoundaryError(), p, t, None, given) == pytest.approx(published.ibims_dbe(p, edges), rel=1e-6)
    assert found(SharpDepthBoundaryError(), p, t) == pytest.approx(published.sharpdepth_dbe(p, t), rel=1e-6)
    assert found(MDECEdgeError(), p, t, None, given) == pytest.approx(published.mdec_edges(p, edges), rel=1e-6)


def test_edges_that_are_missing():
    p, t = scene()
    edges = np.hypot(*np.gradient(t)) > 0.5
    flat = np.full_like(t, 2.0) + np.linspace(0, 1e-3, t.shape[1])
    none, some = (Annotations(edges=tensor(one)) for one in (np.zeros_like(edges), edges))
    for metric in (IBimsBoundaryError(), MDECEdgeError()):
        assert np.isnan(found(metric, p, t, None, none)).all()
    assert found(MDECEdgeError(), flat, t, None, some) == [10, 10]


@pytest.mark.parametrize("seed", range(2))
def test_soft_edges(seed):
    p, t = scene(seed)
    assert found(SoftEdgeError(), p, t) == pytest.approx([published.soft_edge_error(p, t)], rel=1e-12)
    disparity = SoftEdgeError(disparity=50.0, step=2.0)
    steps = [np.abs(np.diff(50 / t, axis=axis)) > 2 for axis in (0, 1)]
    assert np.isfinite(found(disparity, p, t)).all() == any(one.any() for one in steps)


def test_planes():
    p, t = scene()
    planes = (np.arange(53) // 20 + 1)[None].repeat(37, 0)
    normals = np.random.default_rng(0).standard_normal((3, 3))
    v, u = np.mgrid[:37, :53]
    rays = np.stack([(u - 26.2) / 60, (v - 17.9) / 58, np.ones_like(t)], -1)
    wanted = []
    for label in (1, 2, 3):
        own = planes == label
        points = rays * (p * np.median(t[own]) / np.median(p[own]))[..., None]
        wanted.append(published.planarity(points, own, normals[label - 1]))
    given = Annotations(planes=tensor(planes), plane_normals=torch.from_numpy(normals)[None])
    assert found(PlanarityError(), p, t, None, given) == pytest.approx(np.mean(wanted, 0), rel=1e-9)
    few = PlanarityError(least_share=0.3)  # the third is 13 columns wide
    assert found(few, p, t, None, given) == pytest.approx(np.mean(wanted[:2], 0), rel=1e-9)


def clouds(*maps):
    v, u = np.mgrid[:37, :53]
    rays = np.stack([(u - 26.2) / 60, (v - 17.9) / 58, np.ones((37, 53))], -1)
    return [(rays * values[..., None]).reshape(-1, 3) for values in maps]


def test_distances_of_clouds():
    p, t = scene()
    both = clouds(p, t)
    for variant in ("paper", "released"):
        wanted = published.unidepth_cloud(*both, 0.005, 10.0, variant == "released")
        assert found(UniDepthPointCloud(variant=variant), p, t) == pytest.approx(wanted, rel=1e-9)
    wanted = published.syns_cloud(*both, 0.1)
    assert found(SYNSPointCloud([0.1]), p, t) == pytest.approx(wanted, rel=1e-9)
    assert found(SYNSPointCloud([0.1]), p + 50, t)[1:] == [0, 0]
    cloud, other = (torch.from_numpy(one) for one in both)
    torch.testing.assert_close(nearest_by_all(cloud, other), nearest_of(cloud, other), rtol=1e-12, atol=0)


def test_unidepth_thins_large_maps():
    generator = torch.Generator().manual_seed(0)
    truth = 2 + torch.rand(1, 1, 250, 340, generator=generator)
    whole = UniDepthPointCloud().per_image(1.1 * truth, truth, None, CAMERA)["chamfer_unidepth"].item()
    ratio = (240 * 320 / truth.numel()) ** 0.5
    size = int(250 * ratio), int(340 * ratio)
    rows, columns = (((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip(size, (250, 340), strict=True))
    v, u = np.meshgrid(rows, columns, indexing="ij")
    rays = np.stack([(u - 26.2) / 60, (v - 17.9) / 58, np.ones(size)], -1)
    picked = truth[0, 0].double().numpy()[v, u]
    pair = [torch.from_numpy((rays * (factor * picked)[..., None]).reshape(-1, 3)) for factor in (1.1, 1.0)]
    wanted = (nearest_of(pair[0], pair[1]).mean() + nearest_of(pair[1], pair[0]).mean()) / 2
    assert whole == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("noise", [0.02, 0.3, 2.0])
def test_the_affine_fit_finds_the_best_anchor(noise):
    rng = np.random.default_rng(int(100 * noise))
    for count in (12, 60, 150):
        points = rng.standard_normal((count, 3)) + np.array([0, 0, 3])
        target = 0.8 * points + np.array([0.1, 0.2, 0.3]) + noise * rng.standard_normal((count, 3)) ** 3
        weight = rng.random(count)
        scale, shift = published.moge_affine(points, target, weight)
        tensors = [torch.from_numpy(one)[None] for one in (points, target, weight)]
        got = point_fits.l1_scale_shift(*tensors)
        assert got[0].item() == pytest.approx(scale, rel=1e-9)
        np.testing.assert_allclose(got[1][0], shift, rtol=1e-7, atol=1e-9)


def test_fits_on_the_sample_see_one_valid_pixel_per_cell():
    valid = torch.rand(2, 1, 128, 192, generator=torch.Generator().manual_seed(0)) > 0.8
    places, known = nearest_valid((64, 64), valid)
    assert places.shape == known.shape == (2, 64 * 64)
    for image in range(2):
        assert valid[image].flatten()[places[image][known[image]]].all()
    p, t = torch.rand(2, 1, 128, 192) + 1, torch.rand(2, 1, 128, 192) + 1
    metric = MoGePointError("scale")
    sampled = metric.fitted(p, t, valid, CAMERA.expand(2, 3, 3))[0]
    only = torch.zeros_like(valid)  # cells of 2x3 pixels share none
    for image in range(2):
        only[image].view(-1)[places[image][known[image]]] = True
    again = MoGePointError("scale", sampled=False).fitted(p, t, only, CAMERA.expand(2, 3, 3))[0]
    torch.testing.assert_close(sampled, again, rtol=1e-9, atol=0)


def test_order_of_all_pairs_with_ties():
    generator = torch.Generator().manual_seed(0)
    for count in (1, 2, 3, 64, 301):
        x, y = (torch.randn(count, generator=generator).round(decimals=1) for _ in range(2))
        less_x, less_y = x[:, None] < x, y[:, None] < y
        assert concordant_pairs(x, y) == (less_x & less_y).sum()
        p, t = x.view(1, 1, 1, -1) + 10, y.view(1, 1, 1, -1) + 10
        assert WKDR().per_image(p, t)["WKDR"].item() == pytest.approx((less_x != less_y).double().mean().item())


def test_relative_normals_of_one_scale_equal_a_loop():
    p, t = scene()
    valid = np.random.default_rng(1).random(t.shape) > 0.02
    p[5, 7] = -1.0  # behind the camera: its normals do not exist
    first, second = (one.numpy() for one in sobol_pairs(35, 51, 500, 32, "cpu"))

    def normal(depth, row, column):
        corner, down, along = (
            clouds(depth)[0].reshape(37, 53, 3)[i] for i in ((row, column), (row + 2, column), (row, column + 2))
        )
        a, b = (one / np.linalg.norm(one) for one in (down - corner, along - corner))
        cross = np.cross(a, b)
        return cross / np.linalg.norm(cross)

    def has(mask, row, column):
        return mask[row, column] and mask[row + 2, column] and mask[row, column + 2]

    errors = []
    for one, other in zip(first, second, strict=True):
        places = [divmod(place, 51) for place in (one, other)]
        if all(has(valid, *place) for place in places):
            angles = [np.arccos(np.clip(np.dot(*(normal(d, *place) for place in places)), -1, 1)) for d in (p, t)]
            whole = all(has(valid & (p > 0), *place) for place in places)
            errors.append(abs(angles[0] - angles[1]) if whole else np.pi)
    assert np.pi in errors
    metric = RelNormal(pairs=500, scales=[1])
    assert found(metric, p, t, valid) == pytest.approx([np.mean(errors)], rel=1e-6)


def test_one_pixel_per_block_is_the_valid_one_next_to_the_center():
    maps = torch.arange(30.0).view(1, 1, 5, 6).expand(1, 8, 5, 6).clone()
    maps[:, 6] = 1
    maps[0, 6, 0, 0] = maps[0, 6, 1, 1] = maps[0, 6, 0, 1] = 0
    kept = one_per_block(maps, 2)
    assert kept[0, 0].tolist() == [[6, 2, 4], [12, 14, 16], [24, 26, 28]]
    assert kept[0, 6].tolist() == [[1, 1, 1]] * 3


@pytest.mark.parametrize("turned", [1, -1])
def test_annotated_normals(turned):
    rows, columns = np.mgrid[:37, :53]
    normal = np.array([0.2, -0.3, 1.0])
    depth = 3 / (normal[0] * (columns - 26.2) / 60 + normal[1] * (rows - 17.9) / 58 + normal[2])
    wanted = np.array([0.2, -0.3, 1.0 + 0.1])
    angle = np.degrees(np.arccos(normal @ wanted / np.linalg.norm(normal) / np.linalg.norm(wanted)))
    normals = torch.from_numpy(turned * wanted).view(1, 3, 1, 1).repeat(1, 1, 37, 53)
    normals[..., 20:] = 0
    scores = NormalAngles().per_image(tensor(depth), tensor(depth), None, CAMERA, Annotations(normals=normals))
    assert [v.item() for v in scores.values()] == pytest.approx([angle] * 3 + [100.0] * 5, rel=1e-6)
    tilted = 3 / (wanted[0] * (columns - 26.2) / 60 + wanted[1] * (rows - 17.9) / 58 + wanted[2])
    assert found(SurfaceAngles(), depth, tilted)[:3] == pytest.approx([angle] * 3, rel=1e-6)


def test_shares_and_medians_of_angles_equal_numpy():
    degrees = torch.from_numpy(np.random.default_rng(0).gamma(2.0, 6.0, (2, 1, 20, 31)))
    where = torch.rand(2, 1, 20, 31, generator=torch.Generator().manual_seed(1)) > 0.3
    scores, defined = angle_scores(degrees, where)
    assert defined.all()
    for row, angles, mask in zip(scores, degrees, where, strict=True):
        own = angles[mask].numpy()
        shares = [100 * (own < bound).mean() for bound in (5, 7.5, 11.25, 22.5, 30)]
        expected = [own.mean(), np.median(own), np.sqrt((own**2).mean()), *shares]
        assert row.tolist() == pytest.approx(expected, rel=1e-12)


def test_median_of_logarithms():
    p, t = scene()
    valid = np.random.default_rng(0).random(t.shape) > 0.5
    logs = np.sort(np.log(p[valid]) - np.log(t[valid]))
    wanted = 100 * abs(logs[(len(logs) - 1) // 2])
    assert found(MedianLogError(), p, t, valid) == pytest.approx([wanted], rel=1e-12)


def test_annotations_follow_the_crop_and_the_size_of_a_protocol():
    p, t = (torch.from_numpy(np.float32(one))[None, None] for one in scene())
    edges = torch.from_numpy(np.hypot(*np.gradient(t[0, 0].numpy())) > 0.5)[None, None]
    given = Annotations(edges=edges)
    metric = MDECEdgeError()
    cut = EvalProtocol(name="cut", region=[5, 30, 4, 50])
    small = EvalProtocol(name="small", score_size=[30, 40])
    sums = Scorer([cut, small], {"edges": metric}).structure_sums(SharedMaps(p, t), annotations=given)
    box = (slice(None), slice(None), slice(5, 30), slice(4, 50))
    wanted = metric.image_sums(p[box], t[box], annotations=Annotations(edges=edges[box]))
    torch.testing.assert_close(sums["cut"], wanted)
    rows, columns = (((np.arange(n) + 0.5) * old / n).astype(int) for n, old in ((30, 37), (40, 53)))
    nearest = edges[:, :, rows][..., columns]
    maps = small.prepare(p, t)
    torch.testing.assert_close(sums["small"], metric.image_sums(*maps, None, Annotations(edges=nearest)))


def test_annotations_of_a_batch():
    one = Annotations(edges=torch.ones(1, 4, 5, dtype=torch.bool), plane_normals=torch.ones(2, 3))
    other = one._replace(plane_normals=torch.ones(1, 3), alpha=torch.zeros(1, 4, 5))
    batch = stack_annotations([one, other])
    assert batch.present == ("edges", "plane_normals")
    assert batch.edges.shape == (2, 1, 4, 5)
    assert batch.plane_normals.isnan()[:, 1, 0].tolist() == [False, True]
    assert stack_annotations([one, None]) is None
    with pytest.raises(UserError, match="'edges' is 4x5, but the depth is 4x6"):
        batch.check((4, 6))
