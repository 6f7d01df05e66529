"""``depthbench.fit``: one training and its test, of Python objects and names, by the recipe of ``depthbench run``."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from torch import nn

from depthbench.errors import UserError
from depthbench.fitting.choices import (
    Choices,
    choose_augmentation,
    choose_callbacks,
    choose_frames,
    choose_loss,
    choose_network,
    choose_optimization,
    choose_protocols,
    configuration,
)
from depthbench.inference.network import DepthEstimator
from depthbench.launch.execute import recorded
from depthbench.protocols import EvalProtocol
from depthbench.runs.folder import Busy, RunFolder
from depthbench.runs.results import read_scores
from depthbench.tasks import Optimization
from depthbench.training.callbacks import Stopped
from depthbench.training.devices import device_count
from depthbench.training.loading import load_task
from depthbench.training.loggers import MetricsTable
from depthbench.training.parts import GivenParts
from depthbench.training.trainer import train_and_test

ByName = str | None


@dataclass(frozen=True)
class FitResult:
    """Result of a training.

    Attributes:
        network: predicts and saves; the trained module is ``network.net`` (one of your own: ``network.net.module``).
        scores: of the test, by protocol and metric.
        history: the rows of ``metrics.csv``: values logged at a step, such as ``train/loss`` and ``val/AbsRel``;
            ``pandas.DataFrame(history)`` is a table.
        folder: the run folder; None where no ``output`` was given.
    """

    network: DepthEstimator
    scores: dict[str, dict[str, float]]
    history: list[dict[str, float]]
    folder: Path | None


def fit(
    net: nn.Module | str,
    data: Any,
    loss: nn.Module | Callable[..., Any] | str = "l1",
    *,
    val: Any = None,
    test: Any = None,
    protocol: str | EvalProtocol | Sequence[str | EvalProtocol] | None = None,
    optim: Optimization | Callable[..., Any] | str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    augment: Callable[..., Any] | ByName = "default",
    seed: int = 0,
    output: str | Path | None = None,
    trainer: Mapping[str, Any] | ByName = None,
    callbacks: Mapping[str, Any] | Sequence[Callback] | Callback | None = None,
    overrides: Sequence[str] = (),
) -> FitResult:
    """Train a network and test it, as ``depthbench run`` does, with Python objects in the place of any part.

    A name is the option of that name (``loss="berhu"`` is ``loss=berhu`` of the command line). Omitted parts have the
    command's defaults: AdamW with one cycle, mirroring and mild changes of light, 10 epochs of batches of 16. With
    names alone this is the same run as the command's. Objects are copied: yours stay as they are.

    With ``output`` the run is kept in a run folder below it, which the report reads; the same call returns a finished
    run's result, and goes on with an interrupted one. An object is known again by its class, settings, weights and, of
    a function, its code; a data set by its class, length, names and three of its frames. So make a network under a seed
    (``torch.manual_seed(0)``) if another process shall find its run, and know that the code of a class is not compared.
    Commands that need the network of such a run (``predict``, ``export``) can't make it; ``depthbench.load(folder,
    net=...)`` takes it.

    Args:
        net: maps ``(B, 3, H, W)`` RGB in [0, 1] to metres ``(B, 1, h, w)``; a
            :class:`~depthbench.models.DepthModel` keeps its depth space; or a name such as ``small``.
        data: to learn from: any map-style data set of :class:`~depthbench.data.Frame`, of (image, depth), or of
            dictionaries with ``image``, ``depth`` and perhaps ``intrinsics`` and ``name``; a list of such; a tuple of
            all images and all depth maps; or a name. Images are uint8, or floats in [0, 1]; depth is float metres, 0,
            NaN and infinity are missing; all frames have one size.
        loss: ``loss(prediction, target, valid) -> scalar`` in metres, or a name.
        val: frames to watch, as ``data``, or a share or number of the frames of ``data``, evenly spaced.
        test: frames to be scored at the end, likewise; without it the frames of ``val``.
        protocol: how predictions are scored, by name or object; the first of several is the one of the curves.
        optim: an :class:`~depthbench.tasks.Optimization`, a partial of a torch optimizer (constant rate), or a name.
        epochs: over the training frames.
        batch_size: frames per training step.
        augment: ``policy(frame, rng) -> frame`` for training frames, a name, or None for frames as they are.
        seed: of order, augmentation and networks by name.
        output: where run folders are made; None keeps nothing on disk.
        trainer: a name of the group ``trainer`` (``cpu``), or settings of Lightning's ``Trainer``:
            ``{"precision": "32-true"}``.
        callbacks: Lightning's, beside the recipe's, or settings: ``{"best": "AbsRel"}``.
        overrides: more of the command line: ``["data.split=12k"]``.

    Raises:
        UserError: if an object is of a wrong kind, a name is unknown, or depth can't be metres.
        KeyboardInterrupt: if it is stopped; with ``output``, the same call goes on.

    Example:
        >>> import torch, depthbench
        >>> from depthbench.data import Rooms
        >>> frames, unseen = Rooms(split=8, size=(24, 32)), Rooms("test", split=2, size=(24, 32))
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 1))
        >>> result = depthbench.fit(net, frames, "berhu", test=unseen, epochs=1, batch_size=4, trainer="cpu")
        Training Sequential ...
        >>> result.scores["full"]["AbsRel"] > 0, result.network.predict(frames[0].image[None]).depth.shape
        (True, torch.Size([1, 1, 24, 32]))
    """
    choices = Choices()
    choose_network(choices, net)
    choose_frames(choices, data, val, test)
    choose_loss(choices, loss)
    choose_optimization(choices, optim)
    choose_augmentation(choices, augment)
    choose_protocols(choices, protocol)
    choose_callbacks(choices, callbacks)
    _choose_machine(choices, trainer, epochs, batch_size, seed, overrides)
    with _place(output) as root:
        config, told, made = configuration(choices, root)
        if config.trainer.num_nodes * device_count(config) > 1:
            raise UserError("fit trains on one device; add trainer={'devices': 1, 'num_nodes': 1}.")
        parts = GivenParts(**choices.parts)
        folder = RunFolder.create(config, told, made)
        if folder.done:
            print(f"Done already: {folder.path}.", flush=True)
        else:
            _train(folder, parts, output is not None)
        return _result(folder, config, parts, output is not None)


def _choose_machine(
    choices: Choices,
    trainer: Mapping[str, Any] | ByName,
    epochs: int | None,
    batch_size: int | None,
    seed: int,
    overrides: Sequence[str],
) -> None:
    """Machine, length and other settings; one process, no estimate of the time, no logger but the table."""
    if isinstance(trainer, Mapping):
        choices.changes |= {f"trainer.{key}": value for key, value in trainer.items()}
    elif trainer is not None:
        choices.overrides.append(f"trainer={trainer}")
    asked = {"trainer.max_epochs": epochs, "data.batch_size": batch_size, "seed": seed or None}
    given = [*overrides, *(f"{key}={value}" for key, value in asked.items() if value is not None)]
    keys = [one.partition("=")[0] for one in given]
    usual = {"logger": "csv", "trainer.estimate": "false"}
    given += [f"{key}={value}" for key, value in usual.items() if key not in keys]
    for one in given:
        key, _, value = one.partition("=")
        if "data" in choices.nodes and key.lstrip("+").startswith("data."):
            choices.changes[key.lstrip("+")] = yaml.safe_load(value)
        else:
            choices.overrides.append(one)


@contextmanager
def _place(output: str | Path | None) -> Iterator[Path]:
    """Place of the run folder: below the output, or in a temporary folder."""
    if output is not None:
        yield Path(output).expanduser()
        return
    with tempfile.TemporaryDirectory(prefix="depthbench-") as folder:
        yield Path(folder)


def _train(folder: RunFolder, parts: GivenParts, kept: bool) -> None:
    try:
        with folder.lock():
            folder.update_status(state="running", reason=None, pid=os.getpid())
            with recorded(folder, first=True):
                train_and_test(folder, progress_bar=True, given=parts)
    except Busy as error:
        raise UserError(str(error)) from None
    except (Stopped, KeyboardInterrupt):
        told = f"the same call goes on with {folder.path}" if kept else "give output=FOLDER to be able to go on"
        raise KeyboardInterrupt(f"The training was stopped; {told}.") from None


def _result(folder: RunFolder, config: DictConfig, parts: GivenParts, kept: bool) -> FitResult:
    task = load_task(folder, parts)
    gpu = torch.cuda.is_available() and config.trainer.accelerator != "cpu"
    network = DepthEstimator(task, folder.config, "cuda" if gpu else "cpu", folder.path if kept else None)
    scores = read_scores(folder.path / "scores.json")
    logged = MetricsTable(folder.path).rows
    rows = [{key: float(value) for key, value in row.items() if value not in (None, "")} for row in logged]
    return FitResult(network, scores, rows, folder.path if kept else None)
