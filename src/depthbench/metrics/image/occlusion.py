"""Occluding boundaries as ratios between neighbors: the boundary scores of Depth Pro and of MoGe.

Both count pairs of neighbors of which one is farther by more than a factor, for ten factors, and need no edge detector.
They share a name and differ in the factors, the neighbors and the pooling.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.maps import places_of
from depthbench.metrics.image import edge_kernel
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric, everywhere, share

LEAST = 1e-6
"""Metres: a prediction at or behind the camera counts as this depth."""


def factors(least: float, most: float) -> Tensor:
    """The ten thresholds, float64, each of which is also its weight."""
    return torch.linspace(least, most, 10, dtype=torch.float64)


def weighted(scores: Tensor, weights: Tensor) -> Tensor:
    """Mean over the last dimension."""
    mean: Tensor = (scores * weights).sum(-1) / weights.sum()
    return mean


class StepPairs(NamedTuple):
    """Pairs of pixels some way apart, as places in flattened maps ``(B, 1, H, W)``.

    Attributes:
        first: ``(N,)``.
        second: ``(N,)``.
        image: ``(N,)``, which image.
    """

    first: Tensor
    second: Tensor
    image: Tensor

    def values(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The values of both pixels of each pair."""
        flat = maps.flatten()
        return flat[self.first], flat[self.second]


def log_depths(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of both maps, float32, NaN where a pixel is not valid: the input of :func:`step_pairs`."""
    logs = [maps.float().clamp(min=LEAST).log_() for maps in (prediction, target)]
    if not everywhere(valid):
        logs = [maps.masked_fill_(~valid, torch.nan) for maps in logs]
    return logs[0], logs[1]


def step_pairs(logs: tuple[Tensor, Tensor], down: int, across: int, factor: float) -> StepPairs:
    """Pairs of pixels ``(down >= 0, across)`` apart whose depths differ by the factor at least, in either map.

    On a CPU few are left, and the next steps are cheap; elsewhere counting them would wait for the device, and all are.
    """
    images, _, height, width = logs[0].shape
    rows, columns = max(height - down, 0), max(width - abs(across), 0)
    left = max(-across, 0)
    if logs[0].device.type == "cpu":
        least = math.log(factor) - 1e-5  # of float32 logarithms
        steps = [
            (maps[..., down:, left + across : left + across + columns] - maps[..., :rows, left : left + columns]).abs_()
            for maps in logs
        ]
        places = places_of(torch.maximum(steps[0], steps[1]) > least)  # NaN in both maps, or in none
    else:
        places = torch.arange(images * rows * columns, device=logs[0].device)
    area = max(rows * columns, 1)
    image, rest = places // area, places % area
    first = (image * height + rest // max(columns, 1)) * width + rest % max(columns, 1) + left
    return StepPairs(first, first + down * width + across, image)


def edge_counts(levels: Sequence[Tensor], image: Tensor, images: int, steps: int) -> Tensor:
    """Pairs above each limit in the prediction, in the truth and in both: ``(3, images, steps)`` float64.

    Args:
        levels: of each pair ``(N,)``, how many limits the prediction's ratio exceeds, and how many the truth's.
        image: ``(N,)``, which image the pair is of.
        images: how many there are.
        steps: number of limits.
    """
    bins = image * (steps + 1) + torch.stack([*levels, torch.minimum(*levels)])
    counts = torch.zeros(3, images * (steps + 1), dtype=torch.float64, device=image.device)
    counts.scatter_add_(1, bins, torch.ones_like(bins, dtype=torch.float64))
    above: Tensor = counts.view(3, images, steps + 1).flip(2).cumsum(2).flip(2)[..., 1:]
    return above


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
        limits = factors(1.05, 1.25).to(target.device)
        kernel = edge_kernel.takes(prediction, target)
        counts = (_compiled_counts if kernel else _direction_counts)(prediction, target, valid, limits)
        found, wanted, both = counts.unbind(1)
        precision, recall = (share(both, one).mean(0) for one in (found, wanted))
        total = precision + recall
        f1 = 2 * precision * recall / torch.where(total > 0, total, 1.0)
        return weighted(f1, limits)[:, None], valid.flatten(1).any(1, keepdim=True)


def _direction_counts(prediction: Tensor, target: Tensor, valid: Tensor, limits: Tensor) -> Tensor:
    """:func:`edge_counts` of neighbors right, left, below and above: ``(4, 3, B, K)``."""
    logs, found = log_depths(prediction, target, valid), []
    for down, across in ((0, 1), (1, 0)):
        pairs = step_pairs(logs, down, across, 1.05)
        known = torch.logical_and(*pairs.values(valid))
        inverse = [[1 / one.clamp(min=LEAST) for one in pairs.values(maps)] for maps in (prediction, target)]
        for first, second in ((0, 1), (1, 0)):
            ratios = [(one[second] / one[first]).double() for one in inverse]
            levels = [torch.bucketize(ratio, limits) * known for ratio in ratios]
            found.append(edge_counts(levels, pairs.image, len(target), len(limits)))
    return torch.stack(found)


def _compiled_counts(prediction: Tensor, target: Tensor, valid: Tensor, limits: Tensor) -> Tensor:
    """Like :func:`_direction_counts`, by ``edges.c``."""
    inverse = [maps.clamp(min=LEAST).reciprocal_() for maps in (prediction, target)]
    if not everywhere(valid):
        inverse = [maps.masked_fill_(~valid, torch.nan) for maps in inverse]
    images = zip(*(edge_kernel.dense(maps[:, 0]) for maps in inverse), strict=True)
    levels = [torch.from_numpy(edge_kernel.step_levels(p, t, limits.numpy())) for p, t in images]
    counts = torch.stack(levels, 2) if levels else torch.zeros(4, 3, 0, len(limits) + 1)
    above: Tensor = counts.double().flip(3).cumsum(3).flip(3)[..., 1:]
    return above


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
        limits = 1 + factors(0.05, 0.25).to(target.device)
        batch, _, height, width = target.shape
        logs = log_depths(prediction, target, valid)
        counts = torch.zeros(len(self.radii), 3, batch, len(limits), dtype=torch.float64, device=target.device)
        for down, across in _half_disc(max(self.radii)):
            pairs = step_pairs(logs, down, across, 1.05)
            known = torch.logical_and(*pairs.values(valid))
            depths = [[one.clamp(min=LEAST) for one in pairs.values(maps)] for maps in (prediction, target)]
            for first, second, center in ((0, 1, pairs.first), (1, 0, pairs.second)):
                ratios = [(one[second] / one[first]).double() for one in depths]
                levels = [torch.bucketize(ratio, limits) * known for ratio in ratios]
                row, column = center // width % height, center % width
                border = torch.minimum(torch.minimum(row, height - 1 - row), torch.minimum(column, width - 1 - column))
                for place, radius in enumerate(self.radii):
                    if down * down + across * across <= radius * radius:
                        inside = [level * (border >= radius) for level in levels]
                        counts[place] += edge_counts(inside, pairs.image, batch, len(limits))
        found, wanted, both = counts.unbind(1)
        scores = weighted(share(2 * both, found + wanted), limits - 1).T
        return scores, valid.flatten(1).any(1, keepdim=True).expand_as(scores)


def _half_disc(radius: int) -> list[tuple[int, int]]:
    """Offsets (down, across) up to the radius, one of each two that are opposite."""
    steps = range(-radius, radius + 1)
    return [(i, j) for i in range(radius + 1) for j in steps if i * i + j * j <= radius * radius and (i > 0 or j > 0)]


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
    """Count the places ``edges`` that are the largest of their run of ratios above each limit, ``(B, K)`` float64.

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
