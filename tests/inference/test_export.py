"""The command `export`: the network of a run as ONNX, as pt2, and as a folder of weights with a card."""

import errno
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from hydra import compose
from safetensors.torch import load_file

import depthbench
from depthbench.config.compose import composing
from depthbench.data.frame import Batch
from depthbench.errors import UserError
from depthbench.export import main
from depthbench.inference.exported import onnx_file
from depthbench.inference.exported.fewer_bits import TriedFrames, cost
from depthbench.inference.exported.graph import metadata
from depthbench.inference.hub import CHECKOUT
from depthbench.inference.network import load, untrained
from depthbench.models import PredictModule
from depthbench.protocols import Declared, EvalProtocol
from depthbench.protocols.alignment import NAMED
from depthbench.results.of_runs import results_of_run
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import write_scores
from depthbench.training.loading import load_task
from depthbench.training.trainer import build_task
from tests.commands import TINY, make_frames
from tests.inference.fake_hub import Hub, hub


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    """A run with the checkpoint of an untrained network, and scores."""
    folder = tmp_path_factory.mktemp("runs")
    with composing():
        config = compose("config", [*TINY, f"data.root={make_frames(folder / 'data')}", f"output={folder}"])
    made = RunFolder.create(config, TINY, {})
    made.checkpoint.parent.mkdir()
    torch.save({"state_dict": build_task(made.config).state_dict()}, made.checkpoint)
    values = np.linspace(0.1, 0.3, 40)
    rows = [f"full,{number:03d},{value},{2 * value}" for number, value in enumerate(values)]
    (made.path / "per_image.csv").write_text("\n".join(["protocol,name,AbsRel,RMSE", *rows]) + "\n")
    write_scores(made.path / "scores.json", {"full": {}}, {"full": {"AbsRel": 0.2, "RMSE": 0.7}})
    return made


@pytest.fixture(scope="module", autouse=True)
def _written_once():
    """Write each network of one size only once for all tests: torch's exporter takes seconds."""
    write, kept = onnx_file._save, {}

    def save(net, path, size, sizes):
        digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in net.state_dict().values()))
        key = digest.hexdigest(), size, sizes
        if key not in kept:
            write(net, path, size, sizes)
            kept[key] = path.read_bytes()
        path.write_bytes(kept[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_file, "_save", save)
        yield


@pytest.mark.parametrize(
    ("size", "shape"), [([], (64, 64)), pytest.param(["size=33,65"], (33, 65), marks=pytest.mark.slow)]
)
def test_the_onnx_file_is_the_network_at_any_size(run, tmp_path, monkeypatch, capsys, size, shape):
    monkeypatch.chdir(run.path.parent)
    path = tmp_path / "new folder" / "net.onnx"
    assert main([f"run={run.path}", f"output={path}", *size]) == 0
    told = capsys.readouterr().out
    assert "any size; in onnxruntime within" in told
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("image", ["batch", 3, "height", "width"])]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("depth", ["batch", 1, "height", "width"])]
    net = load_task(run).net.eval()
    for count, seen in ((1, shape), (3, (shape[0] + 5, 97))):
        images = torch.rand(count, 3, *seen)
        (depth,) = session.run(["depth"], {"image": images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(depth), net.predict(images), rtol=1e-4, atol=1e-4)
    kept = session.get_modelmeta().custom_metadata_map
    assert kept["depth_space"] == "LogDepth"
    assert kept["kind"] == "metric depth"
    assert (kept["sizes"], kept["training_size"]) == ("any", f"{shape[0]}x{shape[1]}")
    assert kept["depthbench"] == depthbench.__version__
    assert [file.name for file in path.parent.iterdir()] == ["net.onnx"]


def test_a_network_that_can_be_written_for_one_size_only(run, tmp_path, monkeypatch, capsys):
    save = onnx_file._save

    def fails(net, path, size, sizes):
        if sizes == "any":
            raise RuntimeError("Constraints violated")
        save(net, path, size, sizes)

    monkeypatch.setattr(onnx_file, "_save", fails)
    assert main([f"run={run.path}", f"output={tmp_path / 'net.onnx'}"]) == 0
    assert "64x64 only" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 3, 64, 64]


@pytest.mark.slow
def test_a_transformer_keeps_its_depth(tmp_path):
    """Other runtimes interpolate position embeddings otherwise: 1 % of depth, where 1e-4 is promised."""
    network = untrained("model=dpt", "model.encoder.pretrained=false", "data.size=[56,70]")
    net = PredictModule(network.net).eval()
    told = onnx_file.export_onnx(net, tmp_path / "net.onnx", (56, 70), {"input": "image", "output": "depth"})
    assert told.startswith("56x70 only; in onnxruntime within")


@pytest.mark.parametrize("precision", ["fp16", pytest.param("int8", marks=pytest.mark.slow)])
def test_fewer_bits_are_told_with_their_cost(run, tmp_path, capsys, precision):
    assert main([f"run={run.path}", f"output={tmp_path / 'net.onnx'}", f"precision={precision}"]) == 0
    told = capsys.readouterr().out
    assert "test frames under full" in told
    after, before = (
        float(word) for word in told.split("AbsRel ")[1].replace("where the network has ", "").split(",")[0].split()
    )
    assert after == pytest.approx(before, rel=0.01 if precision == "fp16" else 0.2)
    full = 4 * sum(parameter.numel() for parameter in load_task(run).net.parameters())
    assert (tmp_path / "net.onnx").stat().st_size < 0.8 * full
    (depth,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"image": np.zeros((1, 3, 64, 64), "f4")})
    assert depth.dtype == np.float32


def test_the_pt2_file_is_the_network(run, tmp_path, capsys):
    path = tmp_path / "net.pt2"
    assert main([f"run={run.path}", f"output={path}"]) == 0
    assert "any size; in torch within" in capsys.readouterr().out
    extra = {"depthbench.json": ""}
    module = torch.export.load(path, extra_files=extra).module()
    images = torch.rand(1, 3, 48, 80)
    with torch.no_grad():
        torch.testing.assert_close(module(images), load_task(run).net.eval().predict(images), rtol=1e-5, atol=1e-5)
    assert json.loads(extra["depthbench.json"])["output"] == "depth: (B, 1, H, W), metres along the optical axis"


def test_the_folder_has_weights_a_configuration_and_a_card(run, tmp_path, capsys):
    assert main([f"run={run.path}", f"output={tmp_path / 'network'}"]) == 0
    assert "depthbench.load reads it" in capsys.readouterr().out
    weights = load_file(tmp_path / "network" / "model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in load_task(run).net.state_dict().items())
    card = (tmp_path / "network" / "README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert head["pipeline_tag"] == "depth-estimation"
    metrics = head["model-index"][0]["results"][0]["metrics"]
    assert {one["type"]: one["value"] for one in metrics} == {"AbsRel": 0.2, "RMSE": 0.7}
    # The mean of per_image.csv is 0.2 for AbsRel: an interval. For RMSE it is 0.4, not the score: none.
    assert "| full | 0.200 [0.1" in card
    assert "| 0.700 |" in card
    assert "over the 40 test images" in card


def test_what_is_exported_says_its_kind(tmp_path):
    """No file says metres where the network's loss leaves scale and shift open."""
    with composing():
        config = compose("config", [*TINY, "loss=ssi", "data.root=nowhere", f"output={tmp_path}"])
    run = RunFolder.create(config, TINY, {})
    task = build_task(run.config)
    run.checkpoint.parent.mkdir()
    torch.save({"state_dict": task.state_dict()}, run.checkpoint)
    told = metadata(run, (64, 96), load_task(run).output_kind)
    assert told["output_kind"] == "affine_depth"
    assert "metres" not in told["output"]
    network = load(load(run.path).save_pretrained(tmp_path / "folder"))
    assert network.kind == "affine_depth"
    card = (tmp_path / "folder" / "README.md").read_text()
    assert "Depth up to scale and shift from one picture" in card
    assert "metres" not in card
    with pytest.raises(UserError, match="depth up to scale and shift, which has no points; leave intrinsics out"):
        network.predict(np.zeros((8, 8, 3), np.uint8), np.eye(3))


def test_a_folder_of_half_the_size_has_the_same_depth(run, tmp_path, capsys):
    assert main([f"run={run.path}", f"output={tmp_path / 'network'}", "precision=fp16"]) == 0
    assert "test frames under full" in capsys.readouterr().out
    net = load_task(run).net.eval()
    stored = load_file(tmp_path / "network" / "model.safetensors")
    parameters = dict(net.named_parameters())
    assert all((value.dtype == torch.float16) == (name in parameters) for name, value in stored.items())
    again = load(tmp_path / "network").task.net.eval()
    assert {value.dtype for value in again.parameters()} == {torch.float32}
    images = torch.rand(2, 3, 48, 80)
    with torch.no_grad():
        torch.testing.assert_close(again.predict(images), net.predict(images), rtol=0.01, atol=0)


def test_an_exported_folder_does_not_name_the_weights_that_training_began_with(tmp_path):
    network = untrained("model.encoder.name=test_resnet")
    network.config = {**network.config, "model": {**network.config["model"], "pretrained": "/disk/weights.pth"}}
    network.save_pretrained(tmp_path / "network")
    assert "/disk" not in (tmp_path / "network" / "config.json").read_text()


RELEASED = sorted(path.parent.name for path in CHECKOUT.glob("*/config.json"))


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_network_is_small_and_loads_by_name(name):
    assert (CHECKOUT / name / "model.safetensors").stat().st_size < 25e6
    network = load(name)
    assert "[" in (CHECKOUT / name / "README.md").read_text()  # intervals
    depth = network.predict(np.random.default_rng(0).integers(0, 255, (61, 83, 3), dtype=np.uint8)).depth
    assert depth.shape == (61, 83)
    assert 0 < depth.min() < depth.max() < 50


def test_the_list_of_released_networks_has_each_with_its_checksum():
    text = (CHECKOUT / "README.md").read_text()
    for name in RELEASED:
        digest = hashlib.sha256((CHECKOUT / name / "model.safetensors").read_bytes()).hexdigest()
        assert f"`{name}`" in text
        assert digest in text


def test_a_weight_that_16_bits_do_not_hold_is_refused(tmp_path):
    network = untrained("model.encoder.name=test_resnet")
    with torch.no_grad():
        next(network.net.parameters()).fill_(1e6)
    with pytest.raises(UserError, match="do not fit into 16 bits"):
        network.save_pretrained(tmp_path / "network", half=True)
    assert not (tmp_path / "network" / "model.safetensors").exists()


def test_intervals_of_a_card_are_those_of_the_mean(run):
    (result,) = results_of_run(run.path, "rooms")
    values = np.linspace(0.1, 0.3, 40)
    half = 1.96 * values.std(ddof=1) / np.sqrt(40)
    assert result.data.images == 40
    assert result.limits["AbsRel"] == pytest.approx((0.2 - half, 0.2 + half), abs=0.1 * half)


UPLOAD = """
import shutil, sys, torch, depthbench
run, cache = sys.argv[1:]
network = depthbench.load(run)
name = network.push_to_hub("somebody/rooms")
again = depthbench.load(name)
assert all(map(torch.equal, network.net.state_dict().values(), again.net.state_dict().values()))
for wrong in ("hub:somebody/nothing", "hub:a/b/c"):
    try:
        depthbench.load(wrong)
    except depthbench.UserError as error:
        print(error, flush=True)
input("there\\n")
shutil.rmtree(cache)  # and the hub is gone
try:
    depthbench.load(name)
except depthbench.UserError as error:
    print(error)
"""


@pytest.mark.processes
def test_up_to_a_hub_and_down_again(run, tmp_path):
    """The test starts an interpreter of its own: the hub's client reads its address when it is imported."""
    cache = tmp_path / "cache"
    told = {"HF_HOME": str(cache), "HF_TOKEN": "none", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with (tmp_path / "errors").open("w") as errors:
        with hub() as address:
            process = subprocess.Popen(
                [sys.executable, "-c", UPLOAD, str(run.path), str(cache)],
                env={**os.environ, **told, "HF_ENDPOINT": address},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            lines = []
            while not lines or lines[-1] not in ("there\n", ""):
                lines.append(process.stdout.readline())
            assert sorted(Hub.repositories["somebody/rooms"]) == ["README.md", "config.json", "model.safetensors"]
        last, _ = process.communicate("\n", timeout=300)
    assert process.returncode == 0, (tmp_path / "errors").read_text()
    assert "hub:somebody/nothing: the hub has no such network" in "".join(lines)
    assert "hub:a/b/c is not a name on the hub" in "".join(lines)
    assert "the hub can't be reached" in last


def test_a_released_network_comes_from_a_mirror_by_name(run, tmp_path, monkeypatch):
    load(run.path).save_pretrained(tmp_path / "rooms-small")
    monkeypatch.setenv("DEPTHBENCH_MIRROR", str(tmp_path))
    assert load("rooms-small").size == (64, 64)
    with pytest.raises(UserError, match="rooms-large"):
        load("rooms-large")


@pytest.mark.parametrize("name", ["net.onnx", pytest.param("net.pt2", marks=pytest.mark.slow)])
def test_a_file_that_gives_other_depth_is_not_kept(run, tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr("depthbench.inference.exported.graph.TOLERANCE", -1.0)
    assert main([f"run={run.path}", f"output={tmp_path / name}"]) == 2
    assert "was not written: its depth differs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_the_networks_fault(tmp_path, monkeypatch):
    tried = []

    def full(net, path, size, sizes):
        tried.append(sizes)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(onnx_file, "_save", full)
    with pytest.raises(UserError, match=r"net\.onnx can't be written: the disk is full"):
        onnx_file.export_onnx(None, tmp_path / "net.onnx", (32, 32), {})
    assert tried == ["any"]  # a file for one size would not be what a disk with room gets


def test_a_missing_package_is_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main([f"run={run.path}", f"output={tmp_path / 'net.onnx'}"]) == 2
    assert "pip install onnxscript" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["output=net.jit"], "is not a file of a known format"),
        (["output=net.onnx", "format=pt2"], "does not suit format=pt2"),
        (["output=net.onnx", "format=tflite"], "is not a file of a known format"),
        (["output=net.onnx", "precision=int4"], "choose fp32, fp16 or int8"),
        (["output=net.pt2", "precision=int8"], "is of ONNX files"),
        (["output=network", "precision=int8"], "is of ONNX files"),
        (["output=net.onnx", "push=a/b"], "push uploads format=safetensors"),
        (["output=net.onnx", "precision=int8", "size=32,32"], "leave size out"),
    ],
)
def test_mistakes_get_a_sentence(run, capsys, asked, said):
    assert main([f"run={run.path}", *asked]) == 2
    assert said in capsys.readouterr().err


def test_the_cost_of_fewer_bits_knows_the_kind_of_the_output():
    """Disparity is aligned as disparity: a network that is right up to scale and shift has no error."""
    truth = 1 + 4 * torch.rand(2, 1, 12, 16, generator=torch.Generator().manual_seed(0))
    protocol = EvalProtocol(name="x", alignment=NAMED["disparity"])
    frames = TriedFrames([Batch(truth.expand(-1, 3, -1, -1), truth, None, ["a", "b"])], protocol)

    def disparity(images):
        return 0.3 / images[:, :1] + 0.1

    before, after = cost(frames, disparity, lambda images: disparity(images).numpy(), Declared("disparity"))
    assert max(before, after) < 1e-4
    assert cost(frames, disparity, lambda images: disparity(images).numpy())[0] > 0.05
