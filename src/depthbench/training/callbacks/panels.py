"""Pictures: image, truth, prediction and error of a few fixed frames, in one fixed color scale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import WandbLogger

from depthbench.files import whole
from depthbench.images import colorize
from depthbench.maps import resize_nearest

MAX_DEPTH = 10.0  # metres at the end of the color scale of depth
MAX_ERROR = 2.0  # metres at the end of the color scale of errors


def panel(image: NDArray[np.uint8], truth: NDArray[Any], prediction: NDArray[Any]) -> NDArray[np.uint8]:
    """Image, truth, prediction and absolute error side by side: ``(h, 4 w, 3)``."""
    truth = np.where(truth > 0, truth, np.nan).astype(float)
    prediction = prediction.astype(float)
    error = np.abs(prediction - truth)
    views = [colorize(truth, MAX_DEPTH, "turbo_r"), colorize(prediction, MAX_DEPTH, "turbo_r")]
    return np.concatenate([image, *views, colorize(error, MAX_ERROR, "magma")], axis=1)


class Panels(Callback):
    """Keep ``panels.npz`` of some test frames, and log panels to W&B during training.

    The file holds ``name``, ``image (N, H, W, 3)`` in 8 bits, ``truth`` and ``prediction (N, H, W)`` in metres, and,
    where the data set knows them, ``intrinsics (N, 3, 3)`` in pixels of the image.

    Args:
        path: of ``panels.npz``.
        count: frames.
        every: epochs between panels of validation frames.
    """

    def __init__(self, path: Path, count: int = 4, every: int = 5) -> None:
        self.path, self.count, self.every = path, count, every
        self.kept: list[dict[str, Any]] = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log the first validation frames."""
        due = batch_idx == 0 and trainer.is_global_zero and trainer.current_epoch % self.every == 0
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        if not (due and loggers) or trainer.sanity_checking:
            return
        frames = self._predict(pl_module, batch, range(min(self.count, len(batch.name))))
        pictures = [panel(frame["image"], frame["truth"], frame["prediction"]) for frame in frames]
        for logger in loggers:
            logger.log_image("panels/val", pictures, caption=[frame["name"] for frame in frames])

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier test."""
        self.kept = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep evenly spaced frames of the first process's share, whatever the batches."""
        loader = trainer.test_dataloaders
        assert loader is not None
        start, total = batch_idx * loader.batch_size, len(loader.sampler)
        due = [index * total // self.count - start for index in range(self.count)]
        chosen = [index for index in due if 0 <= index < len(batch.name)]
        if chosen and trainer.is_global_zero:
            self.kept += self._predict(pl_module, batch, chosen)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write and log what was kept."""
        if not self.kept:
            return
        names = [frame["name"] for frame in self.kept]
        kinds = set.intersection(*(set(frame) for frame in self.kept)) - {"name"}  # a batch may lack intrinsics
        stacked: dict[str, Any] = {key: np.stack([frame[key] for frame in self.kept]) for key in sorted(kinds)}
        with whole(self.path) as part:
            np.savez_compressed(part, name=np.array(names), **stacked)
        pictures = [panel(frame["image"], frame["truth"], frame["prediction"]) for frame in self.kept]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("panels/test", pictures, caption=names)

    @torch.no_grad()
    def _predict(self, task: pl.LightningModule, batch: Any, indices: Any) -> list[dict[str, Any]]:
        chosen = list(indices)
        image = batch.image[chosen]
        size = (image.shape[-2], image.shape[-1])
        prediction = task(image)
        truth = resize_nearest(batch.depth[chosen], size)
        known = batch.intrinsics is not None
        return [
            {
                "image": (image[i] * 255).round().byte().permute(1, 2, 0).cpu().numpy(),
                "truth": truth[i, 0].half().cpu().numpy(),
                "prediction": prediction[i, 0].half().cpu().numpy(),
                "name": batch.name[index],
                **({"intrinsics": batch.intrinsics[index].cpu().numpy()} if known else {}),
            }
            for i, index in enumerate(chosen)
        ]
