"""The command `predict` by networks that are not of this bench."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthbench.config import plugins
from depthbench.palette import MISSING, colorize
from depthbench.predict import main

RGB = np.random.default_rng(0).integers(10, 250, (20, 30, 3), dtype=np.uint8)
MODULE = """
import numpy as np

def depth(rgb): return 1 + rgb[..., 0] + np.linspace(0, 1, rgb.shape[1])
def disparity(rgb): return rgb[..., 1] - 0.5
def half(rgb): return depth(rgb)[::2, ::2]
def camera(rgb, intrinsics): return np.full(rgb.shape[:2], intrinsics[0, 0] + intrinsics[0, 2] / 100)
def nothing(rgb): return np.full(rgb.shape[:2], np.nan)
def small(rgb): return rgb[:10, :10, 0]
depth.kind = camera.kind = nothing.kind = "metric_depth"
disparity.kind = "affine_disparity"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_opened", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_to_predict.py").write_text(MODULE)
    cv2.imwrite("photo.png", RGB[..., ::-1])
    yield tmp_path
    sys.modules.pop("mine_to_predict", None)


def predict(name: str, *more: str, output: str = "out") -> int:
    return main([f"model=python:mine_to_predict:{name}", "input=photo.png", f"output={output}", *more])


def by_hand(rgb: np.ndarray) -> np.ndarray:
    return 1 + rgb[..., 0] / 255 + np.linspace(0, 1, rgb.shape[1])


def test_metric_depth_is_written_as_of_a_run(place, capsys):
    assert predict("depth", "save=png,npy,color,ply", "intrinsics=20,20,15,10") == 0
    expected = by_hand(RGB)
    np.testing.assert_allclose(np.load("out/npy/photo.npy"), expected, rtol=1e-6)
    written = cv2.imread("out/png/photo.png", cv2.IMREAD_UNCHANGED)
    assert np.abs(written - 1000 * expected).max() <= 0.5 + 1e-3
    assert Path("out/ply/photo.ply").read_bytes().startswith(b"ply")
    assert f"{expected.min():.2f} to {expected.max():.2f} m" in capsys.readouterr().out


def test_disparity_is_written_as_it_is_and_colored_by_its_range(place, capsys):
    assert predict("disparity") == 0
    assert not Path("out/png").exists()
    values = RGB[..., 1] / 255 - 0.5
    np.testing.assert_allclose(np.load("out/npy/photo.npy"), values, atol=1e-6)
    shown = cv2.imread("out/color/photo.png")[..., ::-1]
    far, near = np.quantile(values.astype(np.float32).astype(float), (0.01, 0.99))
    expected = colorize((near - values) / (near - far), 1.0, "turbo_r")
    assert (shown == expected).all(-1).mean() > 0.99  # elsewhere rounding chose the next color
    assert not (shown == MISSING).all(-1).any()  # half of the values are negative
    told = capsys.readouterr().out
    assert "npy holds disparity up to scale and shift" in told
    assert " m\n" not in told


def test_mirrors_sizes_and_cameras(place):
    assert predict("depth", "save=npy", "flip_average=true") == 0
    np.testing.assert_allclose(np.load("out/npy/photo.npy"), 1.5 + RGB[..., 0] / 255, rtol=1e-6)
    assert predict("half", "save=npy", "kind=metric_depth", output="half") == 0
    found = np.load("half/npy/photo.npy")
    assert found.shape == (20, 30)
    np.testing.assert_allclose(found[0, 0], by_hand(RGB)[0, 0], rtol=1e-6)
    camera = "intrinsics=20,20,12,10"
    assert predict("camera", "save=npy", camera, output="camera") == 0
    np.testing.assert_allclose(np.load("camera/npy/photo.npy"), 20.12, rtol=1e-6)
    assert predict("camera", "save=npy", camera, "flip_average=true", output="mirrored") == 0
    np.testing.assert_allclose(np.load("mirrored/npy/photo.npy"), 20 + (0.12 + 0.17) / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("disparity", ["save=png"], "predicts disparity up to scale and shift, but png holds metres; append save=npy"),
        ("half", [], "does not declare its kind of output; append kind="),
        ("depth", ["run=latest"], "Give one of run=RUN_FOLDER and model=SOURCE"),
        ("depth", ["size=10,10"], "size= is of model=onnx:FILE"),
        ("depth", ["range=0..2"], "range=0..2 is unknown; choose 0..1, 0..255, imagenet"),
        ("depth", ["kind=meters"], "Predictions can be metric_depth"),
        ("deep", [], "mine_to_predict has no deep"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(name, more, sentence, place, capsys):
    assert predict(name, *more) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nothing", "all pixels are NaN or infinite"), ("small", "is 10x10, the picture 20x30: not of its shape")],
)
def test_a_picture_that_fails_is_named_and_passed_over(name, sentence, place, capsys):
    assert predict(name, "kind=metric_depth") == 1
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.err.startswith("photo.png: ")


def test_no_folder_holds_depth_of_two_models(place, capsys):
    assert predict("depth", "save=npy") == 0
    assert predict("disparity", "save=npy") == 2
    assert "out was made with another model; choose another folder" in capsys.readouterr().err
