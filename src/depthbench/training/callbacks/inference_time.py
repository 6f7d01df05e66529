"""Time of the network for one image."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from depthbench.runs.folder import RunFolder

REPETITIONS = 10
BUDGET = 3.0  # seconds after which no repetition begins


class InferenceTime(Callback):
    """Report ``seconds_per_image`` after a test: from one test image at the network's input size to depth in metres.

    The image is a batch of its own, on the device and in the precision of the test; reading, scoring and averaging
    over flips are not in the time.

    Args:
        report: given ``seconds_per_image``, keeps it; by default in the ``status.json`` of the run folder, which is
            the trainer's ``default_root_dir``.
    """

    def __init__(self, report: Callable[..., None] | None = None) -> None:
        self.report = report

    @torch.no_grad()
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure, in the first process alone."""
        if not trainer.is_global_zero:
            return
        loader: Any = trainer.test_dataloaders
        image: Tensor = loader.dataset[0].image[None].to(pl_module.device)

        def predict() -> None:
            # A context per image, as in the test: autocast keeps weights in the lower precision as long as one lasts.
            with trainer.precision_plugin.forward_context():
                pl_module(image)
            if image.is_cuda:
                torch.cuda.synchronize(image.device)

        report = self.report or RunFolder(trainer.default_root_dir).update_status
        report(seconds_per_image=median_seconds(predict))


def median_seconds(call: Callable[[], None]) -> float:
    """Median of up to ``REPETITIONS`` calls, at least one, after a call that does not count."""
    end = time.monotonic() + BUDGET
    call()
    seconds: list[float] = []
    while not seconds or (len(seconds) < REPETITIONS and time.monotonic() < end):
        begun = time.monotonic()
        call()
        seconds.append(time.monotonic() - begun)
    return statistics.median(seconds)
