"""Points as MoGe scores them: over the whole image, and object by object."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.geometry import back_project
from depthbench.grid_cells import nearest_valid
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric, count, mean_over_pixels, share
from depthbench.metrics.point_fits import l1_scale, l1_scale_shift, l1_shift

Similarity = tuple[Tensor, Tensor]
"""Factor ``(B,)`` and shift ``(B, 3)``."""

GRID = (64, 64)
LEAST_SAMPLES = 10
"""Sampled pixels from which on a segment is scored."""


def _no_fit(points: Tensor, target: Tensor, weight: Tensor) -> Similarity:
    return torch.ones_like(weight[:, 0]), torch.zeros_like(points[:, 0])


def _shift(points: Tensor, target: Tensor, weight: Tensor) -> Similarity:
    return torch.ones_like(weight[:, 0]), l1_shift(points, target, weight)


def _factor(points: Tensor, target: Tensor, weight: Tensor) -> Similarity:
    return l1_scale(points, target, weight), torch.zeros_like(points[:, 0])


FITS: dict[str, Callable[[Tensor, Tensor, Tensor], Similarity]] = {
    "none": _no_fit,
    "metric": _shift,
    "scale": _factor,
    "affine": l1_scale_shift,
}


def _clouds(prediction: Tensor, target: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
    """Points ``(B, H W, 3)`` float64."""
    k = intrinsics.double()
    p, g = (back_project(maps.double(), k).flatten(2).mT for maps in (prediction, target))
    return p, g


def _at(cloud: Tensor, places: Tensor) -> Tensor:
    return cloud.gather(1, places[..., None].expand(-1, -1, 3))


class MoGePointError(ImageMetric):
    """Point errors of MoGe (Wang et al. 2025; ``moge/test/metrics.py``), of points back-projected from both maps.

    ``rel``: mean of ``|p - g| / |g|``; ``delta1``: share of points with ``|p - g| < 0.25 min(|p|, |g|)``. Before, the
    prediction is fitted by weighted L1 (weights ``1 / |g|``) at one valid pixel for each cell of a 64x64 grid:

    - ``metric``: a shift in x, y, z (MoGe's "metric" points are not scored as they are);
    - ``scale``: a factor;
    - ``affine``: a factor and a shift;
    - ``none``: nothing.

    Needs intrinsics, which the prediction shares: depth from files comes without a camera of its own.

    Args:
        fit: one of these.
        sampled: False: fitted at all valid pixels.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import MoGePointError
        >>> truth = 2 + torch.rand(1, 1, 20, 30)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = MoGePointError(fit="scale")
        >>> metric.update(1.5 * truth, truth, intrinsics=camera)
        >>> round(metric.compute()["points_scale_rel"].item(), 6)
        0.0
    """

    needs_intrinsics = True

    def __init__(self, fit: str = "affine", sampled: bool = True, **kwargs: Any) -> None:
        if fit not in FITS:
            raise UserError(f"MoGePointError has no fit '{fit}'; choose one of {', '.join(FITS)}.")
        super().__init__([f"points_{fit}_rel", f"points_{fit}_delta1"], **kwargs)
        self.fit, self.sampled = fit, sampled

    def fitted(self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor) -> Similarity:
        """The factor and the shift of each image."""
        clouds = _clouds(prediction, target, intrinsics)
        known = valid.flatten(1)
        if self.sampled:
            places, known = nearest_valid(GRID, valid)
            clouds = _at(clouds[0], places), _at(clouds[1], places)
        weight = known / torch.linalg.vector_norm(clouds[1], dim=2)
        return FITS[self.fit](*clouds, weight)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        assert intrinsics is not None
        p, g = _clouds(prediction, target, intrinsics)
        scale, shift = self.fitted(prediction, target, valid, intrinsics)
        p = scale[:, None, None] * p + shift[:, None]
        far, near, error = (torch.linalg.vector_norm(one, dim=2) for one in (g, p, p - g))
        inside = valid.flatten(1)
        rel = mean_over_pixels(error / (far + 1e-6), inside)
        hits = share(count((error < 0.25 * torch.minimum(far, near)) & inside), count(inside))
        return torch.stack([rel, hits], 1), inside.any(1, keepdim=True).expand(-1, 2)


class MoGeLocalPointError(AnnotatedMetric):
    """Local point errors of MoGe: each segment's points fitted by a factor and a shift of their own.

    The diameter of a segment is the longest side of the axis-aligned box of its true points. ``rel``: mean of
    ``|p - g| / diameter``; ``delta1``: share with ``|p - g| < 0.25 diameter``; both averaged over the segments of at
    least ten sampled pixels. The fit is :class:`MoGePointError`'s. Needs intrinsics and segments; waits for the device.

    Args:
        sampled: as there.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import MoGeLocalPointError
        >>> truth = 2 + torch.rand(1, 1, 20, 30)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> halves = Annotations(segments=(torch.arange(30) // 15 + 1).expand(1, 1, 20, 30))
        >>> metric = MoGeLocalPointError()
        >>> metric.update(1.5 * truth, truth, intrinsics=camera, annotations=halves)
        >>> round(metric.compute()["points_local_rel"].item(), 6)
        0.0
    """

    needs_intrinsics = True
    needs = ("segments",)

    def __init__(self, sampled: bool = True, **kwargs: Any) -> None:
        super().__init__(["points_local_rel", "points_local_delta1"], **kwargs)
        self.sampled = sampled

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        assert intrinsics is not None
        assert annotations.segments is not None
        clouds = _clouds(prediction, target, intrinsics)
        places, known = nearest_valid(GRID, valid)
        labels = torch.where(valid, annotations.segments, 0).flatten(1)
        scores = []
        for image, own in enumerate(labels):
            sample = places[image][known[image]] if self.sampled else valid[image].flatten().nonzero()[:, 0]
            found = [
                self._segment(clouds[0][image], clouds[1][image], own == label, sample[own[sample] == label])
                for label in own.unique().tolist()
                if label
            ]
            kept = [one for one in found if one is not None]
            scores.append(torch.stack(kept).mean(0) if kept else torch.full_like(clouds[0][0, 0, :2], torch.nan))
        rows = torch.stack(scores) if scores else clouds[0][:, 0, :2]
        return rows.nan_to_num(), rows.isfinite()

    @staticmethod
    def _segment(p: Tensor, g: Tensor, inside: Tensor, sample: Tensor) -> Tensor | None:
        if len(sample) < LEAST_SAMPLES:
            return None
        true = g[inside]
        diameter = (true.amax(0) - true.amin(0)).amax()
        weight = (1 / diameter).expand(1, len(sample))
        scale, shift = l1_scale_shift(p[None, sample], g[None, sample], weight)
        error = torch.linalg.vector_norm(scale * p[inside] + shift - true, dim=1)
        return torch.stack([(error / diameter).mean(), (error < 0.25 * diameter).double().mean()])
