"""A trained network from its run folder."""

from typing import Any

import torch
from omegaconf import OmegaConf

from depthbench.errors import UserError
from depthbench.files import verify_archive
from depthbench.runs.folder import RunFolder
from depthbench.tasks import DepthTask
from depthbench.training.trainer import build_task


def load_task(folder: RunFolder) -> DepthTask:
    """The task of a run with its last checkpoint; nothing is downloaded.

    Raises:
        UserError: if the checkpoint can't be read or is of another network.
    """
    config = folder.config
    for group in ("model", "loss", "task"):
        config[group] = _without_weights(OmegaConf.to_container(config[group], resolve=True))
    task = build_task(config)
    verify_archive(folder.checkpoint)
    try:
        state = torch.load(folder.checkpoint, map_location="cpu", weights_only=True, mmap=True)
        task.load_state_dict(state["state_dict"])
    except Exception as error:  # torch raises whatever its parts do on damaged files
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{folder.checkpoint} can't be loaded into the run's network ({first}).") from None
    return task


def _without_weights(node: Any) -> Any:
    """The configuration with every ``pretrained`` off: the checkpoint brings all weights."""
    if isinstance(node, dict):
        return {key: False if key == "pretrained" else _without_weights(value) for key, value in node.items()}
    return [_without_weights(value) for value in node] if isinstance(node, list) else node
