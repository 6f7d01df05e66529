"""Progress of a run: speed, waiting for data, time taken and left; in the log, the loggers and ``status.json``."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from depthbench.errors import UserError
from depthbench.training.callbacks.epoch_loss import EpochLoss
from depthbench.training.steps import current_step

INTERVAL = 2.0  # seconds between reports


class StatusReporter(Callback):
    """Report steps, images per second, the share of time spent waiting for data, and the time left.

    After the test it reports ``seconds``: the whole run over all its starts, each as far as its checkpoint was used;
    steps that a continued run repeats count once. Checkpoints carry it.

    Args:
        report: given the fields of a status, keeps them (the run folder's ``update_status``).
        batch_size: images per step over all devices.
    """

    def __init__(self, report: Callable[..., None], batch_size: int) -> None:
        self.report, self.batch_size = report, batch_size
        self.steps = self.waited = 0.0
        self.begun = self.since = self.ended = time.monotonic()
        self.earlier = 0.0  # seconds, of earlier starts
        self.loss = math.nan

    def state_dict(self) -> dict[str, Any]:
        """State for the checkpoint."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the time of the run."""
        self.earlier = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure."""
        self._restart()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation and checkpoints between epochs are not waiting for data."""
        self._restart()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch has come."""
        self.waited += time.monotonic() - self.ended

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report now and then."""
        self.steps += 1
        self.ended = time.monotonic()
        if self.ended - self.since < INTERVAL and batch_idx + 1 < trainer.num_training_batches:
            return
        self._check_loss(trainer)
        speed = {"images_per_second": self.steps * self.batch_size / (self.ended - self.since)}
        speed["waiting_for_data"] = self.waited / (self.ended - self.since)
        row = {"epoch": trainer.current_epoch, **{f"speed/{key}": value for key, value in speed.items()}}
        for logger in trainer.loggers:
            logger.log_metrics(row, current_step(trainer))
        if trainer.is_global_zero:
            self.report(**self._status(trainer, batch_idx), **speed)
        self._restart()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """One line per epoch, above the bar where there is one."""
        if not trainer.is_global_zero:
            return
        loss = next((found.value for found in trainer.callbacks if isinstance(found, EpochLoss)), self.loss)  # type: ignore[attr-defined]
        line = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: loss {loss:.4g}"
        score = trainer.callback_metrics.get("val/AbsRel")
        line += "" if score is None else f", validation AbsRel {float(score):.3f}"
        bar = trainer.progress_bar_callback
        if bar is None:
            print(line, flush=True)
        else:
            bar.print(line)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last part of a run."""
        if trainer.is_global_zero:
            self.report(phase="testing")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The end of a run."""
        if trainer.is_global_zero:
            self.report(seconds=self._seconds())

    def _seconds(self) -> float:
        return self.earlier + time.monotonic() - self.begun

    def _restart(self) -> None:
        self.since = self.ended = time.monotonic()
        self.steps = self.waited = 0.0

    def _check_loss(self, trainer: pl.Trainer) -> None:
        loss = trainer.callback_metrics.get("train/loss")
        self.loss = math.nan if loss is None else float(loss)
        if loss is not None and not math.isfinite(self.loss):
            raise UserError(
                f"The loss is {self.loss} at epoch {trainer.current_epoch}; training can't go on. Lower the "
                "learning rate (optim.optimizer.lr), clip gradients (trainer.gradient_clip_val=1) or use full "
                "precision (trainer.precision=32-true)."
            )

    def _status(self, trainer: pl.Trainer, batch_idx: int) -> dict[str, Any]:
        per_epoch, epochs = trainer.num_training_batches, trainer.max_epochs
        step = trainer.current_epoch * per_epoch + batch_idx + 1
        total = per_epoch * epochs if epochs and epochs > 0 else trainer.max_steps
        left = (total - step) * (self.ended - self.since) / max(self.steps, 1)
        return {"phase": "training", "epoch": trainer.current_epoch, "step": step, "steps": total, "seconds_left": left}
