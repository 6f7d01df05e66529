"""Order of depths over all pairs of pixels, and EvalMDE's sum of five scores."""

from typing import Any

import torch
from torch import Tensor

from depthbench.metrics.image.image_metric import ImageMetric, count, share
from depthbench.metrics.image.occlusion import DepthProBoundaryF1
from depthbench.metrics.image.published_normals import RelNormal

LEAST_DEPTH = 1e-4
"""Limit of aligned disparity (1/m) and of aligned depth (m) in EvalMDE."""

WEIGHTS = {"WKDR": 3.65, "disparity": 0.18, "depth": 0.01, "boundary": 0.20, "RelNormal": 1.94}


def concordant_pairs(first: Tensor, second: Tensor) -> Tensor:
    """Number of ordered pairs (i, j) with ``first_i < first_j`` and ``second_i < second_j``: exact, a float64 scalar.

    By merging sorted blocks, in O(N log^2 N) and without a loop over pixels.

    Args:
        first: ``(N,)``.
        second: ``(N,)``.
    """
    number = len(first)
    order = second.argsort(descending=True, stable=True)
    order = order[first[order].argsort(stable=True)]  # of equal first values the larger second comes first
    ranks = torch.unique(second, return_inverse=True)[1][order]
    size = 1 << max(number - 1, 0).bit_length()
    blocks = torch.full((size,), number, dtype=torch.int64, device=first.device)  # larger than all, and last
    blocks[:number] = ranks
    total = torch.zeros((), dtype=torch.float64, device=first.device)
    blocks = blocks.view(-1, 1)
    while len(blocks) > 1:
        left, right = blocks[0::2].contiguous(), blocks[1::2].contiguous()
        total += torch.searchsorted(left, right).sum()  # the number of values of the left block that are less
        blocks = torch.cat([left, right], 1).sort(1).values
    return total - float(number) * (size - number)


def disordered_share(prediction: Tensor, target: Tensor) -> Tensor:
    """Share of all ordered pairs (i, j), i = j among them, with ``(p_i < p_j) != (t_i < t_j)``; values ``(N,)``."""
    number = float(len(target))
    less = [_ordered_pairs(values) for values in (prediction, target)]
    return (less[0] + less[1] - 2 * concordant_pairs(prediction, target)) / max(number * number, 1.0)


def _ordered_pairs(values: Tensor) -> Tensor:
    equal: Tensor = torch.unique(values, return_counts=True)[1]
    return (float(len(values)) ** 2 - (equal.double() ** 2).sum()) / 2


class WKDR(ImageMetric):
    """WKDR of EvalMDE (Wen et al. 2025): share of pairs of valid pixels of which the wrong one is predicted nearer.

    Over all pairs, exact. The released code estimates it from ten million random pairs, which are not seeded (standard
    error below 0.0002). :class:`~depthbench.metrics.OrdinalError` is WHDR, in which nearly equal depths are equal.
    Waits for the device.

    Example:
        >>> import torch
        >>> from depthbench.metrics import WKDR
        >>> truth = 1 + torch.arange(600.0).reshape(1, 1, 20, 30)
        >>> metric = WKDR()
        >>> metric.update(truth**2, truth)
        >>> metric.compute()["WKDR"].item()
        0.0
    """

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["WKDR"], **kwargs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        images = zip(prediction, target, valid, strict=True)
        scores = [disordered_share(p[mask], t[mask]) for p, t, mask in images]
        return _column(scores, target), valid.flatten(1).any(1, keepdim=True)


class SAWAH(ImageMetric):
    """SAWA-H of EvalMDE (Wen et al. 2025; ``evalmde/metrics/sawa_h.py``): five scores, weighted as people judge depth.

    3.65 WKDR + 0.18 (1 - delta of 1.25^0.125 after least squares in disparity) + 0.01 (the same in depth) + 0.20 (1 -
    boundary F1 of Depth Pro) + 1.94 RelNormal. It aligns by itself: choose a protocol that does not. Needs intrinsics.
    WKDR is exact (see :class:`WKDR`).

    Args:
        pairs: of RelNormal.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SAWAH
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40) + torch.rand(30, 40) / 100
        >>> camera = torch.tensor([[[60.0, 0.0, 19.5], [0.0, 60.0, 14.5], [0.0, 0.0, 1.0]]])
        >>> metric = SAWAH(pairs=1000)
        >>> metric.update(7 * truth, truth, intrinsics=camera)
        >>> metric.compute()["SAWA_H"].item() < 0.3
        True
    """

    higher_is_better = False
    needs_intrinsics = True

    def __init__(self, pairs: int = 1_000_000, **kwargs: Any) -> None:
        super().__init__(["SAWA_H"], **kwargs)
        self.order, self.boundary, self.shape = WKDR(), DepthProBoundaryF1(), RelNormal(pairs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        maps = prediction, target, valid, intrinsics
        shape, has_shape = self.shape.score(*maps)
        by_disparity = 1 / line_fitted(1 / prediction.double(), 1 / target.double(), valid).clamp(min=LEAST_DEPTH)
        by_depth = line_fitted(prediction.double(), target.double(), valid).clamp(min=LEAST_DEPTH)
        scores = (
            WEIGHTS["WKDR"] * self.order.score(*maps)[0]
            + WEIGHTS["disparity"] * (1 - _fine_delta(by_disparity, target, valid))
            + WEIGHTS["depth"] * (1 - _fine_delta(by_depth, target, valid))
            + WEIGHTS["boundary"] * (1 - self.boundary.score(*maps)[0])
            + WEIGHTS["RelNormal"] * shape
        )
        return scores, has_shape


def line_fitted(x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
    """``s x + t`` of maps by least squares, for each image; a constant x becomes the mean of y."""
    number = count(valid).clamp(min=1)[:, None, None, None]
    x_mean, y_mean = (torch.where(valid, maps, 0.0).sum((1, 2, 3), keepdim=True) / number for maps in (x, y))
    dx, dy = (torch.where(valid, maps - mean, 0.0) for maps, mean in ((x, x_mean), (y, y_mean)))
    square = (dx * dx).sum((1, 2, 3), keepdim=True)
    scale = (dx * dy).sum((1, 2, 3), keepdim=True) / torch.where(square > 0, square, 1.0)
    return scale * (x - x_mean) + y_mean


def _fine_delta(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    ratio = torch.maximum(target / (prediction + 1e-10), prediction / (target + 1e-10))
    return share(count((ratio < 1.25**0.125) & valid), count(valid))[:, None]


def _column(scores: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(scores)[:, None] if scores else torch.zeros(0, 1, device=like.device)
