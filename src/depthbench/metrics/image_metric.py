"""What all metrics have in common that score an image as a whole: structure, not single pixels."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from depthbench.errors import UserError
from depthbench.ops import check_maps


class ImageMetric(Metric):
    """Mean over images of scores of a whole image.

    ``update(prediction, target, valid=None, intrinsics=None)``: maps ``(B, 1, H, W)`` in metres, a bool mask (by
    default ``target > 0``) and, where a subclass needs them, intrinsics ``(B, 3, 3)`` in pixels of these maps.
    ``compute()`` gives one float64 scalar per name in :attr:`names`, and ``images``: how many had a valid pixel.

    A score that an image does not have (no edge to find) is left out of that score's mean only. A prediction with a
    NaN or infinity under the mask scores NaN; one outside has no influence.
    """

    is_differentiable = False
    higher_is_better: bool | None = None
    full_state_update = False
    names: tuple[str, ...]
    needs_intrinsics = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.totals: Tensor
        self.counts: Tensor
        self.images: Tensor
        for name, width in (("totals", len(self.names)), ("counts", len(self.names)), ("images", 1)):
            self.add_state(name, torch.zeros(width, dtype=torch.float64), dist_reduce_fx="sum")

    @abstractmethod
    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Scores ``(B, len(names))`` and where they are defined; maps are finite, 1 m outside the mask."""

    def per_image(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None = None, intrinsics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Scores of each image, ``(B,)`` float64; NaN where an image has none."""
        scores, defined, _ = self._scores(prediction, target, valid, intrinsics)
        return dict(zip(self.names, scores.where(defined, float("nan")).unbind(1), strict=True))

    def update(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None = None, intrinsics: Tensor | None = None
    ) -> None:
        """Add a batch."""
        scores, defined, present = self._scores(prediction, target, valid, intrinsics)
        self.totals = self.totals + torch.where(defined, scores, 0.0).sum(0)
        self.counts = self.counts + defined.sum(0)
        self.images = self.images + present.sum()

    def compute(self) -> dict[str, Tensor]:
        """Mean of each score over the images that have it; NaN where none has."""
        means = (self.totals / self.counts).unbind()
        return dict(zip(self.names, means, strict=True)) | {"images": self.images[0]}

    @torch.no_grad()
    def _scores(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        valid = target > 0 if valid is None else valid
        check_maps(prediction, target, valid)
        if self.needs_intrinsics and intrinsics is None:
            raise UserError(f"{type(self).__name__} needs the intrinsics of the camera, which this data set lacks.")
        prediction, target = (torch.where(valid, maps.float(), 1.0) for maps in (prediction, target))
        finite = prediction.isfinite()
        clean = torch.where(finite, prediction, 1.0)
        scores, defined = self.score(clean, target, valid, None if intrinsics is None else intrinsics.float())
        whole = finite.flatten(1).all(1, keepdim=True)
        present = valid.flatten(1).any(1, keepdim=True)
        return scores.double().where(whole, float("nan")), (defined | ~whole) & present, present


def share(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole``, 0 where both are 0."""
    return part / whole.clamp(min=1)


def count(mask: Tensor) -> Tensor:
    """True pixels of each image: ``(B, ...) -> (B,)`` float64."""
    return mask.flatten(1).sum(1).double()


def mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each image under its mask, in float64; 0 where the mask is empty: ``(B, 1, H, W) -> (B,)``."""
    return share(torch.where(mask, values, 0.0).flatten(1).sum(1, dtype=torch.float64), count(mask))


def inside(mask: Tensor, margin: int) -> Tensor:
    """The mask without ``margin`` pixels along the frame."""
    frame = torch.zeros_like(mask)
    height, width = mask.shape[-2:]
    frame[..., margin : max(height - margin, 0), margin : max(width - margin, 0)] = True
    return mask & frame
