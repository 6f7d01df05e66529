"""A progress bar without noise."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar


class ProgressBar(TQDMProgressBar):
    """Lightning's bar with the loss and the last validation AbsRel, and without the run's id."""

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Text behind the bar."""
        shown = {key: value for key, value in super().get_metrics(trainer, pl_module).items() if key != "v_num"}
        score = trainer.callback_metrics.get("val/AbsRel")
        return shown if score is None else {**shown, "val/AbsRel": f"{float(score):.3f}"}
