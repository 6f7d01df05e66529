"""Values that the published evaluations' own code gave for a small made-up scene, line by line.

Each row names its source in the metric's docstring; the alignments of some rows are computed here, in numpy.
"""

import json

import numpy as np
import pytest
import torch

from depthbench.annotations import Annotations
from depthbench.metrics import (
    SAWAH,
    WKDR,
    DepthProBoundaryF1,
    DepthProMaskRecall,
    DirectedDepthError,
    IBimsBoundaryError,
    MoGeBoundaryF1,
    MoGeLocalPointError,
    MoGePointError,
    PlanarityError,
    RelNormal,
    SharpDepthBoundaryError,
    SoftEdgeError,
    SYNSPointCloud,
    UniDepthPointCloud,
    per_image,
)
from depthbench.metrics.image.published_edges import step_pixels
from tests.conftest import GOLDEN

R, C = np.mgrid[:48, :64].astype(np.float64)
BOX = (R >= 12) & (R < 36)
G = np.where(BOX & (C >= 20) & (C < 44), 2 + 0.005 * R, 4 + 0.02 * R + 0.01 * C)
P = 1.05 * np.where(BOX & (C >= 21) & (C < 46), 2.1 + 0.006 * R, 4 + 0.02 * R + 0.01 * C) + 0.1 + 0.02 * np.sin(C / 3)
M = C >= 3
CAMERA = torch.tensor([[[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]]], dtype=torch.float64)


def maps(values):
    return torch.from_numpy(values)[None, None]


def scores(metric, p=P, valid=M, **given):
    found = metric.per_image(maps(p), maps(G), maps(valid), **given)
    return [value.item() for value in found.values()]


def pixel_scores(p, names):
    found = per_image(maps(p), maps(G), maps(M), extended=True)
    return [found[name].item() for name in names]


def near(*expected, rel=1e-7):
    return pytest.approx(list(expected), rel=rel)


EVERYWHERE = np.ones_like(M)
EDGES = Annotations(edges=step_pixels(maps(G), maps(EVERYWHERE), 1.0))
FRONT = Annotations(alpha=(maps(G) < 3).float(), segments=(maps(G) < 3).long())
LEAST_SQUARES = 0.9127658677 * P + 0.0849834630


def test_the_scene_is_the_published_one():
    assert M.sum() == 2928
    assert np.sum(G) == pytest.approx(13163.04)
    assert np.sum(P) == pytest.approx(14134.343706)
    assert EDGES.edges.sum() == 188


@pytest.mark.parametrize("valid", [EVERYWHERE, M])
def test_boundary_f1_of_depth_pro(valid):
    assert scores(DepthProBoundaryF1(), valid=valid) == near(0.4693877551)


def test_boundary_recall_of_depth_pro_on_a_mask():
    assert scores(DepthProMaskRecall(), valid=EVERYWHERE, annotations=FRONT) == near(0.4791666667)


def test_boundary_f1_of_moge():
    assert scores(MoGeBoundaryF1()) == near(0.474226804, 0.528066528, 0.592982456)


def test_after_the_weighted_l1_scale():
    scale = weighted_median(G[M] / P[M], P[M] / G[M])
    assert scale == pytest.approx(0.9325144415, rel=1e-9)
    assert pixel_scores(scale * P, ["AbsRel", "delta1"]) == near(0.0362744789, 0.9754099)


def test_after_the_weighted_l1_line():
    assert pixel_scores(0.99717 * P - 0.32721, ["AbsRel"]) == near(0.0234811, rel=1e-5)
    objective = np.sum(np.abs(0.99717 * P - 0.32721 - G)[M] / G[M])
    assert objective == pytest.approx(68.75267, rel=1e-5)


def test_after_least_squares_in_disparity():
    scale, shift = np.polyfit(1 / P[M], 1 / G[M], 1)
    assert [scale, shift] == near(1.12966, -0.00882501, rel=1e-6)
    aligned = 1 / np.maximum(scale / P + shift, 1 / G[M].max())
    assert pixel_scores(aligned, ["AbsRel", "delta1"]) == near(0.0370600626, 0.9754099, rel=1e-6)  # in float32


def test_after_least_squares_in_depth():
    assert np.polyfit(P[M], G[M], 1) == near(0.9127658677, 0.0849834630, rel=1e-9)
    assert pixel_scores(LEAST_SQUARES, ["AbsRel"]) == near(0.0411681505)


def test_deltas_of_unidepth_and_others():
    assert pixel_scores(P, ["delta0.5", "d_auc"]) == near(0.7868852615, 0.9102129936)
    assert pixel_scores(P * np.median(G[M]) / np.median(P[M]), ["tau"]) == near(0.7868852615)


def test_soft_edge_error():
    assert scores(SoftEdgeError(), valid=EVERYWHERE) == near(0.3321072585)


def test_pseudo_boundary_errors_of_sharpdepth():
    assert scores(SharpDepthBoundaryError(), valid=EVERYWHERE) == near(0.5820335388, 0.5340821033)


def test_inverse_errors_silog_and_square_relative_error():
    found = pixel_scores(P, ["iMAE", "iRMSE", "SILog", "SqRel_textbook"])
    assert found == near(28.7672243901, 47.2285906452, 12.5219441129, 0.028176837367, rel=1e-6)


def test_relative_normals():
    assert scores(RelNormal(), intrinsics=CAMERA) == near(0.1486200501, rel=1e-8)


def test_order_over_all_pairs():
    assert scores(WKDR()) == pytest.approx([0.0358], abs=1e-4)
    p, g = P[M], G[M]
    exact = ((p[:, None] < p) != (g[:, None] < g)).mean()
    assert scores(WKDR()) == near(exact, rel=1e-12)


def test_sawa_h():
    assert scores(SAWAH(), intrinsics=CAMERA) == pytest.approx([0.5655], abs=1e-4)


def test_boundary_errors_of_ibims():
    assert scores(IBimsBoundaryError(), valid=EVERYWHERE, annotations=EDGES) == near(0.6842105263, 0.9921761288)


def test_directed_depth_errors_of_ibims():
    assert scores(DirectedDepthError(), valid=EVERYWHERE) == near(0.9765625, 0.015625, 0.0078125)


@pytest.mark.parametrize(
    ("fit", "scale", "shift", "rel"),
    [
        ("none", 1, (0, 0, 0), 0.1054241691),
        ("metric", 1, (0.00258356, 0.00294432, -0.33902978), 0.0449090140),
        ("scale", 0.9326375961, (0, 0, 0), 0.0362760474),
        ("affine", 0.934867, (0.001397, 0.003880, -0.018622), 0.0357674),
    ],
)
def test_points_of_moge(fit, scale, shift, rel):
    metric = MoGePointError(fit, sampled=False)
    found = metric.fitted(maps(P), maps(G), maps(M), CAMERA)
    assert found[0].item() == pytest.approx(scale, rel=1e-6)
    assert found[1][0].tolist() == pytest.approx(list(shift), abs=1e-6)
    assert scores(metric, intrinsics=CAMERA)[0] == pytest.approx(rel, rel=2e-6)
    if fit == "none":
        assert scores(metric, intrinsics=CAMERA)[1] == pytest.approx(0.9754099, rel=1e-7)


def test_local_points_of_moge():
    found = scores(MoGeLocalPointError(sampled=False), intrinsics=CAMERA, annotations=FRONT)
    assert found == near(0.1252432, 0.9583333, rel=1e-6)


def test_clouds_of_unidepth():
    found = scores(UniDepthPointCloud(variant="released"), intrinsics=CAMERA)
    assert found == near(0.3335353276, 0.3237316213, rel=1e-9)


def test_clouds_of_syns():
    found = scores(SYNSPointCloud(), LEAST_SQUARES, intrinsics=CAMERA)
    assert found == near(0.1299581939, 79.5423351, 66.0334360, 86.7302262, 76.5696120, rel=1e-8)


def test_planarity_of_ibims():
    rows, columns = np.mgrid[:480, :640].astype(np.float64)

    def plane(normal):
        x, forward, up = np.array(normal) / np.linalg.norm(normal)
        return 3 / (x * (columns + 1 - 320) / 580 + forward - up * (rows + 1 - 240) / 580)

    g, p = plane((0.2, 0.9, 0.1)), 1.3 * plane((0.25, 0.9, 0.08)) + 0.02 * np.sin(columns / 20)
    wall = torch.zeros(1, 1, 480, 640, dtype=torch.int64)
    wall[..., 100:400, 150:500] = 1
    given = Annotations(planes=wall, plane_normals=torch.tensor([[[0.2, -0.1, 0.9]]], dtype=torch.float64))  # y down
    camera = torch.tensor([[[580, 0, 319], [0, 580, 239], [0, 0, 1]]], dtype=torch.float64)  # counted from 0
    found = PlanarityError().per_image(maps(p), maps(g), intrinsics=camera, annotations=given)
    assert [value.item() for value in found.values()] == near(1.0255196, 3.4598500)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_real_pair(shared, dtype):
    folder = shared / "data" / "samples" / "sintel_depthpro"
    golden = json.loads((GOLDEN / "evalmde_sintel.json").read_text())
    with np.load(folder / "gt_depth.npz") as true, np.load(folder / "depthpro_gt_focal.npz") as predicted:
        truth, valid, prediction = (maps(values) for values in (true["depth"], true["valid"], predicted["depth"]))
        fx, fy, cx, cy = true["intr"]
    given = prediction.to(dtype), truth.to(dtype), valid
    camera = torch.tensor([[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]])
    boundary = DepthProBoundaryF1().per_image(*given)["boundary_F1_depth_pro"].item()
    assert boundary == pytest.approx(golden["boundary_f1_depth_pro"], rel=1e-9)
    shapes = RelNormal().per_image(*given, camera)["RelNormal"].item()
    assert shapes == pytest.approx(golden["rel_normal"], rel=1e-6)


def weighted_median(values, weights):
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return values[order][np.searchsorted(reached, reached[-1] / 2)]
