"""A trained network from its run folder or from its checkpoint alone."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.config.recipe import config_of
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder
from depthbench.tasks import DepthTask
from depthbench.training.checkpoint_file import read
from depthbench.training.trainer import assemble_task


def load_task(folder: RunFolder) -> DepthTask:
    """The task of a run with its last checkpoint; nothing is downloaded.

    Raises:
        UserError: if the checkpoint can't be read or is of another network.
    """
    task = build_untrained(folder.config)
    _load_state(task, read(folder.weights, ["state_dict"]), folder.weights)
    return task


def load_checkpoint(path: Path) -> tuple[DepthTask, DictConfig]:
    """The task of a checkpoint and its configuration, both from this one file.

    Raises:
        UserError: if the file can't be read, or does not say how its network is made.
    """
    state = read(path, ["state_dict"])
    config = config_of(state, str(path))
    task = build_untrained(config)
    _load_state(task, state, path)
    return task, config


def build_untrained(config: DictConfig) -> DepthTask:
    """The task of a configuration without pretrained weights: a checkpoint brings all of them."""
    config = config.copy()
    for group in ("model", "loss", "task"):
        config[group] = _without_weights(OmegaConf.to_container(config[group], resolve=True))
    return assemble_task(config)


def _load_state(task: DepthTask, state: dict[str, Any], path: Path) -> None:
    try:
        task.load_state_dict(state["state_dict"])
    except Exception as error:
        raise UserError(f"{path} can't be loaded into the run's network ({_first_line(error)}).") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _without_weights(node: Any) -> Any:
    """The configuration with every ``pretrained`` off: the checkpoint brings all weights."""
    if isinstance(node, dict):
        return {key: False if key == "pretrained" else _without_weights(value) for key, value in node.items()}
    return [_without_weights(value) for value in node] if isinstance(node, list) else node
