"""Networks that are not of this bench: a transformers model, an ONNX file and a function, scored side by side.

    pip install 'depthbench[models]'
    python examples/foreign_models.py FOLDER

Works in FOLDER with the commands that one would type, without a network; it ends with an error where a command does
otherwise.
"""

import json
import os
from pathlib import Path

from journeys import command, start

SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[48,64]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=4", "trainer=smoke", "trainer.estimate=false"]

FUNCTION = '''"""Depth from the height in the picture: floors are near, walls are far."""

import numpy as np


def predict(rgb):
    """RGB (H, W, 3) in [0, 1] to depth (H, W) of unknown scale."""
    height, width = rgb.shape[:2]
    return np.repeat(np.linspace(2, 1, height)[:, None], width, 1)


predict.kind, predict.version = "scale_depth", 1


def broken(rgb):
    """What must not be scored."""
    return np.full(rgb.shape[:2], np.nan)
'''


def tiny_model(folder: str) -> None:
    """A Depth Anything as transformers saves it, as small as it gets and with random weights."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessor

    stages = ["stage1", "stage2", "stage3", "stage4"]
    encoder = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        out_features=stages,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=encoder,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    processor = DPTImageProcessor(size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14)
    processor.save_pretrained(folder)


def journey() -> None:
    """From three networks to one table."""
    tiny_model("anything")
    Path("mine.py").write_text(FUNCTION)
    command("run", *SMALL, "logger=csv")
    command("export", "run=latest", "output=net.onnx")

    # Side by side under every protocol that fits what the weakest of them knows.
    networks = "model=hf:anything,onnx:net.onnx,python:mine:predict"
    data = ["data=rooms", "data.test_frames=4", "data.size=[48,64]"]
    kinds = {"hf:anything": "affine_disparity", "onnx:net.onnx": "metric_depth", "python:mine:predict": "scale_depth"}
    first = command("evaluate", *data, networks, "protocol=all", "output=scores.json")
    content = json.loads(Path("scores.json").read_text())
    if content["kinds"] != kinds or not content["protocols"] or "0 of 12 predictions were in" not in first:
        raise SystemExit("The table is not of these networks.")

    # Again, with other scores: nothing is predicted anew.
    again = command("evaluate", *data, networks, "protocol=all", "structure=edges", "output=again.json")
    if "12 of 12 predictions were in" not in again:
        raise SystemExit("Predictions were not found again.")

    # The run itself, and its ONNX file, have the same scores.
    command("evaluate", "run=latest", *data, "protocol=rooms", "device=cpu", "output=run.json")
    command("evaluate", *data, "model=onnx:net.onnx", "protocol=rooms", "output=onnx.json")
    run, file = (json.loads(Path(name).read_text())["scores"] for name in ("run.json", "onnx.json"))
    (run,), (file,) = run.values(), file.values()
    if abs(run["rooms"]["AbsRel"] - file["rooms"]["AbsRel"]) > 1e-3:
        raise SystemExit("The ONNX file has other scores than its run.")

    # What can't be scored is told.
    command("evaluate", *data, "model=python:mine:broken", refused="does not declare its kind of output")
    broken = ["model=python:mine:broken", "kind=metric_depth"]
    command("evaluate", *data, *broken, refused="pixels that are NaN or infinite")
    command("evaluate", *data, "model=hf:nothing-here", refused="hf:nothing-here")


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    start(journey, __doc__)
