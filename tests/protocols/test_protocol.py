from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml

from depthbench.errors import UserError
from depthbench.geometry import flip_intrinsics
from depthbench.medians import masked_median
from depthbench.models import predict_mirrored, predict_with_flip
from depthbench.protocols import EvalProtocol, Scorer
from depthbench.protocols.regions import region_box
from depthbench.protocols.scored_maps import clamp_finite

CONF = Path(__file__).resolve().parents[2] / "conf" / "protocol"
OF_PAIRS = ("da2k",)  # tests/evaluation/test_pair_scores.py
FILES = sorted(path for path in CONF.glob("*.yaml") if path.stem not in OF_PAIRS)
ORIGIN = ("source", "data", "split", "split_sha256")
FIELDS = [name for name in EvalProtocol.__dataclass_fields__ if name not in ORIGIN]


def read(path):
    settings = yaml.safe_load(path.read_text())
    assert settings.pop("_target_") == "depthbench.protocols.EvalProtocol"
    return EvalProtocol(**settings)


def truth_for(protocol):
    """A truth of a size on which the protocol is defined, some of it at and beyond the limits."""
    make3d, kitti = protocol.region == "make3d_center", protocol.region in ("garg", "eigen_kitti", "kb+garg")
    size = (55, 305) if make3d else (375, 1242) if kitti else (480, 640)
    truth = 0.01 + 95 * torch.rand(2, 1, *size) ** 4
    truth[:, :, ::7, ::5] = 0
    return truth


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestEveryProtocol:
    def test_file_states_every_field_and_its_source(self, path):
        assert path.read_text().startswith("# ")
        stated = list(yaml.safe_load(path.read_text()))
        assert read(path).name == path.stem
        if read(path).images is not None or path.stem == "full":  # one's own may be short
            assert stated == ["_target_", *FIELDS]

    def test_scores_equal_a_numpy_loop(self, path, reference):
        protocol = read(path)
        truth = truth_for(protocol)
        # Smooth: what bicubic makes of noise may be negative.
        prediction = F.avg_pool2d(truth.clamp(0.3, 60), 5, stride=2) * 1.1 + 0.3
        metric = protocol.scores()
        metric.update(*protocol.prepare(prediction, truth))
        found = metric.compute()
        rows = [self.by_hand(protocol, p, t, reference) for p, t in zip(prediction, truth, strict=True)]
        if protocol.reduction == "pixel":
            rows = [reference(*(np.concatenate(x) for x in zip(*[row[1] for row in rows], strict=True)), ...)]
        else:
            rows = [row[0] for row in rows]
        for name in ("delta1", "AbsRel", "SqRel", "RMSE", "RMSElog", "log10"):
            values = np.array([row[name] for row in rows])
            root = name.startswith("RMSE") and protocol.reduction == "mse_image"
            expected = np.sqrt(np.mean(values**2)) if root else values.mean()
            np.testing.assert_allclose(found[name].item(), expected, rtol=2e-5, err_msg=name)

    @staticmethod
    def by_hand(protocol, prediction, truth, reference):
        size = protocol.score_size or truth.shape[-2:]
        truth = F.interpolate(truth[None], tuple(size), mode="nearest-exact")[0, 0].numpy()
        low, high = protocol.clamp or (None, None)
        if protocol.clamp_at == "output":
            prediction = prediction.clip(low, high)
        prediction = F.interpolate(prediction[None], tuple(size), mode=protocol.resize)[0, 0].numpy()
        top, bottom, left, right = region_box(protocol.region, tuple(size))
        p, t = prediction[top:bottom, left:right], truth[top:bottom, left:right]
        valid = (t > (protocol.min_depth or 0)) & (t < (protocol.max_depth or 1e9))
        if protocol.alignment.name == "median":
            p = p * np.median(t[valid]) / np.median(p[valid])
        if protocol.clamp_at == "scored" and (low, high) != (None, None):
            p = np.clip(p, low, high)
        pair = (t[valid], p[valid]) if protocol.swap_prediction_and_truth else (p[valid], t[valid])
        return reference(*pair, ..., protocol.strict), pair

    def test_divergence_is_not_hidden(self, path):
        protocol = read(path)
        truth = truth_for(protocol)
        prediction = torch.full_like(truth, float("nan"))
        metric = protocol.scores()
        metric.update(*protocol.prepare(prediction, truth))
        assert metric.compute()["AbsRel"].isnan()
        assert metric.compute()["nonfinite"] > 0


def test_there_is_a_file():
    assert {"eigen", "toolbox", "full"} <= {path.stem for path in FILES}


@pytest.mark.parametrize(
    ("region", "size", "box"),
    [
        ("eigen", (480, 640), (20, 460, 24, 616)),
        ("toolbox", (480, 640), (44, 471, 40, 601)),
        ("bts", (480, 640), (45, 471, 41, 601)),
        ("full", (33, 44), (0, 33, 0, 44)),
        ("garg", (375, 1242), (153, 371, 44, 1197)),
        ("kb", (375, 1242), (23, 375, 13, 1229)),
        ("kb+garg", (375, 1242), (23 + 143, 23 + 349, 13 + 43, 13 + 1172)),
        ("hu", (240, 320), (6, 234, 8, 312)),
        ("make3d_center", (55, 305), (17, 38, 0, 305)),
        ([1, 5, 2, 9], (10, 10), (1, 5, 2, 9)),
        ([0.1, 0.9, 0.0, 1.0], (10, 20), (1, 9, 0, 20)),
        ([0.5, 1, 0, 1], (10, 20), (5, 10, 0, 20)),
    ],
)
def test_regions(region, size, box):
    assert region_box(region, size) == box


@pytest.mark.parametrize(
    ("region", "size", "message"),
    [
        ("eigen", (240, 320), "defined on truth of 480x640, not 240x320"),
        ("eigne", (480, 640), "choose one of"),
        ("kb", (300, 1242), "at least 352x1216"),
        ("make3d_center", (460, 345), "55-row"),
        ([5, 5, 0, 4], (10, 10), "empty or leaves"),
        ([0, 11, 0, 4], (10, 10), "empty or leaves"),
        ([0, 11, 0], (10, 10), "four numbers"),
        (["top", 11, 0, 4], (10, 10), "four numbers"),
        (7, (10, 10), "four numbers"),
    ],
)
def test_regions_that_are_not_defined(region, size, message):
    with pytest.raises(UserError, match=message):
        region_box(region, size)


def test_order_of_the_steps():
    """Output limits act before the resize, scored limits after the scaling."""
    truth = torch.full((1, 1, 4, 4), 4.0)
    prediction = torch.tensor([[0.0, 40.0], [0.0, 40.0]])[None, None]
    output = EvalProtocol(name="x", clamp=(1, 10), clamp_at="output").prepare(prediction, truth)[0]
    scored = EvalProtocol(name="x", clamp=(1, 10)).prepare(prediction, truth)[0]
    assert output[0, 0, 0].tolist() == [1.0, 3.25, 7.75, 10.0]
    assert scored[0, 0, 0].tolist() == [1.0, 10.0, 10.0, 10.0]
    scaled = EvalProtocol(name="x", clamp=(1, 10), alignment="median").prepare(prediction + 1, truth)[0]
    assert scaled.amax() <= 10


def test_the_range_is_open_or_closed():
    truth = torch.tensor([0.0, 0.5, 1.0, 9.0, 10.0, 11.0]).reshape(1, 1, 1, 6)
    bounds = {"min_depth": 0.5, "max_depth": 10.0}
    opened = EvalProtocol(name="x", **bounds).prepare(truth, truth)[2]
    closed = EvalProtocol(name="x", **bounds, bounds="closed").prepare(truth, truth)[2]
    assert opened.flatten().tolist() == [False, False, True, True, False, False]
    assert closed.flatten().tolist() == [False, True, True, True, True, False]
    missing = EvalProtocol(name="x", min_depth=0.0, bounds="closed").prepare(truth, truth)[2]
    assert missing.flatten().tolist() == [False] + 5 * [True]


def test_limits_keep_what_is_not_finite():
    values = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, 3.0, 20.0])
    assert clamp_finite(values, (1.0, 10.0)).isfinite().tolist() == [False, False, False, True, True, True]
    assert clamp_finite(values, (1.0, 10.0))[3:].tolist() == [1.0, 3.0, 10.0]


def test_swapped_divides_by_the_prediction():
    truth, prediction = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 4.0)
    for swapped, expected in ((False, 1.0), (True, 0.5)):
        protocol = EvalProtocol(name="x", swap_prediction_and_truth=swapped)
        metric = protocol.scores()
        metric.update(*protocol.prepare(prediction, truth))
        assert metric.compute()["AbsRel"] == expected


def test_a_prediction_of_a_crop_is_put_in_its_place():
    truth = 1 + 9 * torch.rand(1, 1, 375, 1242)
    whole = EvalProtocol(name="x", region="garg").prepare(truth, truth)
    part = EvalProtocol(name="x", region="garg").prepare(truth[..., 23:, 13:1229], truth, covers="kb")
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))
    with pytest.raises(UserError, match="covers only rows 23:375"):
        EvalProtocol(name="x").prepare(truth, truth, covers="kb")


def test_scale_and_shift_undo_an_affine_change(maps):
    _, truth, valid = maps()
    prediction = (0.3 * truth + 2).where(valid, 77.0)
    aligned, _, _ = EvalProtocol(name="x", alignment="scale_shift").prepare(prediction, truth)
    torch.testing.assert_close(aligned[valid], truth[valid], rtol=1e-5, atol=1e-5)
    constant, _, _ = EvalProtocol(name="x", alignment="scale_shift").prepare(torch.ones_like(truth), truth)
    torch.testing.assert_close(constant[1, 0, 0, 0], truth[1][valid[1]].mean(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 11])
def test_median_is_numpys(count):
    values = torch.rand(2, 1, 3, 5)
    valid = torch.zeros(2, 1, 3, 5, dtype=torch.bool)
    valid.flatten(1)[0, torch.randperm(15)[:count]] = True
    found = masked_median(values, valid)
    assert found[0].item() == pytest.approx(np.median(values[0][valid[0]].numpy()), rel=1e-7)
    assert found[1].isnan()


def test_an_image_without_truth_survives_every_scaling():
    truth = torch.rand(2, 1, 6, 6) + 1
    truth[0] = 0
    for scaling in ("none", "median", "scale_shift"):
        protocol = EvalProtocol(name="x", alignment=scaling)
        metric = protocol.scores()
        metric.update(*protocol.prepare(truth + 0.1 * torch.rand(2, 1, 6, 6), truth))
        assert metric.compute()["AbsRel"].isfinite()
        assert metric.compute()["images_empty"] == 1


@pytest.mark.parametrize("width", [8, 9])
def test_flip_averaging_of_a_flip_equivariant_network_changes_nothing(width):
    image = torch.rand(2, 3, 5, width)
    blur = torch.ones(1, 3, 3, 3) / 27
    found = predict_with_flip(lambda image: F.conv2d(image, blur, padding=1), image)
    torch.testing.assert_close(found, F.conv2d(image, blur, padding=1))


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("width", [8, 9])
def test_flip_averaging_under_a_crop_that_is_not_symmetric(width, scale):
    """Mirrored at the network's own size, then resized, then cropped."""
    image, (top, bottom, left, right) = torch.rand(2, 3, 6, width), (1, 5, 1, width - 3)
    weights = torch.rand(1, 3, 3, 3)  # sees left and right differently

    def predict(image):
        return 1 + F.conv2d(image, weights, padding=1)

    truth = 1 + torch.rand(2, 1, scale * 6, scale * width)
    box = [scale * edge for edge in (top, bottom, left, right)]
    protocol = EvalProtocol(name="x", region=box, flip_average=True, resize="nearest")
    mirrored = predict(torch.from_numpy(image.numpy()[..., ::-1].copy())).numpy()[..., ::-1]
    mean = (predict(image).numpy() + mirrored) / 2
    expected = mean.repeat(scale, -2).repeat(scale, -1)[..., box[0] : box[1], box[2] : box[3]]
    found, _, _ = protocol.prepare(predict_with_flip(predict, image), truth)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    scorer = Scorer([protocol])
    scorer.update(predict(image), truth, ["0", "1"], mirrored=predict_mirrored(predict, image))
    rows = scorer.compute().per_image(protocol)
    true = truth.numpy()[..., box[0] : box[1], box[2] : box[3]].astype(np.float64)
    np.testing.assert_allclose(rows["AbsRel"], (np.abs(expected - true) / true).mean((1, 2, 3)), rtol=2e-6)


@pytest.mark.parametrize("width", [8, 9])
def test_flip_averaging_by_hand(width):
    image = torch.rand(1, 3, 4, width)
    ramp = torch.arange(width, dtype=torch.float32).expand(1, 1, 4, width)  # a network that sees only the place
    found = predict_with_flip(lambda image: image[:, :1] + ramp, image)
    torch.testing.assert_close(found, image[:, :1] + (width - 1) / 2)


def test_flipped_intrinsics_see_the_same_points():
    width, intrinsics = 9, torch.tensor([[[5.0, 0.0, 3.2], [0.0, 6.0, 2.5], [0.0, 0.0, 1.0]]])
    point = torch.tensor([0.7, -0.2, 2.0])
    here = intrinsics[0] @ point / 2
    there = flip_intrinsics(intrinsics, width)[0] @ (point * torch.tensor([-1.0, 1.0, 1.0])) / 2
    torch.testing.assert_close(there[:2], torch.stack([width - 1 - here[0], here[1]]))
    seen = []
    predict_with_flip(lambda image, k: seen.append(k) or image[:, :1], torch.rand(1, 3, 4, width), intrinsics)
    assert torch.equal(seen[1], flip_intrinsics(intrinsics, width))


def test_intrinsics_of_the_scored_maps():
    """A plane's points are the same from the image and from the crop of the doubled map."""
    intrinsics = torch.tensor([[[30.0, 0.0, 15.2], [0.0, 31.0, 11.7], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    protocol = EvalProtocol(name="x", region=[4, 40, 10, 50], score_size=[48, 64])
    moved = protocol.intrinsics(intrinsics, (24, 32), (96, 128))
    pixel = torch.tensor([20.0, 9.0, 1.0], dtype=torch.float64)  # centers at integers
    scored = torch.tensor([(20.5 * 2 - 0.5) - 10, (9.5 * 2 - 0.5) - 4, 1.0], dtype=torch.float64)
    torch.testing.assert_close(moved[0].inverse() @ scored, intrinsics[0].inverse() @ pixel)
    covered = EvalProtocol(name="x", region="kb").intrinsics(intrinsics, (352, 1216), (375, 1242), covers="kb")
    assert torch.equal(covered, intrinsics)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reduction": "mean"}, "choose one of image, pixel, mse_image"),
        ({"alignment": "max"}, "none, median, lower_median"),
        ({"min_depth": 10, "max_depth": 1}, "give the smaller one first"),
        ({"clamp": [3, 2]}, "give the smaller one first"),
        ({"clamp": [3]}, "give two numbers"),
        ({"clamp": 3}, "give two numbers"),
        ({"clamp": ["low", 3]}, "give two numbers"),
        ({"max_depth": "ten"}, "max_depth is 'ten'; give metres, or null"),
        ({"score_size": [4]}, r"score_size is \(4,\); give a height and a width"),
        ({"score_size": [0, 4]}, "give a height and a width"),
        ({"images": "all"}, "images is 'all'; give a number"),
    ],
)
def test_mistakes_in_a_protocol(settings, message):
    with pytest.raises(UserError, match=message):
        EvalProtocol(name="mine", **settings)


def test_shapes_that_are_refused():
    protocol = EvalProtocol(name="x")
    with pytest.raises(UserError, match="truth of shape"):
        protocol.prepare(torch.ones(1, 1, 4, 4), torch.ones(1, 4, 4))
    with pytest.raises(UserError, match="for 2 images"):
        protocol.prepare(torch.ones(1, 1, 4, 4), torch.ones(2, 1, 4, 4))


def test_lists_of_a_configuration_become_hashable():
    assert hash(EvalProtocol(name="x", region=[0, 4, 0, 4], clamp=[0.1, None], score_size=[4, 4]))


@pytest.mark.slow
def test_mean_map_of_real_training_pairs(shared):
    """Known on the 654 real test pairs: exp of the mean log depth has AbsRel 0.361 and delta1 0.426 under eigen."""
    import cv2

    folder = shared / "data" / "nyuv2_labeled"

    def depth(path):
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) * np.float32(9.99547 / 65280)

    train = sorted((folder / "train").glob("depth_*.png"))
    mean = np.exp(sum(np.log(np.float64(depth(path))) for path in train) / len(train))
    prediction = torch.from_numpy(mean.astype(np.float32))[None, None]
    protocol = read(CONF / "eigen.yaml")
    metric = protocol.scores()
    for path in sorted((folder / "test").glob("depth_*.png")):
        metric.update(*protocol.prepare(prediction, torch.from_numpy(depth(path))[None, None]))
    found = metric.compute()
    assert found["images"] == 654
    assert round(found["AbsRel"].item(), 3) == 0.361
    assert round(found["delta1"].item(), 3) == 0.426
