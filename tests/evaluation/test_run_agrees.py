"""`evaluate run=X` gives the scores of the run's own test to the last bit: for every kind of training that predicts."""

import csv
import json
import math

import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.run_kinds import determined_kind
from depthbench.evaluation.run_network import Network
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol
from depthbench.runs.checksums import renew_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import read_scores, recorded_kind
from depthbench.training.results import save_results
from depthbench.training.trainer import build_data, build_task, build_trainer
from tests.commands import TINY_NET, TINY_RUN, TINY_TWO_STREAM, make_frames

STRUCTURE = [f"+structure@task.structure.{name}={name}" for name in ("edges", "order", "surface")]
KINDS = {
    "regression": [*TINY_NET, *STRUCTURE],
    "adversarial": ["loss=gan", *TINY_NET],
    "staged": TINY_TWO_STREAM,
    "relative": ["loss=relative", *TINY_NET],
    "uncertain": ["loss=heteroscedastic", *TINY_NET],
    "affine depth": ["loss=ssi", *TINY_NET],
    "affine logarithm": ["loss=ssi", "task.loss_space=network", "protocol.alignment=log", *TINY_NET],
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"), test=7)


def own_test(output, frames, *overrides):
    """A run folder whose network has not learnt anything, with the files of its own test; the network, too."""
    given = [*TINY_RUN, f"data.root={frames}", "data.test_frames=7", "data.test_batch_size=3", *overrides]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", [*given, "trainer.max_epochs=1", f"output={output}"])
    folder = RunFolder.create(config, given, {})
    task, data = build_task(folder.config), build_data(folder.config)
    folder.checkpoint.parent.mkdir()
    torch.save({"state_dict": task.state_dict()}, folder.checkpoint)
    passes = []
    task.net.register_forward_pre_hook(lambda net, inputs: passes.append(len(inputs[0])))
    trainer = build_trainer(folder.config, task, folder.path, [], [])
    trainer.test(task, datamodule=data, verbose=False)
    save_results(folder, task)
    return folder, passes


@pytest.mark.parametrize("average", [False, True], ids=["plain", "averaged"])
@pytest.mark.parametrize("kind", KINDS)
def test_to_the_last_bit(kind, average, frames, tmp_path):
    protocol = [f"protocol.flip_average={str(average).lower()}", "protocol.max_depth=4.5"]
    folder, _ = own_test(tmp_path, frames, *KINDS[kind], *protocol)
    output, images = tmp_path / "scores.json", tmp_path / "images.csv"
    structure = ["structure=edges,order,surface"] if kind == "regression" else []
    assert main([f"run={folder.path}", f"output={output}", f"per_image={images}", *structure]) == 0
    content, own = json.loads(output.read_text()), json.loads((folder.path / "scores.json").read_text())
    (scores,) = content["scores"].values()
    assert scores == own["scores"]
    assert content["protocols"] == own["protocols"]
    assert content["format"] == own["format"] == 2
    assert own["protocols"]["full"]["flip_average"] == average
    assert own["protocols"]["full"]["version"] == 1
    assert EvalProtocol(**own["protocols"]["full"]).max_depth == 4.5
    rows = list(csv.DictReader((folder.path / "per_image.csv").open()))
    again = list(csv.DictReader(images.open()))
    assert len(rows) == scores["full"]["images"] == 7
    assert [{key: row[key] for key in rows[0]} for row in again] == rows
    assert {"AbsRel", "images_nonfinite", *(["WHDR"] if structure else [])} <= scores["full"].keys()


def test_the_kind_of_a_run_is_that_of_its_loss(frames, tmp_path, capsys):
    """Recorded, scored by, and overruled only with a sentence."""
    folder, _ = own_test(tmp_path, frames, "loss=ssi", *TINY_NET)
    output = tmp_path / "scores.json"

    def told(*words):
        code = main([f"run={folder.path}", f"output={output}", *words])
        out = capsys.readouterr()
        return code, " ".join((out.out + out.err).split())

    assert recorded_kind(folder.path) is None
    assert determined_kind(folder) == "affine_depth", "by the configuration"
    folder.claim_kind(OutputKind.AFFINE_DEPTH)
    renew_done(folder.path)
    assert recorded_kind(folder.path) == "affine_depth"
    code, text = told()
    assert code == 0
    assert f"{folder.path.name} predicts depth up to scale and shift." in text
    assert set(json.loads(output.read_text())["kinds"].values()) == {"affine_depth"}
    assert json.loads((folder.path / "scores.json").read_text())["kind"] == "affine_depth"
    code, text = told("protocol=full", "protocol.alignment=none")
    assert code == 2
    assert "not a measure of depth up to scale and shift; append protocol.alignment=... (scale_shift," in text
    code, text = told("protocol=full", "kind=metric_depth")
    assert code == 0
    assert "its loss determines depth up to scale and shift only; kind= declares it as metric depth." in text
    assert json.loads(output.read_text())["kinds"] == {folder.path.name: "metric_depth"}
    assert "kind=affine_disparity does not fit" in told("kind=affine_disparity")[1]


def test_a_metric_run_may_be_scored_as_a_weaker_kind(frames, tmp_path, capsys):
    folder, _ = own_test(tmp_path, frames, *TINY_NET)
    assert main([f"run={folder.path}", "kind=scale_depth", "protocol=full", "protocol.alignment=median"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "predicts depth up to scale." in text
    assert "what kind= says" not in text


def test_a_protocol_that_is_no_measure_of_the_kind_is_refused_before_training(frames, tmp_path):
    for loss, sentence in {
        "loss=ssi": r"The loss \(ScaleShiftInvariant\) leaves scale and shift open. Protocol 'full' takes predictions",
        "loss._target_=depthbench.losses.Ranking": r"all but the order of depths open\. .*no alignment makes it one",
    }.items():
        with pytest.raises(UserError, match=sentence):
            own_test(tmp_path, frames, loss, "protocol.alignment=none", *TINY_NET)


def test_predictions_of_a_run_are_made_once(frames, tmp_path, monkeypatch, capsys):
    """Stored predictions equal those of the run's own test; other weights, batches or pixels are never served."""
    folder, _ = own_test(tmp_path, frames, *TINY_NET, "protocol.flip_average=true")
    asked, predictions = [], Network.predict

    def counted(network, image, mirror):
        asked.append(len(image))
        return predictions(network, image, mirror)

    monkeypatch.setattr(Network, "predict", counted)
    output, place = tmp_path / "scores.json", tmp_path / "maps"

    def scores(*words):
        asked.clear()
        assert main([f"run={folder.path}", f"output={output}", *words]) == 0
        (found,) = json.loads(output.read_text())["scores"].values()
        return found, sum(asked), " ".join(capsys.readouterr().out.split())

    own = read_scores(folder.path / "scores.json")
    assert scores()[:2] == (own, 7)
    assert not (tmp_path / ".predictions").exists(), "nobody named a place for maps"
    for passes in (7, 0):
        found, made, told = scores(f"cache={place}")
        assert (found, made) == (own, passes)
        assert f"{14 - 2 * passes} of 14 predictions were in" in told
    other = "protocol=full", "protocol.alignment=median", "protocol.flip_average=false"
    assert scores(f"cache={place}", *other)[1] == 0
    assert scores(f"cache={place}", "data.test_batch_size=2")[1] == 6  # the last frame is a batch of its own in both

    state = torch.load(folder.checkpoint)
    weights = state["state_dict"].items()
    torch.save({"state_dict": {name: 1.01 * value for name, value in weights}}, folder.checkpoint)
    retrained, made, _ = scores(f"cache={place}")
    assert made == 7
    assert retrained["full"]["AbsRel"] != own["full"]["AbsRel"]


def test_image_and_mirror_image_pass_the_network_once_each(frames, tmp_path, monkeypatch):
    """Plain and averaging protocols side by side."""
    monkeypatch.setattr(
        "depthbench.training.parts.build_protocols",
        lambda config: {
            name: EvalProtocol(name=name, flip_average=name == "averaged") for name in ("plain", "averaged")
        },
    )
    folder, passes = own_test(tmp_path, frames, *TINY_NET)
    assert sum(passes) == 2 * 7
    scores = read_scores(folder.path / "scores.json")
    assert scores["plain"]["AbsRel"] != scores["averaged"]["AbsRel"]
    assert math.isfinite(scores["averaged"]["AbsRel"])


def test_a_prediction_that_is_not_finite_is_null_and_counted(frames, tmp_path, monkeypatch, capsys):
    from depthbench.models import DepthNet

    plain = DepthNet.predict

    def spoiled(net, image):
        depth = plain(net, image).clone()
        depth[0, 0, 3, 4:7] = float("nan")
        return depth

    monkeypatch.setattr(DepthNet, "predict", spoiled)
    folder, _ = own_test(tmp_path, frames, *TINY_NET)
    text = (folder.path / "scores.json").read_text()
    own = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))["scores"]["full"]
    assert own["AbsRel"] is None
    assert own["RMSE"] is None
    assert (own["nonfinite"], own["images_nonfinite"]) == (3 * 3, 3)  # seven images in batches of three
    assert math.isnan(read_scores(folder.path / "scores.json")["full"]["AbsRel"])
    assert json.loads((folder.path / "DONE").read_text())["score"] is None
    assert main([f"run={folder.path}", f"output={tmp_path / 'scores.md'}"]) == 0
    sentence = "the errors of 9 pixels of 3 images are not finite (full), so means over them are not numbers."
    assert sentence in " ".join(capsys.readouterr().out.split())
    assert sentence in (tmp_path / "scores.md").read_text()


def test_a_run_of_an_earlier_version_is_scored_by_its_rules(frames, tmp_path):
    """Other names of classes and keys, a flat scores.json, no versions, and no checksums."""
    folder, _ = own_test(tmp_path, frames, *TINY_NET)
    (folder.path / "DONE").write_text('{"score": 0.5, "steps": 6}')
    path = folder.path / "config.yaml"
    former = path.read_text()
    for today, before in {
        "depthbench.protocols.EvalProtocol": "depthbench.metrics.Protocol",
        "depthbench.models.LogDepth": "depthbench.models.Log",
        "swap_prediction_and_truth:": "swapped:",
        "  fill_borders: none\n": "",
        "  version: 1\n": "",
        "name: full": "name: none",
    }.items():
        assert today in former
        former = former.replace(today, before)
    path.write_text(former)
    own = read_scores(folder.path / "scores.json")
    (folder.path / "scores.json").write_text(json.dumps({"none": own["full"]}))
    assert main([f"run={folder.path}", f"output={tmp_path / 'scores.json'}"]) == 0
    content = json.loads((tmp_path / "scores.json").read_text())
    (scores,) = content["scores"].values()
    assert scores == read_scores(folder.path / "scores.json") == {"none": own["full"]}
    assert content["protocols"]["none"]["version"] == 1
