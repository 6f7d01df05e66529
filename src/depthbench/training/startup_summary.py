"""The summary before a run begins: its parts, its machine, its expected time."""

import copy
import time
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, cast

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from depthbench.cli import duration
from depthbench.config.amounts import frame_count, taken
from depthbench.config.objects import objects_in
from depthbench.data import Batch, DataModule
from depthbench.errors import UserError
from depthbench.tasks import DepthTask


def announcement(config: DictConfig, task: DepthTask, data: DataModule, trainer: pl.Trainer, resumed: bool) -> str:
    """The parts and the machine of the run, in sentences."""
    frames, tested = len(data.train), len(data.test)  # type: ignore[arg-type]
    parameters = sum(parameter.numel() for parameter in task.net.parameters()) / 1e6
    device = torch.cuda.get_device_name() if trainer.strategy.root_device.type == "cuda" else "CPU"
    network = f"{_network(config, task)} ({parameters:.1f} M parameters)"
    lines = [
        f"{'Continuing' if resumed else 'Training'} {network} by {type(task).__name__} with {type(task.loss).__name__} "
        f"on {_frames(config, frames)} ({_data_set(config)}) "
        f"for {_length(trainer, task)}; test on {tested} frames, protocol {', '.join(task.protocols)}. "
        f"{data.validation}",
        f"On {trainer.world_size} x {device}, {trainer.precision}; results in {trainer.default_root_dir}.",
    ]
    kind, rules = task.output_kind, task.first_protocol
    if not kind.is_metric:
        lines.append(
            f"The loss determines {kind.words}: scores are of predictions that are fitted to the truth "
            f"({rules.name}: alignment {rules.alignment})."
        )
    asked = config.trainer.accelerator != "auto"  # who chose the CPU knows
    if trainer.strategy.root_device.type == "cpu" and config.trainer.max_epochs != 1 and not asked:
        lines.append("There is no GPU in use: append trainer=smoke for a quick look at whether everything runs.")
    return "\n".join(lines)


def _network(config: DictConfig, task: DepthTask) -> str:
    """Encoder and decoder where a network has them by name, else its class."""
    if "model" in objects_in(config):
        return str(objects_in(config)["model"]["class"]).rpartition(".")[2]
    decoder = type(getattr(task.net, "decoder", task.net)).__name__
    encoder = OmegaConf.select(config, "model.encoder.name")
    return f"{encoder} + {decoder}" if encoder else decoder


def _data_set(config: DictConfig) -> str:
    """The class of the training frames."""
    given = objects_in(config).get("data.train")
    return str(given["class"] if given else config.data.train._target_).rpartition(".")[2]


def _frames(config: DictConfig, count: int) -> str:
    """The number of training frames, and where it is not the round amount that was asked for, that amount."""
    split = config.data.get("split")
    about = split is not None and taken(count, split) == count != frame_count(split)
    return f"{count} frames, all there are of data.split={split}," if about else f"{count} frames"


def estimate(task: DepthTask, data: DataModule, trainer: pl.Trainer, batch_size: int, steps: int = 3) -> str:
    """Estimated time of training, from a few whole steps of a copy of the task, in each of its stages.

    A step is everything that training does with a batch: forward, loss, backward, the update, and, of an adversarial
    training, the discriminator's passes and update. The estimate leaves out validation and test.
    """
    data.trainer = trainer
    batches = chain.from_iterable(repeat(data.train_dataloader()))  # again from the front where an epoch is short
    total_steps = training_steps(task, data, trainer)
    rehearsal = Rehearsal(task, trainer, total_steps)
    phases = task.phases(total_steps)
    seconds = {name: rehearsal.seconds_per_step(name, batches, steps) for name, _ in phases}
    total = sum(seconds[name] * count for name, count in phases)
    told = "" if len(phases) == 1 else " in each stage"
    speed = batch_size * total_steps / total
    return f"About {duration(total)} of training ({speed:.0f} images per second in {steps} timed steps{told})."


def training_steps(task: DepthTask, data: DataModule, trainer: pl.Trainer) -> int:
    """The number of batches that a training takes.

    Raises:
        UserError: if there is none, or no end.
    """
    data.trainer = trainer
    batches, epochs = data.batches_per_epoch(trainer.limit_train_batches), _epochs(trainer)
    if not batches:
        raise UserError(
            f"trainer.limit_train_batches={trainer.limit_train_batches} leaves no batch of an epoch; raise it."
        )
    if not epochs and trainer.max_steps < 1:
        raise UserError("The training has no end; set trainer.max_epochs or trainer.max_steps to 1 or more.")
    most = trainer.max_steps // task.optimizers_per_step * trainer.accumulate_grad_batches
    ends = [batches * epochs if epochs else None, most if trainer.max_steps > 0 else None]
    return min(end for end in ends if end is not None)


def _epochs(trainer: pl.Trainer) -> int:
    """The number of epochs; 0 where steps end the training."""
    return max(trainer.max_epochs or 0, 0)


def _length(trainer: pl.Trainer, task: DepthTask) -> str:
    """``20 epochs``; the number of steps where they end the training."""
    if _epochs(trainer):
        return f"{trainer.max_epochs} epochs"
    return f"{trainer.max_steps // task.optimizers_per_step} steps"


class Rehearsal:
    """A copy of a task with optimizers of its own: statistics and sums of the real one know nothing of the trial.

    Args:
        task: of any kind.
        trainer: that is going to train it.
        total_steps: of the training.
    """

    def __init__(self, task: DepthTask, trainer: pl.Trainer, total_steps: int) -> None:
        self.trainer, self.device = trainer, trainer.strategy.root_device
        self.task = cast(Any, copy.deepcopy(task).to(self.device).train())
        self.task.trainer = trainer
        self.task.total_steps = lambda: total_steps
        made = self.task.configure_optimizers()
        both = made if isinstance(made, tuple) else ([made["optimizer"]], [made["lr_scheduler"]["scheduler"]])
        self.optimizers, schedulers = both
        # What Lightning gives to a task that steps by hand.
        self.task.optimizers, self.task.lr_schedulers = lambda: self.optimizers, lambda: schedulers
        self.task.manual_backward = lambda loss: loss.backward()
        self.task.toggle_optimizer = self.task.untoggle_optimizer = lambda optimizer: None
        self.task.clip_gradients = lambda optimizer, **settings: None
        self.task.log = lambda *arguments, **settings: None

    def seconds_per_step(self, phase: str, batches: Iterator[Batch], steps: int) -> float:
        """The mean of some steps after a first one that does not count."""
        self.task.enter(phase)
        seconds = []
        for _ in range(steps + 1):
            begun = time.monotonic()
            self._step(next(batches))
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.monotonic() - begun)
        return sum(seconds[1:]) / steps

    def _step(self, batch: Batch) -> None:
        batch = batch._replace(image=batch.image.to(self.device), depth=batch.depth.to(self.device))
        with self.trainer.precision_plugin.forward_context():
            loss = self.task.training_step(batch, 0)
            if loss is None:  # stepped by hand
                return
            loss.backward()
        (optimizer,) = self.optimizers
        optimizer.step()
        optimizer.zero_grad()
