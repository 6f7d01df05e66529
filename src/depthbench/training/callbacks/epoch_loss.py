"""The mean training loss of each epoch, however few steps it has."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from depthbench.training.callbacks.process_states import sum_over_processes
from depthbench.training.steps import current_step


class EpochLoss(Callback):
    """Log ``train/loss_epoch``, the mean of ``train/loss`` over the batches of an epoch and all processes.

    Checkpoints carry the sum, so that an interrupted epoch has the mean of an uninterrupted one.

    Attributes:
        value: of the last epoch; NaN before.
    """

    def __init__(self) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64)  # of the losses; of the batches
        self.value = float("nan")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch."""
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None:
            loss = torch.as_tensor(loss).detach().double()
            self.sums = self.sums.to(loss.device) + torch.stack([loss, torch.ones_like(loss)])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the mean and begin anew."""
        total, count = sum_over_processes(trainer, self.sums).tolist()
        self.sums = torch.zeros_like(self.sums)
        if count:
            self.value = total / count
            for logger in trainer.loggers:
                row = {"epoch": trainer.current_epoch, "train/loss_epoch": self.value}
                logger.log_metrics(row, current_step(trainer))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the sums of all processes."""
        sums: Tensor = sum_over_processes(trainer, self.sums)
        checkpoint["epoch_loss"] = sums.cpu()

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave them to the first process: the others would count them again."""
        sums = checkpoint.get("epoch_loss")
        if sums is not None and trainer.is_global_zero:
            self.sums = sums.clone()
