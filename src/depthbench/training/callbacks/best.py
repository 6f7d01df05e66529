"""The weights that a run keeps (of the best validation score, or an average), and its early end."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, EMAWeightAveraging
from pytorch_lightning.trainer.states import TrainerFn

from depthbench.errors import UserError
from depthbench.metrics.functional import HIGHER_IS_BETTER
from depthbench.training.checkpoint_file import read


class BestCheckpoint(Callback):
    """Keep ``checkpoints/best.ckpt``, the one with the best validation score, and test its weights.

    Of equal scores the first counts. Choose by a validation set that is not the test set (``data.val``), or the test
    score is that of the epoch which happened to suit the test.

    Args:
        score: a validation score under the first protocol, such as ``AbsRel`` or ``delta1``.
    """

    def __init__(self, score: str) -> None:
        self.score = score
        self.best = math.nan

    def state_dict(self) -> dict[str, Any]:
        """The best score so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it."""
        self.best = state_dict["best"]

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if this is the best one."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        value = validation_score(trainer, self.score, "callbacks.best.score")
        if not math.isnan(self.best) and not _is_better(value, self.best, self.score):
            return
        self.best = value
        trainer.save_checkpoint(_file(trainer))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the best weights.

        Raises:
            UserError: if there are none.
        """
        path = _file(trainer)
        if not path.is_file():
            raise UserError(f"{path} is missing; callbacks.best needs a validation (trainer.limit_val_batches).")
        pl_module.load_state_dict(read(path, ["state_dict"])["state_dict"])
        if trainer.is_global_zero:
            print(f"The test takes the weights of the best validation {self.score}, {self.best:.3f}.", flush=True)


def _file(trainer: pl.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "checkpoints" / "best.ckpt"


def _is_better(value: float, other: float, score: str) -> bool:
    return value > other if score in HIGHER_IS_BETTER else value < other


def validation_score(trainer: pl.Trainer, score: str, key: str) -> float:
    """The last validation's score.

    Raises:
        UserError: if there is none of that name.
    """
    found = trainer.callback_metrics.get(f"val/{score}")
    if found is None:
        known = sorted(name[4:] for name in trainer.callback_metrics if name.startswith("val/"))
        raise UserError(f"{key}={score} is not a validation score; choose one of {', '.join(known)}.")
    return float(found)


class StopEarly(EarlyStopping):
    """End the training after ``patience`` validations without a better score.

    Args:
        patience: validations.
        score: a validation score under the first protocol.

    Raises:
        UserError: if ``patience`` is not a whole number of 1 or more.
    """

    def __init__(self, patience: int, score: str = "AbsRel") -> None:
        if not isinstance(patience, int) or patience < 1:
            raise UserError(f"callbacks.early_stopping.patience={patience} must be a whole number of 1 or more.")
        mode = "max" if score in HIGHER_IS_BETTER else "min"
        # A loss that is not finite ends the run elsewhere, with a sentence; here it would end as if all were well.
        super().__init__(
            f"val/{score}",
            patience=patience,
            mode=mode,
            strict=False,
            check_finite=False,
            check_on_train_epoch_end=False,
        )
        self.score = score

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look whether it is time."""
        if trainer.state.fn == TrainerFn.FITTING:
            validation_score(trainer, self.score, "callbacks.early_stopping.score")
        super().on_validation_end(trainer, pl_module)
        if trainer.should_stop and self.stopped_epoch == trainer.current_epoch and trainer.is_global_zero:
            print(f"Ends early: no better validation {self.score} in {self.patience} validations.", flush=True)


class AverageWeights(EMAWeightAveraging):
    """Validate, test and keep an exponential moving average of the weights.

    Checkpoints have the average in ``state_dict``; the weights to train on lie beside it.

    Args:
        decay: share of the average that stays at each step. In the first steps less stays,
            ``min(decay, (1 + steps) / (10 + steps))`` as in TensorFlow's and timm's averages, so that the random
            beginning is forgotten in short trainings, too.

    Raises:
        UserError: if it is not between 0 and 1.
    """

    def __init__(self, decay: float) -> None:
        if not (isinstance(decay, int | float) and 0 < decay < 1):
            raise UserError(f"callbacks.average.decay={decay} must lie between 0 and 1, such as 0.999.")
        super().__init__(decay=decay)
        self._kwargs["avg_fn"] = _warmed(decay)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the weights as they are until the last checkpoint is saved: a continued training goes on with them."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Test the average."""
        self._copy_average_to_current(pl_module)


def _warmed(decay: float) -> Any:
    @torch.no_grad()
    def average(kept: torch.Tensor, new: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        steps = float(count)
        return kept + (1 - min(decay, (1 + steps) / (10 + steps))) * (new - kept)

    return average
