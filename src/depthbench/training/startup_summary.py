"""What a run says before it begins: what will run and where, and for how long."""

import copy
import time
from itertools import chain, repeat

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from depthbench.cli import duration
from depthbench.config.amounts import frame_count, taken
from depthbench.data import DataModule
from depthbench.tasks import DepthTask


def announcement(config: DictConfig, task: DepthTask, data: DataModule, trainer: pl.Trainer, resumed: bool) -> str:
    """What will run, and where, in sentences."""
    frames, tested = len(data.train), len(data.test)  # type: ignore[arg-type]
    parameters = sum(parameter.numel() for parameter in task.net.parameters()) / 1e6
    device = torch.cuda.get_device_name() if trainer.strategy.root_device.type == "cuda" else "CPU"
    decoder = type(getattr(task.net, "decoder", task.net)).__name__
    network = f"{config.model.encoder.name} + {decoder} ({parameters:.1f} M parameters)"
    lines = [
        f"{'Continuing' if resumed else 'Training'} {network} by {type(task).__name__} with {type(task.loss).__name__} "
        f"on {_frames(config, frames)} ({config.data.train._target_.rpartition('.')[2]}) "
        f"for {trainer.max_epochs} epochs; test on {tested} frames, protocol {', '.join(task.protocols)}. "
        f"{data.validation}",
        f"On {trainer.world_size} x {device}, {trainer.precision}; results in {trainer.default_root_dir}.",
    ]
    if trainer.strategy.root_device.type == "cpu" and config.trainer.max_epochs > 1:
        lines.append("There is no GPU in use: append trainer=smoke for a quick look at whether everything runs.")
    return "\n".join(lines)


def _frames(config: DictConfig, count: int) -> str:
    """The number of training frames, and where it is not the round amount that was asked for, that amount."""
    split = config.data.get("split")
    about = split is not None and taken(count, split) == count != frame_count(split)
    return f"{count} frames, all there are of data.split={split}," if about else f"{count} frames"


def estimate(task: DepthTask, data: DataModule, trainer: pl.Trainer, batch_size: int, steps: int = 3) -> str:
    """How long training will take, from a few steps of a copy of the task.

    The copy does forward, loss and backward; what the estimate leaves out is validation and test.
    """
    device = trainer.strategy.root_device
    # A copy: statistics of the network and sums of the loss must not know of the trial.
    trial = copy.deepcopy(task).to(device).train()
    data.trainer = trainer
    batches = chain.from_iterable(repeat(data.train_dataloader()))  # again from the front where an epoch is short
    seconds = []
    for _ in range(steps + 1):
        begun = time.monotonic()
        batch = next(batches)
        batch = batch._replace(image=batch.image.to(device), depth=batch.depth.to(device))
        with trainer.precision_plugin.forward_context():
            trial.measure(batch).backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - begun)
    per_step = sum(seconds[1:]) / steps
    total = per_step * data.batches_per_epoch(trainer.limit_train_batches) * (trainer.max_epochs or 1)
    return (
        f"About {duration(total)} of training ({batch_size / per_step:.0f} images per second in {steps} timed steps)."
    )
