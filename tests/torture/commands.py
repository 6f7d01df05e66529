"""Commands beside trainings that write: what they are given, where they write, what they leave."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.torture import kinds

# What these write holds dates or identifiers of their own: they are compared by name.
DATED = (".html", ".pdf", ".png", ".svg", ".json", ".md")
SMALL = "data=nyu_labeled data.root={frames} data.size=[32,32] data.scale=0.001 data.split=13 data.test_frames=6"
CACHE = f"cache {SMALL} workers=1 output=out/cache"
COMMANDS = {
    "report": ("depthbench.report.__main__", "{runs} --output out/page.html"),
    "predict": ("depthbench.predict", "run={run} input={photos} output=out save=png,npy,color device=cpu"),
    "evaluate": (
        "depthbench.evaluate",
        "run={run} output=out/scores.json,out/scores.csv,out/scores.md per_image=out/images.csv device=cpu",
    ),
    "export": ("depthbench.export", "run={run} output=out/net.onnx"),
    "prepare cache": ("depthbench.prepare.__main__", CACHE),
    "prepare cache as JPEG": ("depthbench.prepare.__main__", f"{CACHE} quality=90"),
}


def work(name: str, place: Path, whole: Path, frames: Path) -> Callable[[], Any]:
    """The work of a fork for a command.

    Args:
        name: of the command.
        place: where it runs; it writes below ``out``.
        whole: the place of an undisturbed training.
        frames: pictures.
    """
    import importlib

    (run,) = whole.glob("runs/*/")
    told = {"runs": whole / "runs", "run": run, "frames": frames, "photos": frames / "photos"}
    module, words = COMMANDS[name]
    (place / "out").mkdir(exist_ok=True)  # here, where it is no event of the command

    def do() -> None:
        os.chdir(place)
        raise SystemExit(importlib.import_module(module).main([word.format(**told) for word in words.split()]))

    return do


def left(place: Path) -> dict[str, dict[str, Any]]:
    """Files that a command wrote, with what is in them unless that has a date in it; of networks the weights."""
    files = sorted(file for file in (place / "out").rglob("*") if file.is_file() and file.name != ".lock")
    return {"out": {str(file.relative_to(place)): _content(file) for file in files}}


def _content(file: Path) -> str:
    if file.suffix == ".onnx":
        return _weights(file)
    dated = file.suffix in DATED and "cache" not in str(file.parent)
    return "" if dated else hashlib.sha256(file.read_bytes()).hexdigest()


def _weights(file: Path) -> str:
    import onnx

    try:
        weights = onnx.load(file).graph.initializer
    except Exception as error:  # protobuf's own
        return f"damaged: {error}"
    return hashlib.sha256(b"".join(sorted(one.SerializeToString() for one in weights))).hexdigest()


def photos_in(frames: Path) -> None:
    """Two photos to predict depth for."""
    folder = kinds.fresh(frames / "photos")
    for index in range(2):
        (folder / f"{index}.png").write_bytes((frames / "test" / f"rgb_{index:05d}.png").read_bytes())
