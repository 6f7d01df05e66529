"""Several protocols in one pass: numbers are those of each alone, and of all images whatever the batches."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.filling import fill_cross_bilateral
from depthbench.metrics import EdgeScores, OrdinalError, functional
from depthbench.protocols import EvalProtocol, Scorer, load_protocol
from depthbench.protocols import shared_pass as sharing
from depthbench.protocols.alignment import fit_kernel
from depthbench.protocols.shared_maps import SharedMaps
from tests.forked import on_two_processes

NAMES = sorted(path.stem for path in (config_dir() / "protocol").glob("*.yaml"))
EVERY = [load_protocol(name) for name in NAMES]
INDOOR = [protocol for protocol in EVERY if protocol.region in ("full", "eigen", "toolbox", "bts", "hu")]
OUTDOOR = [protocol for protocol in EVERY if protocol.region in ("full", "garg", "eigen_kitti", "kb+garg")]


def alone(protocol, prediction, truth, mirrored=None, covers="full"):
    used = protocol.average(prediction, mirrored) if protocol.flip_average and mirrored is not None else prediction
    true = truth if isinstance(truth, torch.Tensor) else truth[protocol.truth]
    prepared = protocol.prepare(used, true, covers)
    metric = protocol.scores()
    metric.update(*prepared)
    return metric.per_image(*prepared), metric.compute()


def scored(protocols, prediction, truth, **more):
    scorer = Scorer(protocols)
    scorer.update(prediction, truth, [str(index) for index in range(len(prediction))], **more)
    return scorer.compute()


def scene(low, high, size=(480, 640), batch=2):
    truth = low + (high - low) * torch.rand(batch, 1, size[0] // 5, size[1] // 5)
    truth = F.interpolate(truth, size, mode="bilinear")
    prediction = F.avg_pool2d(truth, 3, stride=2) * 1.07
    return prediction, truth * (torch.rand_like(truth) > 0.1)


@pytest.mark.parametrize(("low", "high"), [(0.5, 9.0), (0.02, 14.0)])
@pytest.mark.parametrize("averaging", [False, True])
def test_numbers_are_those_of_each_protocol_alone(low, high, averaging):
    """Within all limits, and beyond them."""
    prediction, truth = scene(low, high)
    truths = {"filled": truth.clamp(min=low), "raw": truth}
    mirrored = 1.02 * prediction if averaging else None
    found = scored(INDOOR, prediction, truths, mirrored=mirrored)
    for protocol in INDOOR:
        expected_rows, expected = alone(protocol, prediction, truths, mirrored)
        rows, scores = found.per_image(protocol), found.scores(protocol)
        for name in (*functional.SCORES, "nonfinite", "pixels"):
            # ln(p / t) from (p - t) / t and, where exchanged, from (t - p) / p: these round differently.
            close = {"rel": 1e-5 if protocol.swap_prediction_and_truth else 1e-6, "abs": 1e-7}
            assert rows[name] == pytest.approx(expected_rows[name].tolist(), **close), (protocol.name, name)
            assert scores[name] == pytest.approx(expected[name].item(), **close), (protocol.name, name)


def test_outdoor_protocols_and_predictions_of_a_crop():
    prediction, truth = scene(1.0, 95.0, (375, 1242))
    found = scored(OUTDOOR, prediction, truth)
    for protocol in OUTDOOR:
        _, expected = alone(protocol, prediction, truth)
        assert found.scores(protocol)["AbsRel"] == pytest.approx(expected["AbsRel"].item(), rel=1e-6)
    inner = [protocol for protocol in OUTDOOR if protocol.region in ("garg", "kb+garg")]
    prediction = torch.rand(2, 1, 352, 1216) * 70 + 1
    found = scored(inner, prediction, truth, covers="kb")
    for protocol in inner:
        _, expected = alone(protocol, prediction, truth, covers="kb")
        assert found.scores(protocol)["RMSE"] == pytest.approx(expected["RMSE"].item(), rel=1e-6)


@pytest.mark.parametrize("compiled", [True, False])
def test_what_can_be_shared_is_computed_once(compiled, monkeypatch):
    passes, lines = [], []
    cells, aligned = sharing.cell_sums, sharing.aligned_sums
    monkeypatch.setattr(sharing, "cell_sums", lambda *args: passes.append(args) or cells(*args))
    monkeypatch.setattr(sharing, "aligned_sums", lambda *args: lines.append(aligned(*args)) or lines[-1])
    if not compiled:
        monkeypatch.setattr(fit_kernel, "_library", lambda: None)
    listed = [protocol for protocol in EVERY if protocol.region in ("eigen", "toolbox", "bts")]
    prediction, truth = scene(0.5, 9.0, batch=1)
    scored(listed, F.interpolate(prediction, truth.shape[-2:]), truth)
    # lee2020, carvalho2018, li2017 and the rest read one pass; only scaled ones need their own.
    inner = sum(one is not None for found in lines for one in found)
    assert len(passes) + inner == 1 + sum(protocol.alignment.fit != "none" for protocol in listed)
    assert (fit_kernel._library() is not None) == (inner > 0)  # without a compiler there is none in both cases


def test_limits_hold_where_bicubic_overshoots_them():
    """The output lies within the limits, what bicubic makes of it does not."""
    prediction = torch.where(torch.arange(16) < 8, 1.0, 5.0).expand(1, 1, 12, 16).clone()
    truth = torch.full((1, 1, 48, 64), 3.0)
    assert F.interpolate(prediction, (48, 64), mode="bicubic").max() > 5.1
    limited = EvalProtocol(name="limited", resize="bicubic", clamp=(1.0, 5.0))
    free = EvalProtocol(name="free", resize="bicubic")
    found = scored([free, limited], prediction, truth)
    for protocol in (free, limited):
        _, expected = alone(protocol, prediction, truth)
        assert found.scores(protocol)["RMSE"] == pytest.approx(expected["RMSE"].item(), rel=1e-7)
    assert found.scores(limited)["RMSE"] < found.scores(free)["RMSE"]


def test_each_of_two_predictions_is_limited_before_they_are_averaged():
    """DenseDepth's code: clip, average; and not average, clip."""
    truth = torch.full((1, 1, 4, 4), 5.0)
    plain, mirrored = torch.full_like(truth, 14.0), torch.full_like(truth, 4.0)
    output = EvalProtocol(name="output", clamp=(0.1, 10.0), clamp_at="output", flip_average=True)
    last = EvalProtocol(name="scored", clamp=(0.1, 10.0), flip_average=True)
    found = scored([output, last], plain, truth, mirrored=mirrored)
    assert found.scores(output)["RMSE"] == pytest.approx((10 + 4) / 2 - 5)
    assert found.scores(last)["RMSE"] == pytest.approx((14 + 4) / 2 - 5)
    densedepth = replace(load_protocol("alhashim2018"), region="full")
    assert scored([densedepth], plain, truth, mirrored=mirrored).scores(densedepth)["RMSE"] == pytest.approx(2)


def test_divergence_is_not_hidden():
    prediction, truth = scene(0.5, 9.0)
    prediction[1, 0, 100, 100] = float("inf")
    found = scored(INDOOR, prediction, truth)
    for protocol in INDOOR:
        rows, scores = found.per_image(protocol), found.scores(protocol)
        assert np.isfinite(rows["RMSE"]).tolist() == [True, False]
        assert rows["nonfinite"][0] == 0 < rows["nonfinite"][1] == scores["nonfinite"]
        assert scores["images_nonfinite"] == 1


def test_images_without_truth_are_counted():
    prediction, truth = scene(0.5, 9.0)
    truth[1] = 0
    scorer = Scorer(INDOOR)
    scorer.update(prediction, truth, ["a", "b"])
    for protocol in INDOOR:
        scores = scorer.compute().scores(protocol)
        assert (scores["images"], scores["images_empty"]) == (1, 1)
        assert np.isfinite(scores["AbsRel"])
    scorer.reset()
    assert scorer.compute().frames == []
    assert scorer.compute().scores(INDOOR[0])["images"] == 0


def test_images_stand_in_the_order_of_the_data_set():
    prediction, truth = scene(0.5, 9.0, (24, 32), batch=5)
    protocol = EvalProtocol(name="x")
    whole = scored([protocol], prediction, truth)
    scorer = Scorer([protocol])
    for part in ([4, 1], [0], [3, 2]):
        scorer.update(prediction[part], truth[part], list(map(str, part)), places=part)
    again = scorer.compute()
    assert again.frames == whole.frames == list("01234")
    assert torch.equal(again.sums["x"], whole.sums["x"])


def test_many_images_are_all_kept():
    prediction, truth = scene(0.5, 9.0, (10, 10), batch=700)
    scorer = Scorer([EvalProtocol(name="x")])
    for _ in range(5):
        scorer.update(prediction, truth, ["0"] * 700)
    found = scorer.compute()
    assert len(found.frames) == 3500
    assert torch.equal(found.sums["x"][:700], found.sums["x"][-700:])


def test_predicted_edges_stay_predicted_where_protocols_exchange():
    """An exchange divides errors by the prediction; precision of edges does not become their recall."""
    truth = torch.where(torch.arange(30) < 15, 2.0, 3.0).expand(1, 1, 20, 30).clone()
    prediction = truth.clone()
    prediction[..., 5:12, 4:8] += 2.0  # edges that are not there
    plain, swapped = EvalProtocol(name="plain"), EvalProtocol(name="swapped", swap_prediction_and_truth=True)
    scorer = Scorer([plain, swapped], {"edges": EdgeScores([0.5])})
    scorer.update(prediction, truth, ["0"])
    found = scorer.compute()
    expected = EdgeScores([0.5]).per_image(prediction, truth)
    assert expected["edge_recall_0.5"] == 1 > expected["edge_precision_0.5"]
    for protocol in (plain, swapped):
        scores = found.scores(protocol)
        assert {name: scores[name] for name in expected} == {name: value.item() for name, value in expected.items()}
    assert found.scores(plain)["AbsRel"] != found.scores(swapped)["AbsRel"]


class TestBorders:
    """Predictions that show a part of the truth, under protocols that fill the rest."""

    PROTOCOL = EvalProtocol(name="x", fill_borders="cross_bilateral")
    COVERS = (4, 20, 6, 26)

    def maps(self):
        image = torch.rand(2, 3, 24, 32)
        truth = 1 + 4 * torch.rand(2, 1, 24, 32)
        return 1 + 4 * torch.rand(2, 1, 16, 20), truth, image

    def test_the_rest_is_filled_from_what_is_shown(self):
        prediction, truth, image = self.maps()
        padded = torch.zeros_like(truth)
        padded[..., 4:20, 6:26] = prediction
        expected = fill_cross_bilateral(padded, image)
        filled, _, valid = self.PROTOCOL.prepare(prediction, truth, self.COVERS, image)
        assert valid.all()
        assert torch.equal(filled, expected)
        found = scored([self.PROTOCOL], prediction, truth, covers=self.COVERS, image=image)
        error = ((expected.double() - truth.double()).abs() / truth).mean()
        assert found.scores(self.PROTOCOL)["AbsRel"] == pytest.approx(error.item(), rel=1e-6)

    def test_what_was_predicted_stays_whatever_it_is(self):
        prediction, truth, image = self.maps()
        prediction[0, 0, 3, 3], prediction[1, 0, 0, 0] = -1.0, float("nan")
        filled, _, _ = self.PROTOCOL.prepare(prediction, truth, self.COVERS, image)
        torch.testing.assert_close(filled[..., 4:20, 6:26], prediction, equal_nan=True, rtol=0, atol=0)

    def test_a_whole_prediction_needs_no_picture(self):
        _, truth, _ = self.maps()
        plain = replace(self.PROTOCOL, fill_borders="none")
        maps = 1.1 * truth
        assert torch.equal(self.PROTOCOL.prepare(maps, truth)[0], plain.prepare(maps, truth)[0])
        prediction, truth, _ = self.maps()
        with pytest.raises(UserError, match="but got no picture; give one"):
            self.PROTOCOL.prepare(prediction, truth, self.COVERS)
        with pytest.raises(UserError, match="covers only rows 4:20"):
            plain.prepare(prediction, truth, self.COVERS)


def test_li2017_pools_all_pixels_and_fills_the_borders_of_its_crop():
    protocol = load_protocol("li2017")
    truth = 1 + 4 * torch.rand(2, 1, 480, 640)
    truth[0, 0, :240] = 0  # fewer pixels in one image than in the other
    prediction, image = 1.2 * F.avg_pool2d(truth.clamp(min=1), 4)[..., 4:115, 5:155], torch.rand(2, 3, 120, 160)
    assert prediction.shape[-2:] == (111, 150)
    found = scored([protocol], prediction, truth, covers="li2017", image=image).scores(protocol)
    p, t, valid = protocol.prepare(prediction, truth, "li2017", image)
    p, t = p[valid].double().numpy(), t[valid].double().numpy()
    assert len(t) == found["pixels"] == 2 * 427 * 561 - (240 - 44) * 561
    assert found["AbsRel"] == pytest.approx(np.mean(np.abs(p - t) / t), rel=1e-6)
    assert found["RMSE"] == pytest.approx(np.sqrt(np.mean((p - t) ** 2)), rel=1e-6)
    assert found["log10"] == pytest.approx(np.mean(np.abs(np.log10(p) - np.log10(t))), rel=1e-6)


def test_names_may_hold_dots():
    protocols = [EvalProtocol(name="eigen, v1.2"), EvalProtocol(name="type")]
    assert scored(protocols, *scene(0.5, 9.0)).sums.keys() == {"eigen, v1.2", "type"}


def test_mistakes():
    with pytest.raises(UserError, match="each name once"):
        Scorer([EvalProtocol(name="x"), EvalProtocol(name="x")])
    prediction, truth = scene(0.5, 9.0)
    with pytest.raises(UserError, match="'bts' is defined on raw truth, but only filled"):
        Scorer(INDOOR).sums(SharedMaps(prediction, {"filled": truth}))


def _share(rank, prediction, truth):
    scorer = Scorer(_TWO, {"order": OrdinalError(200)})
    mine = range(rank, len(truth), 2)
    for start in range(0, len(mine), 2):
        part = list(mine[start : start + 2])
        scorer.update(prediction[part], truth[part], list(map(str, part)))
    found = scorer.compute()
    return found.frames, [found.scores(protocol) for protocol in _TWO]


_TWO = [EvalProtocol(name="image"), EvalProtocol(name="pixel", reduction="pixel")]


@pytest.mark.processes
def test_two_processes_give_the_same_bits(tmp_path):
    """Five images, so that one process has one more and nothing is padded."""
    prediction, truth = scene(0.5, 9.0, (24, 32), batch=5)
    scorer = Scorer(_TWO, {"order": OrdinalError(200)})
    for part in ([0, 1], [2, 3], [4]):
        scorer.update(prediction[part], truth[part], list(map(str, part)))
    alone = scorer.compute()
    expected = [alone.scores(protocol) for protocol in _TWO]
    for frames, scores in on_two_processes(tmp_path, _share, prediction, truth):
        assert frames == list("01234")
        assert scores == expected
    assert expected[0]["images"] == 5


def test_a_scorer_can_be_copied_and_moved():
    scorer = copy.deepcopy(Scorer([EvalProtocol(name="x")], {"order": OrdinalError(200)})).to("cpu")
    scorer.update(*scene(0.5, 9.0, (24, 32)), ["0", "1"])
    assert scorer.compute().scores(EvalProtocol(name="x"))["images"] == 2
