"""Relative depth, and its fusion with ordinary depth (lee2020, section 4.1)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses import Fixed, Uniform
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.models import fuse_relative
from depthbench.tasks.base import DepthTask

NEAREST = 1e-3  # metres; a fit may cross zero


class Relative(DepthTask):
    """A network with a second channel: the depth up to scale and shift, which is easier to learn than depth itself.

    The first channel learns by ``loss``, as ever; the second by ``relative_loss`` against the depth in metres. The
    prediction is the relative map with the scale and shift that fit the ordinary one, region by region. lee2020 has
    two networks and gives the details in a supplement that we did not have; the common encoder is ours.

    Args:
        relative_loss: ``loss(map, depth in metres, valid)`` that ignores scale and shift: mean-removed,
            gradient and normal terms, or a ranking of pairs. Its weights are fixed: those of ``loss`` alone may change.
        relative_weight: of it, beside ``loss``.
        fuse: ``window``, ``detail`` and ``ridge`` of :func:`~depthbench.models.fuse_relative`, in pixels of the
            network's output; None predicts the ordinary map alone.
        **task: the arguments of :class:`DepthTask`.

    Raises:
        UserError: if the weights of ``relative_loss`` are to change, or maps can't be fused so.
    """

    def __init__(
        self,
        *,
        relative_loss: nn.Module,
        relative_weight: float = 1.0,
        fuse: Mapping[str, Any] | None = None,
        **task: Any,
    ) -> None:
        super().__init__(**task)
        if not isinstance(getattr(relative_loss, "weighting", Uniform()), Fixed | Uniform):
            raise UserError("The weights of task.relative_loss can't change in training; choose Fixed or Uniform.")
        self.relative_loss, self.relative_weight, self.fuse = relative_loss, relative_weight, fuse
        if fuse is not None:
            try:  # refuses impossible sides before the training and not after its first epoch
                fuse_relative(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), **fuse)
            except TypeError as error:
                raise UserError(f"task.fuse takes window, detail and ridge, not {', '.join(fuse)}.") from error

    def forward(self, image: Tensor) -> Tensor:
        """Fused depth in metres at the image's size: ``(B, 3, H, W) -> (B, 1, H, W)``."""
        depth, relative = self.maps(image)
        if self.fuse is not None:
            depth = fuse_relative(depth, relative, **self.fuse)
            depth = depth.clamp(min=NEAREST) if self.output_kind.is_positive else depth
        return resize_bilinear(depth, (image.shape[-2], image.shape[-1]))

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Ordinary depth in metres and the relative map, ``(B, 1, h, w)`` each."""
        output = self._output(image)
        return self.net.predicted(output), output[:, 1:].float()

    def measure(self, batch: Any) -> Tensor:
        """The loss of both maps."""
        output = self._output(batch.image)
        ordinary: Tensor = self.loss(*self.supervised(output[:, :1], batch.depth))
        relative = output[:, 1:]
        if self.supervise_at == "input":
            relative = resize_bilinear(relative, (batch.depth.shape[-2], batch.depth.shape[-1]))
        depth = resize_nearest(batch.depth, (relative.shape[-2], relative.shape[-1]))
        ranked: Tensor = self.relative_loss(relative, depth, depth > 0)
        self.parts = {"ordinary": ordinary.detach(), "relative": ranked.detach()}
        return ordinary + self.relative_weight * ranked

    def _output(self, image: Tensor) -> Tensor:
        output: Tensor = self.net(image.contiguous(memory_format=self.layout))
        if output.shape[1] != 2:
            raise UserError(f"Relative depth needs a network with two output channels, got {output.shape[1]}.")
        return output
