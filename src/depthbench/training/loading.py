"""A trained network from its run folder or from its checkpoint alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from depthbench.config.objects import objects_in
from depthbench.config.recipe import KEY, config_of
from depthbench.errors import UserError, first_line
from depthbench.output_kinds import DETERMINED, LeftOpen
from depthbench.runs.folder import RunFolder
from depthbench.tasks import Constant, DepthTask, Optimization
from depthbench.training.checkpoint_file import precision_of, read
from depthbench.training.parts import NOTHING_GIVEN, GivenParts, assemble_task


def load_task(folder: RunFolder, given: GivenParts = NOTHING_GIVEN) -> DepthTask:
    """The task of a run with the weights that were tested; nothing is downloaded.

    Raises:
        UserError: if the checkpoint can't be read or is of another network, or the network is an object that is not
            given.
    """
    task = build_untrained(folder.config, given)
    state = read(folder.weights, ["state_dict"])
    _load_state(task, state, folder.weights)
    task.trained_in = precision_of(state)
    return task


def load_checkpoint(path: Path, given: GivenParts = NOTHING_GIVEN) -> tuple[DepthTask, DictConfig]:
    """The task of a checkpoint and its configuration, both from this one file.

    Raises:
        UserError: if the file can't be read, or does not say how its network is made.
    """
    state = read(path, ["state_dict"])
    config = config_of(state, str(path))
    task = build_untrained(config, given)
    _load_state(task, state, path)
    return task, config


class NotNeeded(nn.Module):
    """Stands in for a loss that was a Python object: a network predicts without it.

    Attributes:
        leaves_open: changes that the loss does not see.
    """

    leaves_open = DETERMINED


def build_untrained(config: DictConfig, given: GivenParts = NOTHING_GIVEN) -> DepthTask:
    """The task of a configuration without pretrained weights: a checkpoint brings all of them.

    A loss and an optimization that were Python objects are left out where they are not given.
    """
    config = config.copy()
    for group in ("model", "loss", "task"):
        config[group] = without_pretrained(OmegaConf.to_container(config[group], resolve=True))
    objects = objects_in(config)
    loss = NotNeeded() if "loss" in objects and given.loss is None else given.loss
    optim = Optimization(torch.optim.SGD, Constant()) if "optim" in objects and given.optim is None else given.optim
    return assemble_task(config, replace(given, loss=loss, optim=optim))


def take_note(task: DepthTask, record: Any) -> None:
    """Set the kind of prediction of a task whose loss is not there to the kind that the loss determined.

    Args:
        task: of which the loss may be there.
        record: the names of these changes, as :func:`~depthbench.config.recipe.recipe` keeps them.
    """
    if isinstance(task.loss, NotNeeded) and isinstance(record, list):
        names: tuple[LeftOpen, ...] = get_args(LeftOpen)
        task.loss.leaves_open = frozenset(name for name in names if name in record)
        task.net.trained_by(task.loss.leaves_open, in_space=task.loss_space == "network")


def _load_state(task: DepthTask, state: dict[str, Any], path: Path) -> None:
    weights, kept = state["state_dict"], state.get(KEY)
    take_note(task, kept.get("leaves_open") if isinstance(kept, dict) else None)
    if isinstance(task.loss, NotNeeded):
        weights = {name: value for name, value in weights.items() if not name.startswith("loss.")}
    try:
        task.load_state_dict(weights)
    except Exception as error:
        raise UserError(f"{path} can't be loaded into the run's network ({first_line(error)}).") from None


def without_pretrained(node: Any) -> Any:
    """A configuration that names no weights to start from: the network brings its own, and a path is of one machine."""
    if isinstance(node, dict):
        return {key: False if key == "pretrained" else without_pretrained(value) for key, value in node.items()}
    return [without_pretrained(value) for value in node] if isinstance(node, list) else node
