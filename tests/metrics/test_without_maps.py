"""Metrics that do not score single depth maps: annotated pairs, clips, corruptions, cameras."""

import json
from statistics import NormalDist

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
from depthbench.output_kinds import OutputKind
from depthbench.report.__main__ import main as report
from depthbench.results import ModelRecord, read_results
from depthbench.results.of_units import write_unit_results
from depthbench.stats.intervals import intervals

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


def limits_by_a_loop(rows, score, resamples=2000):
    """BCa limits (Efron 1987) of a score of drawn units, unit by unit, draw by draw."""
    count = len(rows)
    times = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), resamples)
    drawn = []
    for each in times:
        total = [sum(each[unit] * rows[unit][column] for unit in range(count)) for column in range(len(rows[0]))]
        drawn.append(score(total))
    value = score([sum(row[column] for row in rows) for column in range(len(rows[0]))])
    left = [
        score([sum(row[column] for unit, row in enumerate(rows) if unit != out) for column in range(len(rows[0]))])
        for out in range(count)
    ]
    equal = [abs(one - value) <= 1e-12 * abs(value) for one in drawn]
    below = sum(0.5 if same else float(one < value) for one, same in zip(drawn, equal, strict=True)) / resamples
    away = [np.mean(left) - one for one in left]
    acceleration = sum(one**3 for one in away) / (6 * sum(one**2 for one in away) ** 1.5)
    normal, found = NormalDist(), []
    for tail in (0.025, 0.975):
        shifted = normal.inv_cdf(below) + normal.inv_cdf(tail)
        found.append(
            np.percentile(drawn, 100 * normal.cdf(normal.inv_cdf(below) + shifted / (1 - acceleration * shifted)))
        )
    return found


def share(total):
    return total[0] / total[1]


def pairs_of(rng, count):
    """Pairs whose first point is closer in the truth."""
    return AnnotatedPairs(*torch.from_numpy(rng.integers(0, 6, (2, count, 2))))


def test_intervals_of_pairs_draw_images():
    rng = np.random.default_rng(1)
    metric, rows = PairAccuracy(), []
    for image in range(14):
        maps, pairs = torch.from_numpy(rng.random((6, 6))), pairs_of(rng, int(rng.integers(1, 5)))
        scene = ("indoor", "aerial", "elsewhere")[image % 3]
        metric.update(maps, pairs, f"images/{scene}/{image:02}.jpg")
        rows.append((scene, int(pairs_right(maps, pairs).sum()), len(pairs.closer)))
    rows.sort(key=lambda row: row[0])  # drawn in the order of their names
    found = metric.intervals()
    assert found.keys() == {"pair_accuracy", *metric.scenes}
    assert found["pair_accuracy"] == pytest.approx(limits_by_a_loop([row[1:] for row in rows], share), rel=1e-9)
    for scene in ("indoor", "aerial"):
        own = [row[1:] for row in rows if row[0] == scene]
        assert metric.compute()[scene].item() == pytest.approx(sum(row[0] for row in own) / sum(row[1] for row in own))
        assert found[scene] == pytest.approx(limits_by_a_loop(own, share), rel=1e-9)
    assert np.isnan(found["underwater"]).all()


def test_pairs_of_one_image_are_no_independent_pairs():
    """Eight images of 50 pairs, of which an image has all right or all wrong: the interval is that of eight draws."""
    metric, single = PairAccuracy(), PairAccuracy()
    pairs = AnnotatedPairs(torch.zeros(50, 2, dtype=torch.int64), torch.ones(50, 2, dtype=torch.int64))
    one = AnnotatedPairs(pairs.closer[:1], pairs.farther[:1])
    for image in range(8):
        right = torch.tensor([[1.0, 0.0], [0.0, 2.0]]) * (1 if image < 5 else -1)
        metric.update(right, pairs, f"indoor/{image}")
        single.update(right, one, f"indoor/{image}")
    low, high = metric.intervals()["pair_accuracy"]
    assert (low, high) == pytest.approx(single.intervals()["pair_accuracy"])
    assert high - low > 0.4


def test_intervals_of_cameras_and_clips():
    rng = np.random.default_rng(2)
    cameras = torch.eye(3).repeat(9, 1, 1)
    predicted = cameras.clone()
    cameras[:, 0, 0], predicted[:, 0, 0] = torch.from_numpy(rng.uniform(300, 700, (2, 9))).float()
    names = [f"{number}" for number in rng.permutation(9)]
    metric = FieldOfViewError()
    metric.update_cameras(predicted[:4], cameras[:4], 640, names[:4])
    metric.update_cameras(predicted[4:], cameras[4:], 640, names[4:])
    angles = 2 * np.degrees(np.arctan(320 / np.stack([predicted[:, 0, 0], cameras[:, 0, 0]]).astype(np.float64)))
    errors = (angles[0] - angles[1])[np.argsort(names)]
    found = metric.intervals()
    for name, values in (("fov_error", np.abs(errors)), ("fov_bias", errors)):
        assert found[name] == pytest.approx(limits_by_a_loop([(value, 1) for value in values], share), rel=1e-6)
    listed, scores = metric.per_unit()
    assert listed == sorted(names)
    np.testing.assert_allclose(scores["fov_bias"], errors, rtol=1e-6)

    clips, values = TemporalError(), []
    for seed in range(5):
        depth, poses = (torch.from_numpy(one) for one in clip(frames=2, seed=seed))
        clips.update_clip(depth, CAMERA, poses, name=f"clip{seed}")
        values.append(temporal_error(depth, CAMERA, poses).item())
    away = torch.eye(4).repeat(2, 1, 1)
    away[1, 0, 3] = 1000.0
    clips.update_clip(torch.ones(2, 1, 24, 32), CAMERA, away, name="away")  # no score, and no part in the interval
    assert clips.intervals()["TAE"] == pytest.approx(limits_by_a_loop([(one, 1) for one in values], share), rel=1e-9)
    assert np.isnan(clips.per_unit()[1]["TAE"][0])


def test_neither_order_nor_processes_change_an_interval():
    rng = np.random.default_rng(4)
    images = [(torch.from_numpy(rng.random((6, 6))), pairs_of(rng, 3), f"indoor/{number}") for number in range(6)]
    whole, shares = PairAccuracy(), [PairAccuracy() for _ in range(3)]  # the last process has seen none
    for one in images[::-1]:
        whole.update(*one)
    for place, one in enumerate(images):
        shares[place % 2].update(*one)
    gathered = [(torch.cat(metric.kept_rows), torch.cat(metric.kept_names)) for metric in shares[:2]]

    def together(value, group=None):
        place = 0 if value.dtype == torch.float64 else 1
        return [*(share[place] for share in gathered), value.new_zeros(0)]

    last = PairAccuracy(dist_sync_fn=together, distributed_available_fn=lambda: True)
    for name, limits in whole.intervals().items():
        assert last.intervals()[name] == pytest.approx(limits, nan_ok=True)
    assert whole.intervals()["pair_accuracy"][0] < whole.intervals()["pair_accuracy"][1]
    assert not torch.cat(last.kept_rows).numel(), "afterwards it has what it has seen itself"
    with pytest.raises(UserError, match="2 images or clips have 1 names"):
        FieldOfViewError().update_cameras(torch.eye(3).repeat(2, 1, 1), torch.eye(3).repeat(2, 1, 1), 640, ["a"])


def test_results_of_pairs_are_read_back_and_shown(tmp_path):
    rng = np.random.default_rng(5)
    metrics = {ModelRecord(name, OutputKind.AFFINE_DISPARITY): PairAccuracy() for name in ("first", "second")}
    for image in range(10):
        pairs = pairs_of(rng, int(rng.integers(1, 5)))
        for metric in metrics.values():
            metric.update(torch.from_numpy(rng.random((6, 6))), pairs, f"indoor/{image}")
    path = tmp_path / "pairs.json"
    write_unit_results(path, metrics, "DA-2K", "da2k", source="Depth Anything V2")
    results = read_results(path)
    assert [one.model for one in results] == list(metrics)
    for one, metric in zip(results, metrics.values(), strict=True):
        assert one.scores["pair_accuracy"] == metric.compute()["pair_accuracy"].item()
        assert one.limits["pair_accuracy"] == pytest.approx(metric.intervals()["pair_accuracy"])
        assert np.isnan(one.limits["underwater"]).all()
        again = one.sums("pair_accuracy")  # from the scores of images alone
        assert again.scores["pair_accuracy"] == pytest.approx(one.scores["pair_accuracy"])
        assert intervals(again)["pair_accuracy"] == pytest.approx(one.limits["pair_accuracy"], rel=1e-6)
    assert report([str(path), "--output", str(tmp_path / "page.html")]) in (0, None)
    page = (tmp_path / "page.html").read_text()
    assert "pair_accuracy" in page
    assert f"{results[0].scores['pair_accuracy']:.3f}" in page
    other = PairAccuracy()
    other.update(torch.ones(6, 6), pairs, "indoor/other")
    with pytest.raises(UserError, match="third was scored on other images"):
        write_unit_results(path, {**metrics, ModelRecord("third"): other}, "DA-2K", "da2k")
    unnamed = PairAccuracy()
    unnamed.update(torch.ones(6, 6), pairs)
    with pytest.raises(UserError, match="of mine have no names"):
        write_unit_results(path, {ModelRecord("mine"): unnamed}, "DA-2K", "da2k")


def test_the_error_of_a_model_without_any_right_pixel_is_infinite():
    assert errors_of_images({"fog/1/a": 1.0}, {"fog/1/a": 0.0}, "DEE3") == {"fog": [float("inf")]}
