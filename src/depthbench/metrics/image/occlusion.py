"""Occluding boundaries as ratios between neighbors: the boundary scores of Depth Pro and of MoGe.

Both count pairs of neighbors of which one is farther by more than a factor, for ten factors, and need no edge detector.
They share a name and differ in the factors, the neighbors and what is pooled.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric, share

LEAST = 1e-6
"""Metres: what is predicted at or behind the camera is taken to be there."""


def factors(least: float, most: float) -> Tensor:
    """The ten thresholds, float64, each of which is also its weight."""
    return torch.linspace(least, most, 10, dtype=torch.float64)


def weighted(scores: Tensor, weights: Tensor) -> Tensor:
    """Mean over the last dimension."""
    return (scores * weights).sum(-1) / weights.sum()


def edge_counts(
    found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor], valid: Tensor, limits: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs whose ratio exceeds each limit: in the prediction, in the truth, in both; each ``(B, K)`` float64.

    Args:
        found: far and near value of each pair of the prediction, ``(B, ...)`` positive.
        wanted: of the truth.
        valid: which pairs count.
        limits: ``(K,)`` increasing.
    """
    limits = limits.to(valid.device)
    batch, steps = len(valid), len(limits) + 1
    image = torch.arange(batch, device=valid.device).view(-1, *[1] * (valid.ndim - 1)).expand_as(valid)
    if valid.device.type == "cpu":  # few pairs are edges at all; elsewhere asking which would wait for the device
        least = float(limits[0]) * (1 - 1e-6)
        kept = valid & ((found[0] > found[1] * least) | (wanted[0] > wanted[1] * least))
        places = kept.flatten().nonzero()[:, 0]
        found = found[0].flatten()[places], found[1].flatten()[places]
        wanted = wanted[0].flatten()[places], wanted[1].flatten()[places]
        image, valid = image.flatten()[places], valid.flatten()[places]
    levels = [torch.bucketize((far / near).double(), limits) * valid for far, near in (found, wanted)]
    levels.append(torch.minimum(*levels))
    counts = []
    for level in levels:
        histogram = torch.zeros(batch * steps, dtype=torch.float64, device=level.device)
        bins = (image * steps + level).flatten()
        histogram.index_add_(0, bins, torch.ones_like(bins, dtype=torch.float64))
        above = histogram.view(batch, steps).flip(1).cumsum(1).flip(1)
        counts.append(above[:, 1:])
    return counts[0], counts[1], counts[2]


def _directions(maps: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Neighbor and pixel, for the neighbors on the right, on the left, below and above."""
    for dim in (-1, -2):
        length = maps.shape[dim] - 1
        first, second = maps.narrow(dim, 0, length), maps.narrow(dim, 1, length)
        yield second, first
        yield first, second


class DepthProBoundaryF1(ImageMetric):
    """Scale-invariant boundary F1 of Depth Pro (Bochkovskii et al. 2024; ``boundary_metrics.py`` of its release).

    An edge is a pair of neighbors whose ratio of inverse depths exceeds t. Precision and recall are each the mean of
    four directions, F1 is theirs, and the score is the mean of F1 for ten t from 1.05 to 1.25, weighted by t. An image
    whose truth has no edge scores 0, as there. Pairs with an invalid pixel do not count (as in EvalMDE).

    Example:
        >>> import torch
        >>> from depthbench.metrics import DepthProBoundaryF1
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)  # a step of one metre
        >>> metric = DepthProBoundaryF1()
        >>> metric.update(7 * truth, truth)  # at another scale; only one of the four directions has edges
        >>> round(metric.compute()["boundary_F1_depth_pro"].item(), 4)
        0.25
    """

    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["boundary_F1_depth_pro"], **kwargs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        limits = factors(1.05, 1.25)
        inverse = [1 / maps.clamp(min=LEAST) for maps in (prediction, target)]
        precision = recall = torch.zeros(len(target), len(limits), dtype=torch.float64, device=target.device)
        for found, wanted, (there, here) in zip(*map(_directions, [*inverse, valid]), strict=True):
            n_found, n_wanted, both = edge_counts(found, wanted, there & here, limits)
            precision, recall = precision + share(both, n_found) / 4, recall + share(both, n_wanted) / 4
        total = precision + recall
        f1 = 2 * precision * recall / torch.where(total > 0, total, 1.0)
        return weighted(f1, limits.to(f1.device))[:, None], valid.flatten(1).any(1, keepdim=True)


class MoGeBoundaryF1(ImageMetric):
    """Boundary F1 of MoGe-2 (Wang et al. 2025; ``moge/test/metrics.py``); the paper's column is radius 1.

    An edge is a pair of pixels within the radius of which the second is deeper by more than a factor 1 + t. Pairs of
    all directions are pooled, F1 = 2 TP / (predicted + true), and the score is its mean for ten t from 0.05 to 0.25,
    weighted by t. Pixels nearer than the radius to the frame are no centers. Prediction and truth must be at one scale
    for nothing: a common factor does not matter, a shift does.

    Args:
        radii: in pixels; each gives ``boundary_F1_moge_1`` and so on.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import MoGeBoundaryF1
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)  # a step of one metre
        >>> metric = MoGeBoundaryF1(radii=[1])
        >>> metric.update(7 * truth, truth)
        >>> metric.compute()["boundary_F1_moge_1"].item()
        1.0
    """

    higher_is_better = True

    def __init__(self, radii: tuple[int, ...] | list[int] = (1, 2, 3), **kwargs: Any) -> None:
        super().__init__([f"boundary_F1_moge_{radius}" for radius in radii], **kwargs)
        if not radii or min(radii) < 1:
            raise UserError(f"MoGeBoundaryF1 needs radii from 1 pixel on, not {list(radii)}.")
        self.radii = tuple(radii)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        scores = [self._one(prediction.clamp(min=LEAST), target, valid, radius) for radius in self.radii]
        return torch.stack(scores, 1), valid.flatten(1).any(1, keepdim=True).expand(-1, len(scores))

    @staticmethod
    def _one(prediction: Tensor, target: Tensor, valid: Tensor, radius: int) -> Tensor:
        limits = factors(0.05, 0.25)
        height, width = (max(side - 2 * radius, 0) for side in target.shape[-2:])
        if not height or not width:
            return torch.zeros(len(target), dtype=torch.float64, device=target.device)

        def window(maps: Tensor, down: int, across: int) -> Tensor:
            return maps.narrow(-2, radius + down, height).narrow(-1, radius + across, width)

        steps = range(-radius, radius + 1)
        total = torch.zeros(3, len(target), len(limits), dtype=torch.float64, device=target.device)
        for down, across in ((i, j) for i in steps for j in steps if 0 < i * i + j * j <= radius * radius):
            pairs = [(window(maps, down, across), window(maps, 0, 0)) for maps in (prediction, target)]
            known = window(valid, down, across) & window(valid, 0, 0)
            total += torch.stack(edge_counts(pairs[0], pairs[1], known, 1 + limits))
        return weighted(share(2 * total[2], total[0] + total[1]), limits.to(total.device))


class DepthProMaskRecall(AnnotatedMetric):
    """Boundary recall of Depth Pro against alpha masks (its release, ``SI_boundary_Recall``; AM-2k, P3M-10k, DIS-5k).

    In each direction the mask's edges are its foreground pixels with a background neighbor; predicted edges are pairs
    whose ratio of inverse depths exceeds t, of each run of such pairs the one with the largest ratio. The score is the
    mean recall of four directions for ten t from 1.05 to 1.25, weighted by t; a direction without an edge counts 0, as
    there. Needs alpha masks; the depth of the truth is not looked at, only where it is valid.

    Args:
        foreground: alpha above which a pixel is foreground.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import DepthProMaskRecall
        >>> alpha = torch.zeros(1, 1, 20, 30)
        >>> alpha[..., 5:15, 10:20] = 1.0
        >>> depth = torch.where(alpha > 0, 1.0, 4.0)
        >>> metric = DepthProMaskRecall()
        >>> metric.update(depth, depth, annotations=Annotations(alpha=alpha))
        >>> round(metric.compute()["boundary_recall_masks"].item(), 6)
        1.0
    """

    higher_is_better = True
    needs = ("alpha",)

    def __init__(self, foreground: float = 0.1, **kwargs: Any) -> None:
        super().__init__(["boundary_recall_masks"], **kwargs)
        self.foreground = foreground

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        assert annotations.alpha is not None
        limits = factors(1.05, 1.25).to(prediction.device)
        inverse = 1 / prediction.double().clamp(min=LEAST)
        front = annotations.alpha > self.foreground
        recall = torch.zeros(len(prediction), len(limits), dtype=torch.float64, device=prediction.device)
        for turned in (False, True):
            maps = [x.mT if turned else x for x in (inverse, front, valid)]
            for (near, far), (fore, back), (a, b) in zip(*map(_along_rows, maps), strict=True):
                known = a & b
                ratio = torch.where(known, near / far, 0.0)
                edges = fore & ~back & known
                hits = thinned_hits(ratio, edges, limits)
                recall += share(hits, edges.flatten(1).sum(1, keepdim=True)) / 4
        return weighted(recall, limits)[:, None], valid.flatten(1).any(1, keepdim=True)


def _along_rows(maps: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    yield maps[..., 1:], maps[..., :-1]
    yield maps[..., :-1], maps[..., 1:]


def thinned_hits(ratio: Tensor, edges: Tensor, limits: Tensor) -> Tensor:
    """How many of the places ``edges`` are the largest of their run of ratios above each limit, ``(B, K)`` float64.

    A run lies along a row; of equal ratios the first is the largest. Instead of a thinning for each limit: a place wins
    for all limits between its own ratio and the least that stands between it and a larger one. Waits for the device.
    """
    places = edges.nonzero()
    rows, own = ratio.flatten(0, -2), ratio[edges]
    row, column = places[:, 0] * ratio.shape[-2] + places[:, -2], places[:, -1]
    barrier = torch.maximum(*(_barrier(rows, row, column, own, step, limits) for step in (-1, 1)))
    wins = (barrier[:, None] <= limits) & (limits < own[:, None])
    hits = torch.zeros(len(ratio), len(limits), dtype=torch.float64, device=ratio.device)
    return hits.index_add_(0, places[:, 0], wins.double())


def _barrier(rows: Tensor, row: Tensor, column: Tensor, own: Tensor, step: int, limits: Tensor) -> Tensor:
    """Least ratio on the way to the next larger one (before it: or equal); 0 where there is none."""
    least = own.clone()
    result = torch.zeros_like(own)
    active = torch.arange(len(own), device=own.device)
    while len(active):
        column = column + step
        inside = (column >= 0) & (column < rows.shape[1])
        active, column, row = active[inside], column[inside], row[inside]
        value = rows[row, column]
        larger = value >= own[active] if step < 0 else value > own[active]
        result[active[larger]] = least[active[larger]]
        least[active] = torch.minimum(least[active], value)
        on = ~larger & (least[active] > limits[0])
        active, column, row = active[on], column[on], row[on]
    return result
