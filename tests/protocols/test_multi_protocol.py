from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml

from depthbench.errors import UserError
from depthbench.metrics import functional
from depthbench.protocols import EvalProtocol, ProtocolSuite
from depthbench.protocols import shared_pass as sharing

CONF = Path(__file__).resolve().parents[2] / "conf" / "protocol"


def protocols(*regions):
    for path in sorted(CONF.glob("*.yaml")):
        settings = yaml.safe_load(path.read_text())
        if settings["region"] in regions:
            del settings["_target_"]
            yield EvalProtocol(**settings)


INDOOR = list(protocols("full", "eigen", "toolbox", "bts", "hu"))
OUTDOOR = list(protocols("full", "garg", "eigen_kitti", "kb+garg"))


def alone(protocol, prediction, truth, averaged=None, covers="full"):
    used = averaged if protocol.flip_average and averaged is not None else prediction
    true = truth if isinstance(truth, torch.Tensor) else truth[protocol.truth]
    prepared = protocol.prepare(used, true, covers)
    metric = protocol.scores()
    metric.update(*prepared)
    return metric.per_image(*prepared), metric.compute()


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
    averaged = 1.01 * prediction if averaging else None
    suite = ProtocolSuite(INDOOR)
    rows = suite.update(prediction, truths, averaged)
    found = suite.compute()
    assert found.keys() == rows.keys() == {protocol.name for protocol in INDOOR}
    for protocol in INDOOR:
        expected_rows, expected = alone(protocol, prediction, truths, averaged)
        for name in (*functional.SCORES, "nonfinite", "pixels"):
            # ln(p / t) from (p - t) / t and, where exchanged, from (t - p) / p: these round differently.
            close = {"rtol": 1e-5 if protocol.swapped else 1e-6, "atol": 1e-7, "msg": f"{protocol.name} {name}"}
            torch.testing.assert_close(rows[protocol.name][name], expected_rows[name], **close)
            torch.testing.assert_close(found[protocol.name][name], expected[name], **close)


def test_outdoor_protocols_and_predictions_of_a_crop():
    prediction, truth = scene(1.0, 95.0, (375, 1242))
    suite = ProtocolSuite(OUTDOOR)
    suite.update(prediction, truth)
    for name, scores in suite.compute().items():
        _, expected = alone(suite.protocols[name], prediction, truth)
        torch.testing.assert_close(scores["AbsRel"], expected["AbsRel"], rtol=1e-6, atol=0)
    inner = [protocol for protocol in OUTDOOR if protocol.region in ("garg", "kb+garg")]
    suite = ProtocolSuite(inner)
    prediction = torch.rand(2, 1, 352, 1216) * 70 + 1
    suite.update(prediction, truth, covers="kb")
    for name, scores in suite.compute().items():
        _, expected = alone(suite.protocols[name], prediction, truth, covers="kb")
        torch.testing.assert_close(scores["RMSE"], expected["RMSE"], rtol=1e-6, atol=0)


def test_what_can_be_shared_is_computed_once(monkeypatch):
    calls = []
    original = sharing.cell_sums
    monkeypatch.setattr(sharing, "cell_sums", lambda *args: calls.append(args) or original(*args))
    listed = list(protocols("eigen", "toolbox", "bts"))
    suite = ProtocolSuite(listed)
    prediction, truth = scene(0.5, 9.0, batch=1)
    suite.update(F.interpolate(prediction, truth.shape[-2:]), truth)
    # lee2020, carvalho2018 and the rest read one pass; only scaled ones need their own.
    assert len(calls) == 1 + sum(protocol.scaling != "none" for protocol in listed)


def test_divergence_is_not_hidden():
    prediction, truth = scene(0.5, 9.0)
    prediction[1, 0, 100, 100] = float("inf")
    suite = ProtocolSuite(INDOOR)
    rows = suite.update(prediction, truth)
    for scores in rows.values():
        assert scores["RMSE"][0].isfinite()
        assert not scores["RMSE"][1].isfinite()
        assert scores["nonfinite"].tolist()[1] > 0


def test_images_without_truth_are_counted():
    prediction, truth = scene(0.5, 9.0)
    truth[1] = 0
    suite = ProtocolSuite(INDOOR)
    suite.update(prediction, truth)
    for scores in suite.compute().values():
        assert (scores["images"], scores["images_empty"]) == (1, 1)
        assert scores["AbsRel"].isfinite()
    suite.reset()
    assert suite.metric("eigen").state("images").sum() == 0


def test_names_may_hold_dots():
    suite = ProtocolSuite([EvalProtocol(name="eigen, v1.2"), EvalProtocol(name="type")])
    suite.update(*scene(0.5, 9.0))
    assert suite.compute().keys() == {"eigen, v1.2", "type"}


def test_mistakes():
    with pytest.raises(UserError, match="each name once"):
        ProtocolSuite([EvalProtocol(name="x"), EvalProtocol(name="x")])
    prediction, truth = scene(0.5, 9.0)
    with pytest.raises(UserError, match="'bts' is defined on raw truth, but only filled"):
        ProtocolSuite(INDOOR).update(prediction, {"filled": truth})
