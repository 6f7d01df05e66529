"""The command `export`: the network of a run as ONNX."""

import onnxruntime
import pytest
import torch
from hydra import compose

from depthbench.config.compose import composing
from depthbench.export import main
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task
from depthbench.training.trainer import build_task
from tests.commands import TINY


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    """A run with the checkpoint of an untrained network."""
    with composing():
        config = compose("config", [*TINY, "data.root=none", f"output={tmp_path_factory.mktemp('runs')}"])
    folder = RunFolder.create(config, TINY, {})
    folder.checkpoint.parent.mkdir()
    torch.save({"state_dict": build_task(folder.config).state_dict()}, folder.checkpoint)
    return folder


@pytest.mark.parametrize(("size", "shape"), [([], (64, 64)), (["size=33,65"], (33, 65))])
def test_the_file_is_the_network(run, tmp_path, monkeypatch, capsys, size, shape):
    monkeypatch.chdir(run.path.parent)
    path = tmp_path / "new folder" / "net.onnx"
    digest = run.path.name.rpartition("-")[2]
    assert main([f"run={run.path}" if size else f"run={run.path.parent}", f"output={path}", *size]) == 0
    assert digest in run.path.name
    told = capsys.readouterr().out
    assert f"image (B, 3, {shape[0]}, {shape[1]}) to depth (B, 1, {shape[0]}, {shape[1]}) in metres" in told
    assert "in onnxruntime within" in told
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["image"]
    assert [one.name for one in session.get_outputs()] == ["depth"]
    net = load_task(run).net.eval()
    for count in (1, 3):
        images = torch.rand(count, 3, *shape)
        (depth,) = session.run(["depth"], {"image": images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(depth), net.predict(images), rtol=1e-4, atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["net.onnx"]


def test_a_file_that_gives_other_depth_is_not_kept(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("depthbench.inference.export.TOLERANCE", -1.0)
    assert main([f"run={run.path}", f"output={tmp_path / 'net.onnx'}"]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main([f"run={run.path}", f"output={tmp_path / 'net.onnx'}"]) == 2
    assert "pip install onnxscript" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("output=net.pt2", "end it in .onnx"),
        ("size=64", "size=64 is not HEIGHT,WIDTH"),
        ("sise=64,64", "did you mean size?"),
    ],
)
def test_mistakes(run, capsys, wrong, sentence):
    assert main([f"run={run.path}", "output=net.onnx", wrong]) == 2
    assert sentence in capsys.readouterr().err
