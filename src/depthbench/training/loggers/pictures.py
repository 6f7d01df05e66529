"""Pictures for every logger that can show them."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger


def shows_pictures(logger: Any) -> bool:
    """Whether a logger can show pictures."""
    return isinstance(logger, TensorBoardLogger) or hasattr(logger, "log_image")


def log_pictures(trainer: pl.Trainer, key: str, pictures: Sequence[Any], names: Sequence[str], step: int) -> None:
    """Show pictures ``(H, W, 3)`` of 8 bits and one size under a key, each with its name."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            for index, picture in enumerate(pictures):
                logger.experiment.add_image(f"{key}/{index}", picture, step, dataformats="HWC")
        elif hasattr(logger, "log_image"):
            logger.log_image(key, list(pictures), step=step, caption=list(names))
