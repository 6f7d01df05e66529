"""Metrics of structure: hand-made maps with known scores, and numpy float64 references."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.signal import convolve2d
from scipy.spatial.distance import cdist

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.metrics import (
    SAWAH,
    WKDR,
    BoundaryError,
    DepthProBoundaryF1,
    DepthProMaskRecall,
    DirectedDepthError,
    EdgeScores,
    IBimsBoundaryError,
    MDECEdgeError,
    MeanSSIM,
    MedianLogError,
    MoGeBoundaryF1,
    MoGeLocalPointError,
    MoGePointError,
    NormalAngles,
    NormalError,
    OrdinalError,
    PlanarityError,
    PointCloudError,
    RelNormal,
    SharpDepthBoundaryError,
    SoftEdgeError,
    SurfaceAngles,
    SYNSPointCloud,
    UniDepthPointCloud,
)
from depthbench.metrics.image.boundaries import distance_to, thin_edges
from depthbench.ssim import ssim_constants, ssim_map, window_weights

CAMERA = torch.tensor([[[60.0, 0.0, 26.2], [0.0, 58.0, 17.9], [0.0, 0.0, 1.0]]])
METRICS = {
    "edges": EdgeScores,
    "boundaries": BoundaryError,
    "ssim": MeanSSIM,
    "normals": NormalError,
    "normals_3d": lambda: NormalError(use_intrinsics=True),
    "ordinal": lambda: OrdinalError(pairs=2000),
    "points": lambda: PointCloudError(queries=500),
    "boundary_f1_depth_pro": DepthProBoundaryF1,
    "boundary_f1_moge": lambda: MoGeBoundaryF1([1, 2]),
    "boundary_recall_masks": DepthProMaskRecall,
    "ibims_boundaries": IBimsBoundaryError,
    "ibims_planes": PlanarityError,
    "directed_depth": DirectedDepthError,
    "pseudo_boundaries": SharpDepthBoundaryError,
    "mdec_edges": MDECEdgeError,
    "soft_edges": SoftEdgeError,
    "median_log": MedianLogError,
    "points_moge_metric": lambda: MoGePointError("metric"),
    "points_moge_scale": lambda: MoGePointError("scale"),
    "points_moge_affine": lambda: MoGePointError("affine"),
    "points_moge_local": MoGeLocalPointError,
    "points_unidepth": UniDepthPointCloud,
    "points_unidepth_released": lambda: UniDepthPointCloud(variant="released"),
    "points_syns": SYNSPointCloud,
    "surface_angles": SurfaceAngles,
    "normal_angles": NormalAngles,
    "rel_normal": lambda: RelNormal(pairs=2000),
    "wkdr": WKDR,
    "sawa_h": lambda: SAWAH(pairs=2000),
}
# What a perfect prediction scores, by the beginning of the name; otherwise 0.
PERFECT = {
    **dict.fromkeys(("edge_p", "edge_r", "edge_F", "mSSIM", "F_5", "F_1", "boundary_F1", "DDE_equal"), 1.0),
    **dict.fromkeys(("surface_below", "F_syns", "IoU_syns"), 100.0),
    **{f"points_{fit}_delta1": 1.0 for fit in ("metric", "scale", "affine", "local")},
    "F1_unidepth": 0.99,  # its rule counts the first and the last threshold by half
}
# Scores against annotations, which are made up here without regard to the depth.
AGAINST_ANNOTATIONS = ("boundary_recall", "ibims", "PE_", "edge_accuracy", "edge_completeness", "normal_")


def step(shift=0, height=20, width=30, low=2.0, high=3.0):
    """A step of one metre between columns ``14 + shift`` and ``15 + shift``."""
    columns = torch.where(torch.arange(width) < 15 + shift, low, high)
    return columns.expand(1, 1, height, width).clone()


@pytest.fixture(params=METRICS, ids=METRICS)
def metric(request):
    return METRICS[request.param]()


def cameras(count):
    return CAMERA.expand(count, 3, 3)


def notes(count, height=37, width=53):
    """Annotations of every kind, of a pattern of their own."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    normals = torch.stack([(0.3 * rows).sin(), (0.2 * columns).cos(), torch.full((height, width), -2.0)])
    normals[:, ::5] = 0
    maps = Annotations(
        edges=((rows + columns) % 11 == 0)[None],
        segments=(rows // 13 * 3 + columns // 19)[None],
        planes=(rows * 3 // height)[None],
        alpha=((rows - 18) ** 2 + (columns - 25) ** 2 < 120)[None].float(),
        normals=normals,
    ).changed(lambda values: values.expand(count, *values.shape))
    return maps._replace(plane_normals=torch.tensor([[0.1, 0.2, 1.0], [0.0, 1.0, 0.3]]).expand(count, 2, 3))


def part(annotations, rows):
    """Some images of a batch."""
    return Annotations(*(values[rows] for values in annotations))


class TestContract:
    """The contract of every metric of structure."""

    def test_a_perfect_prediction(self, metric, maps):
        _, truth, _ = maps(2)
        found = metric.per_image(truth.clamp(min=1), truth.clamp(min=1), truth >= 0, cameras(2), notes(2))
        truth_with_holes = metric.per_image(truth, truth, None, cameras(2), notes(2))
        for scores in (found, truth_with_holes):
            for name, values in scores.items():
                if not (type(metric).needs and name.startswith(AGAINST_ANNOTATIONS)):
                    best = next((value for start, value in PERFECT.items() if name.startswith(start)), 0.0)
                    assert ((values - best).abs().nan_to_num() < 1e-5).all(), name

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_what_is_given_stays_as_it_is(self, metric, maps, dtype):
        """A whole mask and float64 need no copy on the way: arithmetic in place would reach the caller's maps."""
        prediction, truth, _ = maps(1, holes=0.0)
        given = [prediction.to(dtype), truth.to(dtype)]
        kept = [one.clone() for one in given]
        metric.per_image(*given, torch.ones_like(truth, dtype=torch.bool), cameras(1), notes(1))
        assert all(torch.equal(one, other) for one, other in zip(given, kept, strict=True))

    def test_what_is_outside_the_mask_has_no_influence(self, metric, maps):
        prediction, truth, _ = maps(2, holes=0.0)
        valid = torch.zeros_like(truth, dtype=torch.bool)
        valid[..., 4:30, 5:45] = True
        clean = metric.per_image(prediction, truth, valid, cameras(2), notes(2))
        for junk in (float("nan"), float("inf"), -3.0, 1e6):
            spoiled_maps = prediction.where(valid, junk), truth.where(valid, junk)
            spoiled = metric.per_image(*spoiled_maps, valid, cameras(2), notes(2))
            for name, values in clean.items():
                assert values.isfinite().all()
                torch.testing.assert_close(spoiled[name], values, rtol=1e-5, atol=1e-7)

    def test_an_image_without_truth_is_left_out(self, metric, maps):
        prediction, truth, _ = maps(3, holes=0.0)
        with_empty = truth.clone()
        with_empty[1] = 0
        metric.update(prediction, with_empty, None, cameras(3), notes(3))
        found = metric.compute()
        metric.reset()
        metric.update(prediction[[0, 2]], truth[[0, 2]], None, cameras(2), notes(2))
        assert found["images"] == 2
        for name, value in metric.compute().items():
            torch.testing.assert_close(found[name], value, rtol=1e-7, atol=1e-9)

    def test_nothing_but_one_pixel_or_none(self, metric, maps):
        prediction, truth, valid = maps(2)
        valid[:] = False
        valid[0, 0, 5, 5] = True
        metric.update(prediction, truth.clamp(min=1), valid, cameras(2), notes(2))
        assert metric.compute()["images"] == 1
        rows = metric.per_image(prediction, truth.clamp(min=1), valid, cameras(2), notes(2))
        assert all(values[1].isnan() for values in rows.values())

    def test_divergence_is_not_hidden(self, metric, maps):
        prediction, truth, _ = maps(2, holes=0.0)
        prediction[1, 0, 9, 9] = float("nan")
        rows = metric.per_image(prediction, truth, None, cameras(2), notes(2))
        metric.update(prediction, truth, None, cameras(2), notes(2))
        for name, values in rows.items():
            assert values.isnan().tolist() == [False, True]
            assert metric.compute()[name].isnan()

    def test_mean_over_images_and_batches(self, metric, maps):
        prediction, truth, _ = maps(5, holes=0.05)
        rows = metric.per_image(prediction, truth, None, cameras(5), notes(5))
        for some in (slice(0, 2), slice(2, 5)):
            metric.update(prediction[some], truth[some], None, cameras(5)[some], part(notes(5), some))
        found = metric.compute()
        for name, values in rows.items():
            torch.testing.assert_close(found[name], values.nanmean(), rtol=1e-6, atol=1e-9, equal_nan=True)

    def test_half_precision_in_float64_out(self, metric, maps):
        prediction, truth, _ = maps(2, holes=0.0)
        metric = metric.half()
        metric.update(prediction.half(), truth.half(), None, cameras(2).half(), notes(2))
        assert all(value.dtype == torch.float64 and value.isfinite() for value in metric.compute().values())

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (17, 11)])
    def test_small_and_odd_sizes(self, metric, maps, size):
        prediction, truth, _ = maps(2, *size, holes=0.0)
        found = metric.per_image(prediction, truth, None, cameras(2), notes(2, *size))
        for name, values in found.items():
            assert not values.isinf().any(), name
            assert (
                name.startswith(("boundary", "edge", "SEE", "DBE", "pseudo"))
                or size < (5, 5)
                or values.isfinite().all()
            )

    def test_a_batch_is_its_images_one_by_one(self, metric, maps):
        prediction, truth, _ = maps(3, holes=0.05)
        whole = metric.image_sums(prediction, truth, None, cameras(3), notes(3))
        each = [slice(index, index + 1) for index in range(3)]
        alone = [metric.image_sums(prediction[one], truth[one], None, cameras(1), part(notes(3), one)) for one in each]
        torch.testing.assert_close(whole, torch.cat(alone), rtol=1e-7, atol=1e-9, equal_nan=True)

    def test_an_input_that_is_missing_is_named(self, metric, maps):
        prediction, truth, _ = maps(1)
        if metric.needs_intrinsics:
            with pytest.raises(UserError, match="needs intrinsics of the camera"):
                metric.update(prediction, truth, None, None, notes(1))
        if metric.needs:
            with pytest.raises(UserError, match=f"needs .*{metric.needs[0].removesuffix('s')}"):
                metric.update(prediction, truth, None, cameras(1))
            with pytest.raises(UserError, match="resize the annotation to the depth's size"):
                metric.update(prediction, truth, None, cameras(1), notes(1, 20, 30))


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (1, 0.5), (2, 0.0)])
def test_edges_of_a_shifted_step(shift, expected):
    """Sobel sees a step in two columns, so a shift by one keeps half of them."""
    found = EdgeScores([0.5]).per_image(step(shift), step())
    assert [value.item() for value in found.values()] == [expected] * 3


@pytest.mark.parametrize("border", [False, True])
def test_edges_equal_numpy(border):
    truth = torch.from_numpy(ndimage.gaussian_filter(torch.rand(2, 1, 37, 53).numpy(), (0, 0, 2, 2))).float() * 9 + 1
    prediction = truth + 0.1 * torch.randn_like(truth)
    valid = torch.rand_like(truth) > 0.02
    found = EdgeScores(border=border).per_image(prediction, truth, valid)
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    for i in range(2):
        mask = ~ndimage.binary_dilation(~valid[i, 0].numpy(), np.ones((3, 3)))
        if not border:
            mask[[0, -1]] = mask[:, [0, -1]] = False
        filled = [np.where(valid[i, 0], np.float64(x[i, 0]), 1) for x in (prediction, truth)]
        magnitude = [np.hypot(convolve2d(x, kernel, "same"), convolve2d(x, kernel.T, "same")) for x in filled]
        for threshold in ("0.25", "0.5", "1"):
            p, t = ((m > float(threshold)) & mask for m in magnitude)
            precision, recall = (p & t).sum() / p.sum(), (p & t).sum() / t.sum()
            f1 = 2 * precision * recall / (precision + recall)
            values = [found[f"edge_{kind}_{threshold}"][i].item() for kind in ("precision", "recall", "F1")]
            np.testing.assert_allclose(values, [precision, recall, f1], rtol=1e-12)


def test_edges_that_are_missing_on_one_side():
    flat = torch.full((1, 1, 20, 30), 2.0)
    missed = EdgeScores().per_image(flat, step())
    assert missed["edge_precision_0.5"].isnan()
    assert (missed["edge_recall_0.5"].item(), missed["edge_F1_0.5"].item()) == (0, 0)
    invented = EdgeScores().per_image(step(), flat)
    assert invented["edge_recall_0.5"].isnan()
    assert (invented["edge_precision_0.5"].item(), invented["edge_F1_0.5"].item()) == (0, 0)
    assert all(value.isnan() for value in EdgeScores().per_image(flat, flat).values())


@pytest.mark.parametrize("shift", [0, 1, 2, 9])
def test_boundary_error_of_a_shifted_step_is_the_shift(shift):
    found = BoundaryError().per_image(step(shift), step())
    assert [value.item() for value in found.values()] == [shift, shift]
    turned = BoundaryError().per_image(step(shift).mT, step().mT)
    assert [value.item() for value in turned.values()] == [shift, shift]


def test_boundary_error_at_its_limit():
    flat = torch.full((1, 1, 20, 30), 2.0)
    assert [value.item() for value in BoundaryError().per_image(flat, step()).values()] == [10, 10]
    assert [value.item() for value in BoundaryError().per_image(step(12), step()).values()] == [10, 10]
    assert all(value.isnan() for value in BoundaryError().per_image(step(), flat).values())


def test_boundary_error_equals_numpy():
    truth = torch.from_numpy(ndimage.gaussian_filter(torch.rand(1, 1, 37, 53).numpy(), (0, 0, 2, 2))).float() * 9 + 1
    prediction = truth + 0.1 * torch.randn_like(truth)
    frame = np.zeros((37, 53), bool)
    frame[1:-1, 1:-1] = True
    p, t = (thin_edges(x, 0.5)[0, 0].numpy() & frame for x in (prediction, truth))
    to_t, to_p = (ndimage.distance_transform_edt(~x) for x in (t, p))
    near = p & (to_t < 10)
    both = np.minimum(to_t, 10)[p].sum() + np.minimum(to_p, 10)[t].sum()
    found = BoundaryError().per_image(prediction, truth)
    np.testing.assert_allclose(found["DBE_accuracy"].item(), to_t[near].mean(), rtol=1e-6)
    np.testing.assert_allclose(found["DBE_completeness"].item(), both / (p.sum() + t.sum()), rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 1.0])
def test_distances_are_exact_up_to_the_limit(share):
    edges = torch.rand(2, 1, 31, 23) < share
    expected = [ndimage.distance_transform_edt(~x[0].numpy()) if x.any() else np.full((31, 23), 99) for x in edges]
    np.testing.assert_allclose(distance_to(edges, 7)[:, 0], np.minimum(expected, 7), rtol=1e-6)


def test_ssim_of_the_released_densedepth_code(golden):
    data = golden("densedepth_a")
    x, y = (torch.from_numpy(10 / data[key]) for key in ("prediction", "target"))
    similarity, _ = ssim_map(x / 10, y / 10, window_weights(11, 1.5), ssim_constants(1.0))
    assert similarity.mean().item() == pytest.approx(float(data["ssim_range10"]), rel=1e-4)


def test_ssim_equals_numpy_where_windows_are_whole(maps):
    prediction, truth, _ = maps(1, holes=0.0)
    valid = torch.ones_like(truth, dtype=torch.bool)
    valid[0, 0, 20, 30] = False
    axis = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    x, y = (np.clip(np.float64(maps[0, 0]) / 10, 0, 1) for maps in (prediction, truth))
    values = []
    for top in range(37 - 10):
        for left in range(53 - 10):
            box = (slice(top, top + 11), slice(left, left + 11))
            if not valid[0, 0][box].all():
                continue
            a, b = x[box], y[box]
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * a * a).sum() - ma**2, (window * b * b).sum() - mb**2
            cov = (window * a * b).sum() - ma * mb
            values.append((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
    found = MeanSSIM().per_image(prediction, truth, valid)["mSSIM"].item()
    assert found == pytest.approx(np.mean(values), rel=1e-5)


def test_ssim_of_a_map_smaller_than_its_window():
    assert MeanSSIM().per_image(torch.ones(1, 1, 10, 30), torch.ones(1, 1, 10, 30))["mSSIM"].isnan()


def plane(normal, distance, height=36, width=53):
    """Depth of the plane ``normal . P = distance`` seen by CAMERA."""
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rays = torch.linalg.inv(CAMERA[0].double()) @ torch.stack([u, v, torch.ones_like(u)]).double().flatten(1)
    return (distance / (torch.tensor(normal).double() @ rays)).reshape(1, 1, height, width).float()


@pytest.mark.parametrize("degrees", [0.0, 0.5, 10.0, 45.0])
def test_tilted_plane_with_intrinsics(degrees):
    tilt = np.deg2rad(degrees)
    found = NormalError(use_intrinsics=True).per_image(
        plane([np.sin(tilt), 0.0, np.cos(tilt)], 3.0), plane([0.0, 0.0, 1.0], 3.0), intrinsics=CAMERA
    )
    assert found["surface_degrees"].item() == pytest.approx(degrees, abs=2e-3)
    assert found["surface_cosine"].item() == pytest.approx(1 - np.cos(tilt), abs=1e-5)


def test_tilted_map_without_intrinsics():
    slope = torch.arange(30.0).expand(1, 1, 20, 30)
    truth = torch.full((1, 1, 20, 30), 2.0)
    found = NormalError().per_image(truth + 0.1 * slope, truth)  # Sobel: 8 times the slope
    assert found["normal_degrees"].item() == pytest.approx(np.degrees(np.arctan(0.8)), rel=1e-5)
    assert found["normal_cosine"].item() == pytest.approx(1 - 1 / np.hypot(1, 0.8), rel=1e-5)


def test_normals_need_intrinsics_that_they_were_promised():
    with pytest.raises(UserError, match="NormalError needs intrinsics"):
        NormalError(use_intrinsics=True).update(step(), step())


def test_whdr_equals_numpy_on_its_own_draw(maps):
    prediction, truth, valid = maps(2)
    metric = OrdinalError(pairs=3000, tolerance=0.05, seed=4)
    found = metric.per_image(prediction, truth)["WHDR"]
    for i in range(2):
        p, t = (np.float64(x[i][valid[i]]) for x in (prediction, truth))
        first, second = (metric.draw.numpy() * len(t) // 2**31).reshape(2, -1)

        def relation(x, first=first, second=second):
            ratio = x[first] / x[second]
            return np.where(ratio > 1.05, 1, np.where(1 / ratio > 1.05, -1, 0))

        assert found[i].item() == pytest.approx((relation(p) != relation(t)).mean(), abs=1e-12)


def test_whdr_of_known_orders():
    truth = 1 + torch.arange(600.0).reshape(1, 1, 20, 30)
    metric = OrdinalError(pairs=20_000)
    assert metric.per_image(truth * 3, truth)["WHDR"] == 0
    flat = metric.per_image(torch.ones_like(truth), truth)["WHDR"].item()
    a, b = np.meshgrid(1 + np.arange(600.0), 1 + np.arange(600.0))
    assert flat == pytest.approx((np.maximum(a / b, b / a) > 1.02).mean(), abs=0.01)
    assert metric.per_image(601 - truth, truth)["WHDR"] > 0.9


def test_every_valid_pixel_can_be_drawn():
    valid = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
    valid.flatten()[[3, 11, 24]] = True
    metric = OrdinalError(pairs=100)
    ranks = valid.flatten(1).cumsum(1)
    place = torch.searchsorted(ranks, ((metric.draw * 3) >> 31)[None] + 1)
    assert place.unique().tolist() == [3, 11, 24]


@pytest.mark.parametrize("queries", [None, 10_000])
def test_points_equal_brute_force(maps, queries):
    prediction, truth, valid = maps(1, 20, 23)
    metric = PointCloudError(thresholds=(0.3, 0.8), queries=queries)
    found = metric.per_image(prediction, truth, intrinsics=CAMERA)
    v, u = np.nonzero(valid[0, 0].numpy())
    rays = np.linalg.inv(np.float64(CAMERA[0])) @ np.stack([u, v, np.ones_like(u)])
    p, t = ((rays * np.float64(maps[0, 0])[v, u]).T for maps in (prediction, truth))
    distances = cdist(p, t)
    forth, back = distances.min(1), distances.min(0)
    assert found["chamfer"].item() == pytest.approx((forth.mean() + back.mean()) / 2, rel=1e-6)
    for name, threshold in (("F_30cm", 0.3), ("F_80cm", 0.8)):
        precision, recall = (forth < threshold).mean(), (back < threshold).mean()
        assert found[name].item() == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-6)


@pytest.mark.parametrize(("offset", "f5", "f10"), [(0.04, 1, 1), (0.07, 0, 1), (0.2, 0, 0)])
def test_points_of_a_shifted_wall(offset, f5, f10):
    wall = torch.full((1, 1, 20, 30), 2.0)
    found = PointCloudError().per_image(wall + offset, wall, intrinsics=CAMERA)
    assert (found["F_5cm"].item(), found["F_10cm"].item()) == (f5, f10)
    assert offset <= found["chamfer"].item() < offset + 0.002


@pytest.mark.parametrize(
    "make",
    [lambda: EdgeScores([0]), lambda: MeanSSIM(size=10), lambda: OrdinalError(0), lambda: PointCloudError(queries=0)],
)
def test_settings_without_sense(make):
    with pytest.raises(UserError):
        make()
