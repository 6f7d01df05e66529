"""The network of a run, predicting as the run's own test does."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from depthbench.evaluation.test_set import Items
from depthbench.models import faster_precision
from depthbench.output_kinds import OutputKind
from depthbench.protocols.regions import Region
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task


class Network:
    """The last checkpoint of a run, predicting as the run's own test does.

    Args:
        folder: of the run.
        config: whose ``trainer`` gives the precision and whose ``data`` the batch size.
        device: where it predicts.
        kind: of the predictions as the user reads them; None for the kind that the loss determines.

    Raises:
        UserError: if the checkpoint can't be read or is of another network.
    """

    covers: Region = "full"

    def __init__(
        self, folder: RunFolder, config: DictConfig, device: torch.device, kind: OutputKind | None = None
    ) -> None:
        self.task = load_task(folder).to(device).eval()
        self.kind, self.declared = kind or self.task.output_kind, self.task.declared
        self.trainer, self.device = config.trainer, device
        self.batch_size = int(config.data.test_batch_size)

    def __call__(self, items: Items, mirror: bool) -> tuple[Tensor, Tensor | None]:
        """See :meth:`predict`."""
        return self.predict(items.image, mirror)

    def predict(self, image: Tensor, mirror: bool) -> tuple[Tensor, Tensor | None]:
        """One pass of the network for the images ``(B, 3, H, W)`` and, if wanted, one for their mirror images."""
        with self._precision():
            return self.task.predictions(image, mirror)

    def _precision(self) -> AbstractContextManager[Any]:
        dtype = self.autocast_dtype
        return torch.autocast(self.device.type, dtype, enabled=dtype is not None)

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        """Sixteen bits in which layers compute; None for the weights' own precision."""
        precision = self.trainer.precision
        if precision == "auto":  # as in the run's own test; of runs that recorded none, as training chooses it
            gpu = self.device.type == "cuda" and self.trainer.accelerator != "cpu"
            precision = self.task.trained_in or faster_precision(self.task.net, "cuda" if gpu else "cpu")
        return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
