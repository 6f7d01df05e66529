"""Ends the periods of a loss that has them, and records each."""

import csv
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback

from depthbench.errors import UserError
from depthbench.files import whole
from depthbench.input_files import read_table
from depthbench.runs.checksums import RowsChecksum, check_rows
from depthbench.training.callbacks.process_states import sum_over_processes
from depthbench.training.steps import current_step, steps_done

COLUMNS = ("period", "epoch", "step", "name", "loss", "weight", "contribution")


class LossWeights(Callback):
    """Ends a period of ``pl_module.loss`` several times per epoch (lee2020: every quarter).

    It works with any loss that has ``end_period`` and ``meter`` (``WeightedTerms``, ``WeightedSum``) and lets others
    be. Each period adds one row per term to ``loss_trace.csv`` in the trainer's ``default_root_dir``: the term's mean
    over all images of the period, the weight that was in force, and their product. Periods count batches, so that
    gradient accumulation doesn't change them. The loggers get the same numbers under ``terms/`` and ``weights/``.

    Args:
        periods_per_epoch: the k-th period ends with batch ceil(k · batches / periods_per_epoch).
    """

    def __init__(self, periods_per_epoch: int = 4) -> None:
        if periods_per_epoch < 1:
            raise UserError(f"callbacks.loss_weights.periods_per_epoch is {periods_per_epoch}, but must be at least 1.")
        self.periods_per_epoch = periods_per_epoch
        self._sum = RowsChecksum()
        self._known: str | None = None  # of the rows that a checkpoint counts

    def state_dict(self) -> dict[str, Any]:
        """The checksum of the rows so far, in the first process, which writes them."""
        return {"rows_sha256": self._sum.value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the checksum for the table that the run goes on with."""
        self._known = state_dict.get("rows_sha256")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove rows written after the checkpoint being resumed."""
        loss = _loss(pl_module)
        if loss is None:
            return
        if math.isinf(trainer.num_training_batches):
            raise UserError("Periods of a loss need a training set of known length; this one has none.")
        if trainer.is_global_zero:
            over = int(loss.meter.period)
            # A row without its last column was cut off by whatever interrupted the run.
            rows = [row for row in _read(_file(trainer)) if row["contribution"] and int(row["period"]) < over]
            path = _file(trainer)
            check_rows(path, rows, self._known)
            self._sum = RowsChecksum(rows)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as part, part.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End the period if this was its last batch."""
        loss = _loss(pl_module)
        if loss is None or batch_idx not in self._ends(int(trainer.num_training_batches)):
            return
        trace = loss.end_period(trainer.current_epoch, partial(sum_over_processes, trainer))
        if not trainer.is_global_zero:
            return
        losses, weights = trace.losses.tolist(), trace.weights.tolist()
        with _file(trainer).open("a", newline="") as file:
            for name, value, weight in zip(trace.names, losses, weights, strict=True):
                row = (trace.period, trainer.current_epoch, steps_done(trainer), name, value, weight, weight * value)
                csv.writer(file).writerow(row)
                self._sum.add(dict(zip(COLUMNS, row, strict=True)))
        logged = {f"terms/{name}": value for name, value in zip(trace.names, losses, strict=True)}
        logged |= {f"weights/{name}": weight for name, weight in zip(trace.names, weights, strict=True)}
        for logger in trainer.loggers:
            logger.log_metrics({"epoch": trainer.current_epoch, **logged}, step=current_step(trainer))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the sums of all processes into the checkpoint, which only the first one writes."""
        loss = _loss(pl_module)
        if loss is not None and trainer.world_size > 1:
            sums = loss.meter.get_extra_state()
            checkpoint["state_dict"]["loss.meter._extra_state"] = sum_over_processes(trainer, sums)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave these sums to the first process: the others would count them again."""
        loss = _loss(pl_module)
        if loss is not None and trainer.global_rank > 0:
            loss.meter.set_extra_state(torch.zeros_like(loss.meter.get_extra_state()))

    def _ends(self, batches: int) -> set[int]:
        """Indices of the batches that end a period; fewer where an epoch has fewer batches than periods."""
        return {math.ceil(k * batches / self.periods_per_epoch) - 1 for k in range(1, self.periods_per_epoch + 1)}


def _loss(pl_module: pl.LightningModule) -> Any:
    """The module's loss if it has periods, else None."""
    loss = getattr(pl_module, "loss", None)
    return loss if hasattr(loss, "end_period") else None


def _file(trainer: pl.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "loss_trace.csv"


def _read(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    header, *lines = read_table(file) or [[]]
    return [dict(zip(header, [*line, *[""] * len(header)], strict=False)) for line in lines if line]
