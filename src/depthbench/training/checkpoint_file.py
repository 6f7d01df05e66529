"""Checkpoints on disk: written beside, verified and renamed; the one before is kept; damage is noticed."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning_fabric.utilities.types import _PATH

from depthbench.errors import UserError
from depthbench.files import clean, told_unwritable, whole
from depthbench.input_files import verify_archive

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class Resumed(NamedTuple):
    """A checkpoint to go on from, its content, and a sentence if it is not the last one."""

    path: Path
    state: dict[str, Any]
    sentence: str


def read(path: Path, needed: Collection[str] = ("state_dict", "loops", "callbacks")) -> dict[str, Any]:
    """The content of a checkpoint, its checksums compared, tensors left on disk until they are used.

    Args:
        path: of the file.
        needed: its parts without which it is of no use; by default those to go on with training.

    Raises:
        UserError: if the file is damaged, or no checkpoint of a run.
    """
    verify_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises whatever its parts do on strange files
        problem = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"{path} is damaged ({problem}).") from None
    if not (isinstance(content, dict) and set(needed) <= set(content)):
        raise UserError(f"{path} is not a checkpoint of a run.")
    return content


def to_resume(last: Path) -> Resumed | None:
    """The checkpoint to go on from; None at the beginning.

    Raises:
        UserError: if there is none that can be read.
    """
    found = [path for path in (last, last.with_name(PREVIOUS)) if path.exists()]
    problems: list[str] = []
    for path in found:
        try:
            sentence = " ".join([*problems, f"Continuing from {path.name}."]) if problems else ""
            return Resumed(path, read(path), sentence)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError(f"{' '.join(problems)} To train from the beginning, delete {last.parent}.")
    return None


def steps_in(state: dict[str, Any]) -> int:
    """Optimizer steps of the network in a checkpoint; Lightning counts the steps of each optimizer."""
    return int(state["global_step"]) // max(1, len(state["optimizer_states"]))


def precision_of(state: dict[str, Any]) -> str | None:
    """The precision that a checkpoint was trained in, in Lightning's words; None where it was not recorded."""
    found = state.get("callbacks", {}).get("LastCheckpoint", {}).get("precision")
    return None if found is None else str(found)


class CheckpointFile(TorchCheckpointIO):
    """Writes checkpoints so that a kill, a full disk or a power cut never costs the last good one.

    Lightning writes to the temporary folder and moves; where that is another file system, it copies into the only
    checkpoint there is.

    Attributes:
        sound: the file that this process knows to be good: it read or wrote it.
    """

    def __init__(self) -> None:
        self.sound: Path | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any = None) -> None:
        """Write beside, sync, verify, keep the one before as ``previous.ckpt``, rename.

        Raises:
            UserError: if it can't be written; an earlier file stays.
        """
        file = Path(path)
        with told_unwritable(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        clean(file.parent, age=0)  # half-written files of a killed start
        with whole(file) as part:
            _write(checkpoint, part)
            verify_archive(part)
            if file.name == LAST and self.sound == file:
                _link(file, file.with_name(PREVIOUS))
        if file.name == LAST:
            self.sound = file


def _write(checkpoint: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(checkpoint, file)
    except RuntimeError as error:  # torch wraps the disk's error
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _link(file: Path, other: Path) -> None:
    """Let the other name stand for the file, too: there is no moment without it."""
    beside = other.with_name(f".{other.name}.part")
    beside.unlink(missing_ok=True)
    try:
        os.link(file, beside)
    except OSError:  # a file system without links
        file.replace(beside)
    beside.replace(other)
