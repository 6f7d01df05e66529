"""The trainings that are tortured, tiny ones of each kind, and what an undisturbed one leaves."""

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depthbench.errors import UserError
from depthbench.files import PART
from depthbench.training.checkpoint_file import steps_in, to_resume
from tests.commands import TINY_NET, TINY_RUN, TINY_TWO_STREAM, make_frames

# Of 13 frames, passes begin in the middle of a batch of 4; stochastic depth draws random numbers.
COMMON = ["data.val=test", "data.split=13", "data.test_frames=6", "trainer.max_epochs=2"]
DROP = "+model.encoder.options={drop_path_rate:0.5}"
ADVERSARIAL = [
    "loss=mehrzadeh2020_adversarial",
    "model.space._target_=depthbench.models.MetricDepth",
    "task.buffer_size=3",
]
DDP = ["trainer.devices=2", "trainer.strategy=ddp", "data.test_batch_size=2"]
KINDS = {
    "plain": ["loss=l1", DROP],
    "loaders": ["loss=l1", DROP, "data.workers=2"],
    "accumulated": ["loss=l1", "trainer.accumulate_grad_batches=2"],
    "rebalanced": ["loss=lee2020"],
    "uncertainty": ["loss=lee2020_all_uncertainty"],
    "adversarial": ADVERSARIAL,
    "staged": [*TINY_TWO_STREAM, "loss=li2017_set", "data.size=[48,48]", "data.test_frames=2", "trainer.max_epochs=3"],
    "two": ["loss=l1", DROP, *DDP],
    "two adversarial": [*ADVERSARIAL, *DDP],
    "sweep": ["-m", "loss=l1,eigen"],
    "sweep of three": ["-m", "loss=l1,berhu,gan", "trainer.max_epochs=1"],
}
# A training that the disk part tries at every write of "plain" is as short as it can be in a sweep.
EVERY = KINDS | {"short sweep": ["-m", "loss=l1,eigen", "trainer.max_epochs=1", "data.split=8"]}


def epochs(kind: str) -> int:
    """The epochs of a kind of training."""
    words = [word for word in (*COMMON, *EVERY[kind]) if word.startswith("trainer.max_epochs=")]
    return int(words[-1].partition("=")[2])


def arguments(kind: str, frames: Path) -> list[str]:
    """The arguments that a user types for a kind of training."""
    net = [] if kind == "staged" else TINY_NET
    return [*TINY_RUN, f"data.root={frames}", *COMMON, *net, *EVERY[kind]]


def is_alone(kind: str) -> bool:
    """Whether a training is one process, without loaders."""
    return not {"-m", "data.workers=2", *DDP} & set(EVERY[kind])


def frames_in(folder: Path) -> Path:
    """The pictures that all of them learn from."""
    return make_frames(folder, train=13, test=6)


def left(place: Path) -> dict[str, dict[str, Any]]:
    """The results of the runs in a place, by run folder and file, without times: equal means equal to the last bit."""
    return {folder.name: _content(folder) for folder in sorted(place.glob("runs/*")) if folder.is_dir() and
            folder.name[0] != "."}  # fmt: skip


def differences(wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The differences of two results of :func:`left`, in words."""
    if wanted.keys() != found.keys():
        return [f"run folders are {sorted(found)} instead of {sorted(wanted)}"]
    return [
        f"{folder[-8:]}: {name} {'differs' if name in files and name in found[folder] else 'is there or is not'}"
        for folder, files in wanted.items()
        for name in sorted(files.keys() | found[folder].keys())
        if files.get(name) != found[folder].get(name)
    ]


def _content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if name == "log.txt" or file.is_dir():
            continue
        found[name] = content(file)
    return found


def content(file: Path) -> Any:
    """The content of a file of a run folder, without times; half-written and strange files to the last byte."""
    if not file.is_file():
        return "no regular file"
    read = _hash if file.name.startswith(PART) else _READERS.get(file.name, _READERS.get(file.suffix, _hash))
    try:
        return read(file)
    except Exception as error:  # whatever a reader says of a file that is no longer one
        return f"{type(error).__name__}, {_hash(file)}"


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _nothing(file: Path) -> str:
    return "there"


def _table(file: Path) -> list[dict[str, str]]:
    """Rows without the speed of the machine."""
    with file.open(newline="") as text:
        rows = [{k: v for k, v in row.items() if k[:6] != "speed/" and v} for row in csv.DictReader(text)]
    return [row for row in rows if row.keys() - {"epoch", "step"}]


def _done(file: Path) -> dict[str, Any]:
    told = json.loads(file.read_text())
    return {"score": told["score"], "steps": told["steps"]}


def _arrays(file: Path) -> str:
    with np.load(file) as arrays:
        return _digest({name: arrays[name] for name in arrays.files})


def _checkpoint(file: Path) -> dict[str, str]:
    """Weights, optimizers, buffers, counters, random numbers: all but seconds."""
    state = torch.load(file, weights_only=True)
    state["callbacks"].pop("StatusReporter", None)
    state["callbacks"].pop("LastCheckpoint", None)
    return {name: _digest(part) for name, part in state.items() if name != "loops"}


def _digest(node: Any) -> str:
    found = hashlib.sha256()
    _feed(node, found)
    return found.hexdigest()


def _feed(node: Any, found: Any) -> None:
    if isinstance(node, Mapping):
        for key in sorted(node, key=str):
            found.update(repr(key).encode())
            _feed(node[key], found)
    elif isinstance(node, list | tuple):
        found.update(b"[")
        for item in node:
            _feed(item, found)
    elif isinstance(node, torch.Tensor):
        found.update(node.contiguous().flatten().view(torch.uint8).numpy().tobytes() if node.numel() else b"empty")
    elif isinstance(node, np.ndarray):
        found.update(repr(node.tolist()).encode() if node.dtype.kind in "OU" else node.tobytes())
    else:
        found.update(repr(node).encode())


_READERS = {
    "metrics.csv": _table, "DONE": _done, "status.json": _nothing, "run.json": _nothing, ".lock": _nothing,
    ".npz": _arrays, ".ckpt": _checkpoint,
}  # fmt: skip


def progress(place: Path) -> dict[str, float]:
    """Steps in the checkpoint of each run folder, infinity where the run is done.

    Raises:
        UserError: if a checkpoint is damaged.
    """
    steps: dict[str, float] = {}
    for folder in place.glob("runs/*/"):
        if (folder / "DONE").exists():
            steps[folder.name] = float("inf")
            continue
        found = to_resume(folder / "checkpoints" / "last.ckpt")
        if found is not None:
            if found.sentence:
                raise UserError(found.sentence)
            steps[folder.name] = steps_in(found.state)
    return steps


def fresh(place: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place
