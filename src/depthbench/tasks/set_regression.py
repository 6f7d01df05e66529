"""Training on sets of transformed copies of each image (li2017, section 3.3)."""

from typing import Any

from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses import SetLoss
from depthbench.tasks.base import DepthTask


class SetRegression(DepthTask):
    """Minimize a :class:`~depthbench.losses.SetLoss`: the network sees every image in several guises in one step."""

    def __init__(self, **task: Any) -> None:
        super().__init__(**task)
        if not isinstance(self.loss, SetLoss):
            raise UserError(f"Image sets need a SetLoss, not {type(self.loss).__name__}; try loss=li2017_set.")
        self.expand = self.loss.expand

    def measure(self, batch: Any) -> Tensor:
        """The loss of a batch of sets."""
        images, record = self.expand(batch.image)
        output = self.net(images.contiguous(memory_format=self.layout))
        loss: Tensor = self.loss(*self.supervised(output, batch.depth), record)
        return loss
