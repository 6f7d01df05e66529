"""A run of a search ends where its study says so."""

import math

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from depthbench.runs.folder import RunFolder
from depthbench.runs.search_study import RECORD, prunes


class Pruned(Exception):
    """The search has ended this run; its checkpoints stay."""


class Pruning(Callback):
    """After each validation, tell the study the score and end the run where the pruner says so.

    It is in every run, and does nothing in one that no search with a pruner has begun.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        record = folder.read_json(RECORD)
        self.score = str(record.get("score")) if record.get("pruner") else None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ask in the first process, end in all.

        Raises:
            Pruned: if the run shall end.
        """
        value = trainer.callback_metrics.get(self.score) if self.score else None
        if value is None or trainer.sanity_checking:
            return
        number = float(value)
        asked = trainer.is_global_zero and math.isfinite(number)
        ends = asked and prunes(self.folder, trainer.current_epoch, number)
        if trainer.strategy.reduce_boolean_decision(ends, all=False):
            raise Pruned(f"{self.score} was {number:.4g} after epoch {trainer.current_epoch + 1}")
