"""The state of each process goes into the checkpoint, and back to the same process."""

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn
from torch import nn

from depthbench.errors import UserError
from depthbench.models import ImageBuffer


class ProcessStates(Callback):
    """Score by one network, and save the image buffers of all processes.

    Running statistics of batch normalization are each process's own in training, and the checkpoint has the first
    one's: all take these before they score, so that a run's scores are its checkpoint's.

    A training that goes on with another number of processes is exact in its data, their augmentation and its
    optimizer; the network's own random numbers (dropout) are seeded by process and differ. Buffers can't be dealt out
    anew: that is refused.

    Raises:
        UserError: if a training with buffers goes on with another number of processes.
    """

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the first process's statistics."""
        _take_from_first(pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the first process's statistics."""
        _take_from_first(pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Collect the buffers by process and name."""
        own = {name: buffer.get_extra_state() for name, buffer in _buffers(pl_module).items()}
        states = [own]
        if own and dist.is_available() and dist.is_initialized():
            states = [own] * dist.get_world_size()
            dist.all_gather_object(states, own)
        checkpoint["process_states"] = {"world": trainer.world_size, "states": states if own else []}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take this process's own; Lightning has given every process the first one's."""
        saved = checkpoint.get("process_states")
        if saved is None or trainer.state.fn != TrainerFn.FITTING:
            return
        before, now = saved["world"], trainer.world_size
        buffers = _buffers(pl_module)
        if before != now and any(buffer.size for buffer in buffers.values()):
            raise UserError(
                f"This adversarial training was on {before} devices, each with a buffer of earlier predictions, and "
                f"can't go on with {now}; append trainer.devices={before}."
            )
        if before != now and trainer.is_global_zero:
            print(
                f"The training was on {before} devices and goes on with {now}: the same frames in the same order; "
                "random numbers inside the network (dropout) differ."
            )
        if before == now:
            for name, buffer in buffers.items():
                buffer.set_extra_state(saved["states"][trainer.global_rank][name])


def _take_from_first(module: nn.Module) -> None:
    if dist.is_available() and dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def _buffers(module: nn.Module) -> dict[str, ImageBuffer]:
    return {name: part for name, part in module.named_modules() if isinstance(part, ImageBuffer)}


def sum_over_processes(trainer: pl.Trainer, values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes, on its own device."""
    if trainer.world_size == 1:
        return values
    total = trainer.strategy.reduce(values.to(trainer.strategy.root_device, copy=True), reduce_op="sum")
    return torch.as_tensor(total).to(values.device)
