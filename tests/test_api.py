"""The public API: what `import depthbench` offers, its record, and a trained network through it."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import depthbench
from depthbench.inference.network import untrained
from depthbench.runs.folder import RunFolder
from depthbench.training.trainer import train_and_test
from tests.commands import TINY_NET

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "data" / "api.txt"
SCORE_ARRAYS = importlib.import_module("depthbench.evaluation.arrays").score_arrays
K = [[50.0, 0, 19.5], [0, 50.0, 15.5], [0, 0, 1]]


def surface() -> str:
    """Every public name with its arguments, and the classes of the public packages."""
    lines = []
    for name in sorted(depthbench.__all__):
        found = getattr(depthbench, name)
        if inspect.ismodule(found) and name != "evaluate":
            lines += [f"{name}.{inner}" for inner in sorted(found.__all__)]
        elif callable(found) and not (inspect.isclass(found) and issubclass(found, Exception)):
            found = (
                importlib.import_module("depthbench.evaluation.arrays").score_arrays if name == "evaluate" else found
            )
            lines.append(f"{name}({', '.join(inspect.signature(found).parameters)})")
            if inspect.isclass(found):
                public = [inner for inner in vars(found) if not inner.startswith("_")]
                lines += [f"{name}.{inner}" for inner in sorted(public)]
        else:
            lines.append(name)
    return "\n".join(lines) + "\n"


def test_the_api_is_the_one_on_record():
    """A name that goes, or changes its arguments, breaks code of users: a change is a line in CHANGELOG."""
    assert surface() == RECORD.read_text()


def test_importing_it_is_light():
    code = "import sys, depthbench; print([m for m in ('torch', 'hydra', 'matplotlib', 'wandb') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="depthbench has no lode; it offers DepthEstimator"):
        _ = depthbench.lode


def test_the_command_of_the_same_name_does_not_hide_the_function():
    importlib.import_module("depthbench.evaluate")
    truths = np.random.default_rng(0).uniform(1, 5, (3, 16, 20))
    assert depthbench.evaluate(truths, truths).scores["full"]["AbsRel"] == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run on rooms."""
    from hydra import compose, initialize_config_dir

    from depthbench.config.compose import config_dir

    overrides = [*TINY_NET, "data.split=8", "data.size=[32,40]", "data.val=none", "data.test_frames=4"]
    overrides += ["data.batch_size=4", "data.cache=none", "trainer=cpu", "trainer.max_epochs=1", "logger=csv"]
    overrides += ["trainer.estimate=false", f"output={tmp_path_factory.mktemp('runs')}"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        folder = RunFolder.create(compose("config", overrides), overrides, {})
    train_and_test(folder, progress_bar=False)
    return folder


def test_one_network_from_a_run_a_checkpoint_and_an_exported_folder(run, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (45, 60, 3), dtype=np.uint8)
    expected = depthbench.load(run.path).predict(picture).depth
    assert expected.shape == (45, 60)
    assert np.isfinite(expected).all()
    alone = tmp_path / "moved.ckpt"
    alone.write_bytes(run.checkpoint.read_bytes())
    for source in (str(run.path), alone, depthbench.load(run.path).save_pretrained(tmp_path / "exported")):
        network = depthbench.load(source)
        np.testing.assert_array_equal(network.predict(picture).depth, expected)
        assert network.size == (32, 40)
        assert not network.net.training


def test_loading_leaves_the_random_state_alone(run):
    torch.manual_seed(5)
    depthbench.load(run.path)
    first = torch.rand(1)
    torch.manual_seed(5)
    depthbench.load(run.path)
    assert torch.equal(first, torch.rand(1))


def test_a_picture_a_file_and_a_batch_have_one_depth(tmp_path):
    import cv2

    network = untrained(*TINY_NET, "data.size=[32,40]")
    picture = np.random.default_rng(0).integers(0, 255, (32, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    batch = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].float() / 255
    expected = network.predict(picture)
    assert expected.points is None
    np.testing.assert_array_equal(network.predict(tmp_path / "a.png").depth, expected.depth)
    np.testing.assert_array_equal(network.predict(batch).depth[0, 0].numpy(), expected.depth)
    mirrored = network.predict(picture[:, ::-1].copy(), flip_average=True).depth
    np.testing.assert_allclose(network.predict(picture, flip_average=True).depth, mirrored[:, ::-1], rtol=1e-5)


def test_points_are_depth_along_the_rays():
    network = untrained(*TINY_NET, "data.size=[32,40]")
    depth, points = network.predict(np.zeros((32, 40, 3), np.uint8), K)
    assert points.shape == (32, 40, 3)
    np.testing.assert_array_equal(points[..., 2], depth)
    np.testing.assert_allclose(points[7, 30, 0], (30 - 19.5) / 50 * depth[7, 30], rtol=1e-5)
    np.testing.assert_allclose(points[7, 30, 1], (7 - 15.5) / 50 * depth[7, 30], rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "intrinsics", "sentence"),
    [
        (np.zeros((32, 40, 3)), None, "uint8 RGB"),
        (np.zeros((32, 40), np.uint8), None, "uint8 RGB"),
        (torch.zeros(3, 32, 40), None, "A batch is"),
        (torch.zeros(1, 3, 32, 40, dtype=torch.uint8), None, "A batch is"),
        (np.zeros((32, 40, 3), np.uint8), [1, 2, 3, 4], "Intrinsics are"),
    ],
)
def test_mistakes_are_sentences(image, intrinsics, sentence):
    with pytest.raises(depthbench.UserError, match=sentence):
        untrained(*TINY_NET, "data.size=[32,40]").predict(image, intrinsics)


def test_what_can_not_be_loaded_is_a_sentence(run, tmp_path):
    exported = depthbench.load(run.path).save_pretrained(tmp_path / "exported")
    weights = exported / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(depthbench.UserError, match="can't be loaded"):
        depthbench.load(exported)
    with pytest.raises(depthbench.UserError, match="holds something else"):
        depthbench.load(run.path).save_pretrained(run.path)
    (tmp_path / "x.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(depthbench.UserError, match=r"x\.ckpt"):
        depthbench.load(tmp_path / "x.ckpt")
    with pytest.raises(depthbench.UserError):
        depthbench.load(tmp_path / "nowhere")
