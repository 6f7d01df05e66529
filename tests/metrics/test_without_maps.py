"""Metrics that do not score single depth maps: annotated pairs, clips, corruptions, cameras."""

import json

import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.metrics import (
    AnnotatedPairs,
    FieldOfViewError,
    PairAccuracy,
    TemporalError,
    depth_estimation_error,
    errors_of_images,
    mean_corruption_error,
    mean_resilience_rate,
    read_da2k,
    temporal_error,
)
from depthbench.metrics.ordered_pairs import pairs_right, scene_counts
from depthbench.metrics.robustness import KITTI_C, NYU_C
from depthbench.metrics.temporal import carried_depth

CAMERA = torch.tensor([[40.0, 0.0, 15.5], [0.0, 42.0, 11.5], [0.0, 0.0, 1.0]])

DA2K = {
    "images/indoor/a.jpg": [
        {"point1": [1, 2], "point2": [10, 3], "closer_point": "point1"},
        {"point1": [0, 0], "point2": [3, 3], "closer_point": "point1"},
    ],
    "images/aerial/b.jpg": [{"point1": [2, 2], "point2": [5, 1], "closer_point": "point2"}],
}


def written(tmp_path, content):
    path = tmp_path / "annotations.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_pairs_of_da2k(tmp_path):
    pairs = read_da2k(written(tmp_path, DA2K))
    assert scene_counts(pairs) == {"indoor": 2, "aerial": 1}
    assert pairs["images/aerial/b.jpg"].closer.tolist() == [[5, 1]]
    depth = 1 + torch.arange(12.0)[:, None].expand(12, 8)  # deeper from row to row
    for kind, maps in (("depth", depth), ("disparity", 3 / depth - 5), ("disparity", 1 / depth)):
        metric = PairAccuracy(kind)
        for image, annotated in pairs.items():
            metric.update(maps, annotated, image)
        found = {name: value.item() for name, value in metric.compute().items()}
        assert (found["indoor"], found["aerial"], found["pairs"]) == (1.0, 0.0, 3)
        assert found["pair_accuracy"] == pytest.approx(2 / 3)
        assert np.isnan(found["underwater"])


def test_a_tie_is_wrong_and_so_is_what_is_not_finite():
    pairs = AnnotatedPairs(torch.tensor([[0, 0], [0, 1], [0, 2]]), torch.tensor([[0, 3], [0, 3], [0, 3]]))
    prediction = torch.tensor([[2.0, 1.0, float("nan"), 2.0]])
    assert pairs_right(prediction, pairs).tolist() == [False, True, False]
    prediction[0, 3] = float("inf")
    assert pairs_right(prediction, pairs).tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "can't be read"),
        ([1], "expected lists of pairs"),
        ({"a.jpg": [{"point1": [1, 2], "point2": [3], "closer_point": "point1"}]}, r"Pair 0 of a.jpg"),
        ({"a.jpg": [{"point1": [1, 2], "point2": [3, 4]}]}, "closer_point as the name"),
        ({"a.jpg": [{"point1": [1, -2], "point2": [3, 4], "closer_point": "point2"}]}, "expected point1 and point2"),
    ],
)
def test_annotations_of_another_form(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read_da2k(written(tmp_path, content))


def test_pairs_of_a_larger_image(tmp_path):
    pairs = read_da2k(written(tmp_path, DA2K))["images/indoor/a.jpg"]
    with pytest.raises(UserError, match="resize it to the original image"):
        pairs_right(torch.ones(5, 8), pairs)
    with pytest.raises(UserError, match="depth or disparity"):
        pairs_right(torch.ones(12, 8), pairs, "points")


def clip(frames=3, seed=0):
    rng = np.random.default_rng(seed)
    depth = 2 + rng.random((frames, 1, 24, 32)) * (rng.random((frames, 1, 24, 32)) > 0.1) * 3
    depth[rng.random(depth.shape) < 0.05] = 0
    poses = np.tile(np.eye(4), (frames, 1, 1))
    for index in range(frames):
        angle = 0.02 * index
        poses[index, :3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        poses[index, :3, 3] = [0.1 * index, 0.02 * index, -0.05 * index]
    return depth, poses


def carried_by_a_loop(depth, camera, pose, other):
    """The released procedure, pixel by pixel: the last write wins."""
    height, width = depth.shape
    found = np.zeros_like(depth)
    move = np.linalg.inv(other) @ pose
    for row in range(height):
        for column in range(width):
            if depth[row, column] <= 0:
                continue
            point = np.linalg.inv(camera) @ [column, row, 1] * depth[row, column]
            point = move[:3, :3] @ point + move[:3, 3]
            u, v, w = camera @ point
            u, v = int(np.round(u / w)), int(np.round(v / w))
            if 0 <= u < width and 0 <= v < height and point[2] > 0:
                found[v, u] = point[2]
    return found


@pytest.mark.parametrize("masked", [False, True])
def test_temporal_error_equals_a_loop(masked):
    depth, poses = clip()
    valid = np.random.default_rng(3).random(depth.shape) > 0.2
    camera = CAMERA.double().numpy()
    errors = []
    for first in range(2):
        pair = []
        for here, there in ((first, first + 1), (first + 1, first)):
            carried = carried_by_a_loop(depth[here, 0], camera, poses[here], poses[there])
            tensors = [torch.from_numpy(one) for one in (depth[here], poses[here], poses[there])]
            np.testing.assert_allclose(carried_depth(tensors[0], CAMERA, *tensors[1:])[0], carried, rtol=1e-9)
            both = (carried > 0) & (depth[there, 0] > 0) & (valid[there, 0] if masked else True)
            pair.append(np.mean(np.abs(carried - depth[there, 0])[both] / depth[there, 0][both]))
        errors.append(np.mean(pair))
    mask = torch.from_numpy(valid) if masked else None
    found = temporal_error(torch.from_numpy(depth), CAMERA, torch.from_numpy(poses), mask)
    assert found.item() == pytest.approx(100 * np.mean(errors), rel=1e-9)


def test_clips_are_averaged_and_views_apart_left_out():
    metric, values = TemporalError(), []
    for seed in (0, 1):
        depth, poses = (torch.from_numpy(values) for values in clip(seed=seed))
        metric.update_clip(depth, CAMERA, poses)
        values.append(temporal_error(depth, CAMERA, poses).item())
    away = torch.eye(4).repeat(2, 1, 1)
    away[1, 0, 3] = 1000.0
    metric.update_clip(torch.ones(2, 1, 24, 32), CAMERA, away)
    found = metric.compute()
    assert found["TAE"].item() == pytest.approx(np.mean(values), rel=1e-12)
    assert found["images"] == 3
    with pytest.raises(UserError, match="at least two frames"):
        temporal_error(torch.ones(1, 1, 4, 4), CAMERA, torch.eye(4)[None])


def test_errors_of_corruptions():
    assert len(KITTI_C) == len(set(KITTI_C)) == 18
    assert len(NYU_C) == 15
    assert [depth_estimation_error(0.2, 0.7, kind) for kind in ("DEE1", "DEE2", "DEE3")] == pytest.approx(
        [0.5, 0.25, 2 / 7]
    )
    rng = np.random.default_rng(0)
    errors, baseline = ({name: list(rng.uniform(0.1, 0.6, 5)) for name in KITTI_C} for _ in range(2))
    ratios = [sum(errors[name]) / sum(baseline[name]) for name in KITTI_C]
    assert mean_corruption_error(errors, baseline) == pytest.approx(100 * np.mean(ratios))
    assert mean_corruption_error(baseline, baseline) == pytest.approx(100)
    rates = [(1 - sum(errors[name]) / 5) / (1 - 0.15) for name in KITTI_C]
    assert mean_resilience_rate(errors, 0.15) == pytest.approx(100 * np.mean(rates))
    with pytest.raises(UserError, match="same corruptions"):
        mean_corruption_error(errors, {name: baseline[name] for name in NYU_C})
    with pytest.raises(UserError, match="no errors"):
        mean_resilience_rate({}, 0.1)
    with pytest.raises(UserError, match="DEE1, DEE2 and DEE3"):
        depth_estimation_error(0.1, 0.9, "DEE4")


def test_field_of_view():
    focal = torch.tensor([300.0, 500.0, 640.0])
    cameras = torch.eye(3).repeat(3, 1, 1)
    cameras[:, 0, 0] = focal
    predicted = cameras.clone()
    predicted[:, 0, 0] = torch.tensor([320.0, 450.0, 640.0])
    metric = FieldOfViewError()
    metric.update_cameras(predicted[:2], cameras[:2], 640)
    metric.update_cameras(predicted[2:], cameras[2:], 640)
    angles = [2 * np.degrees(np.arctan(320 / np.float64(one[:, 0, 0]))) for one in (predicted, cameras)]
    found = metric.compute()
    assert found["fov_error"].item() == pytest.approx(np.mean(np.abs(angles[0] - angles[1])), rel=1e-6)
    assert found["fov_bias"].item() == pytest.approx(np.mean(angles[0] - angles[1]), rel=1e-6)


def test_errors_of_images_are_those_of_their_means():
    rng = np.random.default_rng(0)
    names = [f"{kind}/{severity}/scene/{i}" for kind in ("fog", "jpeg") for severity in (10, 2, 1) for i in range(3)]
    abs_rel, delta1 = ({name: float(rng.random()) for name in names} for _ in range(2))
    found = errors_of_images(abs_rel, delta1)
    for kind in ("fog", "jpeg"):
        for place, severity in enumerate((1, 2, 10)):
            own = [name for name in names if name.startswith(f"{kind}/{severity}/")]
            a, d = (sum(scores[name] for name in own) / 3 for scores in (abs_rel, delta1))
            assert found[kind][place] == pytest.approx((a - d + 1) / 2)
    assert mean_corruption_error(found, found) == pytest.approx(100)
    with pytest.raises(UserError, match="a is not called CORRUPTION/SEVERITY/NAME"):
        errors_of_images({"a": 1}, {"a": 1})
    with pytest.raises(UserError, match="fog/1/b has only one of AbsRel and delta1"):
        errors_of_images({"fog/1/a": 1, "fog/1/b": 1}, {"fog/1/a": 1})
