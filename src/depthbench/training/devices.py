"""The device of a command."""

import os

import torch
from omegaconf import DictConfig, OmegaConf

from depthbench.errors import UserError


def device_count(config: DictConfig) -> int:
    """Processes that a run starts on one machine: its devices, or one without GPUs."""
    devices = config.trainer.devices
    if devices != "auto":
        return len(devices) if OmegaConf.is_list(devices) else int(devices)
    return 1 if config.trainer.accelerator == "cpu" else max(1, torch.cuda.device_count())


def choose_device(wanted: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda``; under torchrun each process takes its own GPU.

    Raises:
        UserError: if it is none of these, or not there.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise UserError(f"device={wanted} is unknown; choose auto, cpu or cuda.")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch sees no GPU here; choose device=auto or device=cpu.")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def check_accelerator(wanted: str) -> None:
    """Refuse ``trainer.accelerator=gpu`` where there is none.

    Raises:
        UserError: in that case.
    """
    if wanted in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError("trainer.accelerator=gpu, but torch sees no GPU here; choose trainer=auto or trainer=cpu.")
