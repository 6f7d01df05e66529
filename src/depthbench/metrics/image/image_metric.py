"""Base class of metrics computed per image (edges, normals, order), not per pixel."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from depthbench.annotations import MEANINGS, Annotations
from depthbench.errors import UserError
from depthbench.maps import above_zero, at_least_float32, check_maps


class ImageMeans(Metric):
    """Means over images of named scores that some images may lack.

    ``add(sums)`` takes ``(B, 2 K + 1)`` float64: K scores (0 where an image lacks one), K times 1 or 0 for having it,
    and 1 or 0 for an image with a valid pixel; ``compute()`` gives one scalar per name and ``images``.

    Args:
        names: of the K scores.
        **kwargs: torchmetrics options.
    """

    is_differentiable = False
    higher_is_better: bool | None = None
    full_state_update = False

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = tuple(names)
        self.sums: Tensor
        self.add_state("sums", torch.zeros(2 * len(self.names) + 1, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sums: Tensor) -> None:
        """Add a batch."""
        self.sums = self.sums + sums.sum(0)

    def compute(self) -> dict[str, Tensor]:
        """Mean of each score over the images that have it; NaN where none has."""
        return image_scores(self.sums, self.names) | {"images": self.sums[-1]}


def image_scores(sums: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Scores by name from sums ``(..., 2 K + 1)`` of one image or many; NaN where there is none."""
    count = len(names)
    return dict(zip(names, (sums[..., :count] / sums[..., count : 2 * count]).unbind(-1), strict=True))


class ImageMetric(ImageMeans):
    """Mean over images of scores of a whole image.

    ``update(prediction, target, valid=None, intrinsics=None, annotations=None)``: maps ``(B, 1, H, W)`` in metres, a
    bool mask (by default ``target > 0``) and, where a subclass needs them, intrinsics ``(B, 3, 3)`` in pixels of these
    maps and annotations at their size. A subclass that needs annotations is an :class:`AnnotatedMetric`.
    ``compute()`` gives one float64 scalar per name in :attr:`names`, and ``images``: how many had a valid pixel.

    A score that an image does not have (no edge to find) is left out of that score's mean only. A prediction with a
    NaN or infinity under the mask scores NaN; one outside has no influence.

    Example:
        A metric of one's own names its scores and computes them for each image:

        >>> import torch
        >>> from depthbench.metrics import ImageMetric
        >>> class Nearest(ImageMetric):
        ...     def __init__(self):
        ...         super().__init__(["nearest_error"])
        ...
        ...     def score(self, prediction, target, valid, intrinsics):
        ...         least = [maps.where(valid, 1e9).flatten(1).amin(1, keepdim=True) for maps in (prediction, target)]
        ...         return (least[0] - least[1]).abs(), valid.flatten(1).any(1, keepdim=True)
        >>> metric = Nearest()
        >>> metric.update(torch.full((1, 1, 4, 4), 2.5), torch.full((1, 1, 4, 4), 2.0))
        >>> metric.compute()["nearest_error"].item()
        0.5
    """

    needs_intrinsics = False
    needs: tuple[str, ...] = ()
    """Fields of :class:`~depthbench.annotations.Annotations` without which there is no score."""

    @abstractmethod
    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Scores ``(B, len(names))`` and where they are defined; maps are finite, 1 m outside the mask."""

    def per_image(
        self,
        prediction: Tensor,
        target: Tensor,
        valid: Tensor | None = None,
        intrinsics: Tensor | None = None,
        annotations: Annotations | None = None,
    ) -> dict[str, Tensor]:
        """Scores of each image, ``(B,)`` float64; NaN where an image has none."""
        return image_scores(self.image_sums(prediction, target, valid, intrinsics, annotations), self.names)

    def update(  # type: ignore[override]
        self,
        prediction: Tensor,
        target: Tensor,
        valid: Tensor | None = None,
        intrinsics: Tensor | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        """Add a batch."""
        super().update(self.image_sums(prediction, target, valid, intrinsics, annotations))

    @torch.no_grad()
    def image_sums(
        self,
        prediction: Tensor,
        target: Tensor,
        valid: Tensor | None = None,
        intrinsics: Tensor | None = None,
        annotations: Annotations | None = None,
    ) -> Tensor:
        """The addends of :class:`ImageMeans`, ``(B, 2 K + 1)``; arguments as for ``update``."""
        valid = above_zero(target) if valid is None else valid
        check_maps(prediction, target, valid)
        lacking = lacks(self, intrinsics is not None, annotations)
        if lacking:
            raise UserError(f"{type(self).__name__} needs {' and '.join(lacking)}, which this data set lacks.")
        if annotations is not None and self.needs:
            annotations.check(target.shape[-2:])
        prediction, target = (at_least_float32(maps) for maps in (prediction, target))
        if not everywhere(valid):
            prediction, target = (torch.where(valid, maps, 1.0) for maps in (prediction, target))
        clean, whole = _finite_part(prediction)
        known = None if intrinsics is None else at_least_float32(intrinsics)
        scores, defined = self._scores(clean, target, valid, known, annotations)
        present = (count(valid) > 0)[:, None]
        defined = (defined | ~whole) & present
        scores = torch.where(defined, scores.double().where(whole, float("nan")), 0.0)
        return torch.cat([scores, defined, present], 1)

    def _scores(
        self,
        prediction: Tensor,
        target: Tensor,
        valid: Tensor,
        intrinsics: Tensor | None,
        annotations: Annotations | None,
    ) -> tuple[Tensor, Tensor]:
        return self.score(prediction, target, valid, intrinsics)


class AnnotatedMetric(ImageMetric):
    """An :class:`ImageMetric` that needs annotations: a subclass lists them in ``needs``."""

    @abstractmethod
    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """Like :meth:`ImageMetric.score`, with all the annotations that the metric needs."""

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Refuse: there is no score without annotations."""
        return self._scores(prediction, target, valid, intrinsics, None)

    def _scores(
        self,
        prediction: Tensor,
        target: Tensor,
        valid: Tensor,
        intrinsics: Tensor | None,
        annotations: Annotations | None,
    ) -> tuple[Tensor, Tensor]:
        if annotations is None:
            raise UserError(f"{type(self).__name__} needs annotations.")
        return self.score_annotated(prediction, target, valid, intrinsics, annotations)


def lacks(metric: ImageMetric, camera: bool, annotations: Annotations | None) -> list[str]:
    """Missing inputs of a metric, in words for a sentence."""
    present = annotations.present if annotations is not None else ()
    lacking = [MEANINGS[name] for name in metric.needs if name not in present]
    return [*(["intrinsics of the camera"] if metric.needs_intrinsics and not camera else []), *lacking]


def _finite_part(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Maps with 1 m in place of values that are not finite, and which images ``(B, 1)`` are wholly finite."""
    # A sum takes a tenth of the time of a look at each pixel; elsewhere asking would wait for the device.
    if maps.device.type == "cpu" and bool(maps.sum().isfinite()):
        return maps, torch.ones(len(maps), 1, dtype=torch.bool)
    finite = maps.isfinite()
    return torch.where(finite, maps, 1.0), finite.flatten(1).all(1, keepdim=True)


def everywhere(mask: Tensor) -> bool:
    """Whether a mask is known to be True everywhere: only on a CPU, since asking would wait for another device."""
    return mask.device.type == "cpu" and bool(mask.numpy().all())  # a tenth of torch's time


def share(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole``, 0 where both are 0."""
    return part / whole.clamp(min=1)


def count(mask: Tensor) -> Tensor:
    """True pixels of each image: ``(B, ...) -> (B,)`` float64."""
    if mask.device.type == "cpu":  # numpy counts in a twentieth of torch's time
        return torch.tensor([np.count_nonzero(one) for one in mask.numpy()], dtype=torch.float64)
    return mask.flatten(1).sum(1).double()


def mean_over_pixels(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each image under its mask, in float64; 0 where the mask is empty: ``(B, 1, H, W) -> (B,)``."""
    return share(torch.where(mask, values, 0.0).flatten(1).sum(1, dtype=torch.float64), count(mask))


def inside_border(mask: Tensor, margin: int) -> Tensor:
    """The mask without ``margin`` pixels along the frame."""
    frame = torch.zeros_like(mask)
    height, width = mask.shape[-2:]
    frame[..., margin : max(height - margin, 0), margin : max(width - margin, 0)] = True
    return mask & frame
