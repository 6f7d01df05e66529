"""Ordinary training: one network, one loss."""

from typing import Any

from torch import Tensor

from depthbench.tasks.base import DepthTask


class Regression(DepthTask):
    """Minimize a loss between predicted and true depth. See :class:`DepthTask` for the arguments."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        output = self.net(batch.image.contiguous(memory_format=self.layout))
        loss: Tensor = self.loss(*self.supervised(output, batch.depth))
        self.log_loss(loss, len(batch.image))
        return loss
