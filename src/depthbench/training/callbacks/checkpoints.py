"""Checkpoints at the ends of epochs, and when a signal asks the run to stop."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Checkpoint

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(Exception):
    """The run was asked to stop; its checkpoint is saved."""


class LastCheckpoint(Checkpoint):
    """Keep ``last.ckpt``, replaced as a whole.

    A signal (SIGTERM, SIGINT, or SIGUSR1 as SLURM sends it before a preemption) only sets a flag; at the end of the
    step all processes agree on it, save, and raise :class:`Stopped`.

    Args:
        path: the checkpoint's file.
        every: epochs between checkpoints; the last epoch always has one.
    """

    def __init__(self, path: Path, every: int = 1) -> None:
        super().__init__()
        self.path, self.every = path, every
        self.asked = False
        self.previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals from Lightning, which would stop without a checkpoint."""

        def ask(number: int, frame: FrameType | None) -> None:
            self.asked = True

        for number in SIGNALS:
            self.previous[number] = signal.signal(number, ask)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop here if any process was asked to."""
        if self._any_asked(pl_module.device):
            trainer.save_checkpoint(self.path)
            raise Stopped("The run was asked to stop and has saved a checkpoint; start it again to continue.")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save at the end of an epoch."""
        if (trainer.current_epoch + 1) % self.every == 0 or trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.save_checkpoint(self.path)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def _any_asked(self, device: torch.device) -> bool:
        if not (dist.is_available() and dist.is_initialized()):
            return self.asked
        flag = torch.tensor(int(self.asked), device=device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())
