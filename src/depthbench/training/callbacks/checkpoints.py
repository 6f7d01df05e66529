"""Checkpoints before validation and at the ends of epochs, and when a signal asks the run to stop."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from depthbench.errors import UserError
from depthbench.training.checkpoint_file import LAST
from depthbench.training.loggers import MetricsTable
from depthbench.training.signals import STOP, Stopped
from depthbench.training.steps import steps_done

# Lightning's counters of a validation that has begun and scored nothing: it is run from its first frame after a resume.
BEGUN = {"ready": 1, "started": 1, "processed": 0, "completed": 0}


class LastCheckpoint(Checkpoint):
    """Keep ``checkpoints/last.ckpt`` in the trainer's ``default_root_dir``, and the one before it.

    An epoch's checkpoint is saved before its validation, which a resumed run repeats; an epoch without validation is
    saved at its end, the training at its end in any case. A signal is obeyed at the end of a step, of a validation
    batch, or of an epoch: all processes agree on it, save, and raise :class:`Stopped`.

    A checkpoint knows how many rows ``metrics.csv`` had, so that a resumed run forgets exactly the rows that it
    repeats, and their checksum.

    Args:
        every: epochs between checkpoints.

    Raises:
        UserError: if this is less than one.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise UserError(f"callbacks.checkpoint.every is {every}, but must be at least 1.")
        self.every = every
        self.state: dict[str, Any] = {}
        self.saved = -1  # steps that were done when the last checkpoint was saved
        self.validating = False
        self.common = 0  # batches of a validation that every process has

    def state_dict(self) -> dict[str, Any]:
        """``finished``: training is over; ``rows`` of the table; ``processes`` that trained; ``precision``."""
        return self.state

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Defer signals from here on: none must end the run before it has saved."""
        STOP.defer()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop here if any process was asked to."""
        over = trainer.is_last_batch or _out_of_steps(trainer)
        # Half accumulated gradients are in no checkpoint; after the last batch the next hook comes at once.
        if over or trainer.fit_loop._should_accumulate() or not self._any_asked(pl_module.device):
            return
        # Lightning logs the step after this hook, which it won't reach.
        trainer._logger_connector.on_batch_end()
        trainer._logger_connector.update_train_step_metrics()
        self._save(trainer)
        raise Stopped

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save before a validation in training."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        self.common = self._common_batches(trainer, pl_module.device)
        asked = self._any_asked(pl_module.device)
        if asked or (trainer.is_last_batch and self._due(trainer)):
            self._save(trainer, validating=True)
        if asked:
            raise Stopped

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop here if any process was asked to."""
        if trainer.state.fn == TrainerFn.FITTING and batch_idx < self.common and self._any_asked(pl_module.device):
            if self.saved != steps_done(trainer):
                self._save(trainer, validating=True)
            raise Stopped

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save at the end of an epoch, unless its validation has been preceded by that, or training ends here."""
        if _out_of_steps(trainer) or trainer.current_epoch + 1 == trainer.max_epochs:
            return
        asked = self._any_asked(pl_module.device)
        if asked or (self._due(trainer) and self.saved != steps_done(trainer)):
            self._save(trainer)
        if asked:
            raise Stopped

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the training; from here on a signal ends the run at once."""
        self._save(trainer, finished=True)
        if self._any_asked(pl_module.device):
            raise Stopped
        STOP.obey()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have the validation that is about to begin, or in progress, begin after a resume."""
        if self.validating:
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
            progress["total"], progress["current"] = dict(BEGUN), dict(BEGUN)
            progress["is_last_batch"] = False

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the counters of the training also where it is over and only the test is left."""
        if trainer.state.fn == TrainerFn.TESTING:
            trainer.fit_loop.load_state_dict(checkpoint["loops"]["fit_loop"])

    def _due(self, trainer: pl.Trainer) -> bool:
        return (trainer.current_epoch + 1) % self.every == 0

    def _save(self, trainer: pl.Trainer, validating: bool = False, finished: bool = False) -> None:
        tables = [logger for logger in trainer.loggers if isinstance(logger, MetricsTable)]
        for table in tables:
            table.sync()
        rows = len(tables[0].rows) if tables else 0
        self.state = {"finished": finished, "rows": rows, "processes": trainer.world_size}
        self.state["precision"] = str(trainer.precision)
        if tables:
            self.state["rows_sha256"] = tables[0].checksum
        self.validating = validating
        trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / LAST)
        self.validating = False
        self.saved = steps_done(trainer)

    def _any_asked(self, device: torch.device) -> bool:
        if not (dist.is_available() and dist.is_initialized()):
            return STOP.asked
        flag = torch.tensor(int(STOP.asked), device=device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())

    def _common_batches(self, trainer: pl.Trainer, device: torch.device) -> int:
        """Frames are dealt out without padding: one process may have a batch more than another."""
        own = int(sum(trainer.num_val_batches))
        if not (dist.is_available() and dist.is_initialized()):
            return own
        count = torch.tensor(own, device=device)
        dist.all_reduce(count, op=dist.ReduceOp.MIN)
        return int(count.item())


def _out_of_steps(trainer: pl.Trainer) -> bool:
    return 0 < trainer.max_steps <= trainer.global_step
