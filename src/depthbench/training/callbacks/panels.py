"""Pictures: image, truth, prediction and error of a few fixed frames, in one fixed color scale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback

from depthbench.errors import UserError
from depthbench.files import whole
from depthbench.maps import resize_nearest
from depthbench.palette import ERROR, MOST_METRES, ColorRange, color_bar, color_depth, colorize
from depthbench.tasks import DepthTask
from depthbench.training.loggers.pictures import log_pictures, shows_pictures
from depthbench.training.steps import current_step

MAX_ERROR = 0.2  # of that, at the end of the color scale of errors


def panel(
    image: NDArray[np.uint8], truth: NDArray[Any], prediction: NDArray[Any], far: float = MOST_METRES
) -> NDArray[np.uint8]:
    """Image, truth, prediction and absolute error side by side, bars below: ``(h + bar, 4 w, 3)``.

    The colors of both depths go from 0 to ``far`` metres, those of the error to a fifth of it.
    """
    width, error = image.shape[1], np.abs(prediction.astype(float) - np.where(truth > 0, truth, np.nan))
    colors, errors = ColorRange(0, far), ColorRange(0, MAX_ERROR * far)
    views = [color_depth(truth, colors), color_depth(prediction, colors)]
    above = np.concatenate([image, *views, colorize(error, errors.far, ERROR)], axis=1)
    size = max(9, width // 16)
    bars = [color_bar(colors, 2 * width, size=size), color_bar(errors, width, ERROR, size, swatch=False)]
    blank = np.full((max(map(len, bars)), width, 3), 255, np.uint8)
    bars = [
        bar if len(bar) == len(blank) else np.broadcast_to(blank[:, :1], (len(blank), *bar.shape[1:])) for bar in bars
    ]
    return np.concatenate([above, np.concatenate([blank, *bars], axis=1)])


class Panels(Callback):
    """Keep ``panels.npz`` of some test frames, and show panels in every logger that can, during training and after it.

    The file holds ``name``, ``image (N, H, W, 3)`` in 8 bits, ``truth`` and ``prediction (N, H, W)`` in metres, and,
    where the data set knows them, ``intrinsics (N, 3, 3)`` in pixels of the image. A prediction whose scale or shift
    the loss leaves open is fitted to the truth, as the first protocol does. The file lies in the trainer's
    ``default_root_dir``. Colors end at the protocol's largest depth.

    Args:
        count: frames.
        every: epochs between panels of validation frames.

    Raises:
        UserError: if one of them is less than one.
    """

    def __init__(self, count: int = 4, every: int = 5) -> None:
        if min(count, every) < 1:
            raise UserError(
                f"callbacks.panels has count={count}, every={every}, but both must be at least 1; "
                "callbacks.panels=null switches panels off."
            )
        self.count, self.every = count, every
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
        if not (due and any(map(shows_pictures, trainer.loggers))) or trainer.sanity_checking:
            return
        frames = self._predict(pl_module, batch, range(min(self.count, len(batch.name))))
        self._show(trainer, pl_module, "panels/val", frames)

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
        """Write and log the kept panels."""
        if not self.kept:
            return
        names = [frame["name"] for frame in self.kept]
        kinds = set.intersection(*(set(frame) for frame in self.kept)) - {"name"}  # a batch may lack intrinsics
        stacked: dict[str, Any] = {key: np.stack([frame[key] for frame in self.kept]) for key in sorted(kinds)}
        with whole(Path(trainer.default_root_dir) / "panels.npz") as part:
            np.savez_compressed(part, name=np.array(names), **stacked)
        self._show(trainer, pl_module, "panels/test", self.kept)

    def _show(self, trainer: pl.Trainer, pl_module: pl.LightningModule, key: str, frames: list[dict[str, Any]]) -> None:
        assert isinstance(pl_module, DepthTask)
        far = next(iter(pl_module.protocols.values())).max_depth or MOST_METRES
        pictures = [panel(frame["image"], frame["truth"], frame["prediction"], far) for frame in frames]
        log_pictures(trainer, key, pictures, [frame["name"] for frame in frames], current_step(trainer))

    @torch.no_grad()
    def _predict(self, task: pl.LightningModule, batch: Any, indices: Any) -> list[dict[str, Any]]:
        chosen = list(indices)
        image = batch.image[chosen]
        size = (image.shape[-2], image.shape[-1])
        assert isinstance(task, DepthTask)
        truth = resize_nearest(batch.depth[chosen], size)
        prediction = task.in_metres(task(image), truth)
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
