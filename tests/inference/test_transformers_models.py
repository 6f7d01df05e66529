"""Depth models of transformers, tiny ones with random weights, from folders: no network is needed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.model_source import ModelOptions, read_source
from depthbench.inference.foreign import open_model
from depthbench.output_kinds import OutputKind

CPU = torch.device("cpu")
RGB = np.random.default_rng(0).integers(0, 255, (45, 61, 3), dtype=np.uint8)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs transformers: pip install 'depthbench\[models\]'"):
        open_model(read_source("hf:somebody/depth"), ModelOptions(), CPU)


transformers = pytest.importorskip("transformers", reason="transformers is not here: pip install 'depthbench[models]'")

DINO = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 56, "patch_size": 14}
DINO |= {"out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False}
NECK = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}
SIZES = {"size": {"height": 56, "width": 56}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}


def anything(estimation: str):
    config = transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(**DINO),
        reassemble_hidden_size=16,
        patch_size=14,
        head_hidden_size=4,
        depth_estimation_type=estimation,
        max_depth=20,
        **NECK,
    )
    return transformers.DepthAnythingForDepthEstimation(config), transformers.DPTImageProcessor(**SIZES)


def dpt():
    config = transformers.DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        is_hybrid=False,
        **NECK,
    )
    processor = transformers.DPTImageProcessor(size={"height": 32, "width": 32})
    return transformers.DPTForDepthEstimation(config), processor


def dpt_of_dinov2():
    config = transformers.DPTConfig(
        backbone_config=transformers.Dinov2Config(**{**DINO, "reshape_hidden_states": False}), is_hybrid=False, **NECK
    )
    return transformers.DPTForDepthEstimation(config), transformers.DPTImageProcessor(**SIZES)


def glpn():
    small = {"num_encoder_blocks": 4, "depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 8, 8], "decoder_hidden_size": 8}
    config = transformers.GLPNConfig(num_attention_heads=[1, 1, 1, 1], **small)
    return transformers.GLPNForDepthEstimation(config), transformers.GLPNImageProcessor()


MODELS = {
    "anything": (lambda: anything("relative"), OutputKind.AFFINE_DISPARITY),
    "anything-metric": (lambda: anything("metric"), OutputKind.METRIC_DEPTH),
    "dpt": (dpt, OutputKind.AFFINE_DISPARITY),
    "glpn": (glpn, OutputKind.METRIC_DEPTH),
}


def saved(make, folder: Path) -> Path:
    torch.manual_seed(0)
    model, processor = make()
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, (make, _) in MODELS.items():
        saved(make, root / name)
    return root


@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_as_the_librarys_own_pipeline(name, folders):
    from PIL import Image

    model = open_model(read_source(f"hf:{folders / name}"), ModelOptions(), CPU)
    assert model.kind == MODELS[name][1]
    pipeline = transformers.pipeline("depth-estimation", model=str(folders / name), device="cpu")
    expected = pipeline(Image.fromarray(RGB))["predicted_depth"].squeeze().numpy()
    found = model(RGB, None)
    assert found.shape == (45, 61)
    assert np.ptp(found) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_type_that_is_trained_for_several_kinds_must_be_said(folders, tmp_path):
    source = read_source(f"hf:{saved(dpt_of_dinov2, tmp_path / 'dinov2')}")
    with pytest.raises(UserError, match="does not declare its kind of output; append kind="):
        open_model(source, ModelOptions(), CPU)
    assert open_model(source, ModelOptions(OutputKind.METRIC_DEPTH), CPU).kind == OutputKind.METRIC_DEPTH
    midas = read_source(f"hf:{folders / 'dpt'}")
    assert open_model(midas, ModelOptions(OutputKind.METRIC_DEPTH), CPU).notes == []
    assert "is taken from its type dpt" in open_model(midas, ModelOptions(), CPU).notes[0]
    with pytest.raises(UserError, match="declares that it predicts metric depth, not kind=affine_disparity"):
        open_model(read_source(f"hf:{folders / 'glpn'}"), ModelOptions(OutputKind.AFFINE_DISPARITY), CPU)


def test_other_weights_are_another_model(folders, tmp_path):
    source = read_source(f"hf:{folders / 'glpn'}")
    first = open_model(source, ModelOptions(), CPU).identity
    assert open_model(source, ModelOptions(), CPU).identity == first
    torch.manual_seed(1)
    model, processor = glpn()
    with torch.no_grad():
        next(model.parameters()).add_(1e-3)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert open_model(read_source(f"hf:{tmp_path}"), ModelOptions(), CPU).identity != first


def test_folders_that_hold_no_depth_model(folders, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"holds no config\.json"):
        open_model(read_source(f"hf:{tmp_path}"), ModelOptions(), CPU)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="can't be loaded as a depth model"):
        open_model(read_source(f"hf:{tmp_path}"), ModelOptions(), CPU)
    broken = saved(glpn, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes((broken / "model.safetensors").read_bytes()[:200])
    with pytest.raises(UserError, match="can't be loaded as a depth model"):
        open_model(read_source(f"hf:{broken}"), ModelOptions(), CPU)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="hf:nobody/depth-of-nothing: the hub can't be reached"):
        open_model(read_source("hf:nobody/depth-of-nothing"), ModelOptions(), CPU)
    with pytest.raises(UserError, match="hf:a/b/c is not a name on the hub"):
        open_model(read_source("hf:a/b/c"), ModelOptions(), CPU)


def test_a_model_is_scored_under_every_protocol_that_fits(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["data=rooms", "data.test_frames=2", "data.size=[48,64]", "protocol=all", "output=scores.json"]
    assert main([*command, f"model=hf:{folders / 'anything'}"]) == 0
    content = json.loads(Path("scores.json").read_text())
    assert content["kinds"] == {"hf:anything": "affine_disparity"}
    assert all(one["alignment"]["fit"] != "none" for one in content["protocols"].values())
    assert "is not a measure of" in " ".join(content["refused"].values())
    assert "hf:anything predicts disparity up to scale and shift." in capsys.readouterr().out
