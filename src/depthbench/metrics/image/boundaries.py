"""Distances between predicted and true depth boundaries (Koch et al. 2018, iBims-1)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.geometry import sobel, whole_neighborhood
from depthbench.metrics.image.distances import total
from depthbench.metrics.image.edges import edge_strength
from depthbench.metrics.image.image_metric import ImageMetric, count, inside_border


def thin_edges(depth: Tensor, threshold: float) -> Tensor:
    """One-pixel edges: Sobel magnitude above the threshold and maximal along the gradient's main direction.

    Of two equal neighbors (both sides of a step) the upper or left one is kept.
    """
    dx, dy = sobel(depth)
    strength = edge_strength(depth)
    padded = F.pad(strength, (1, 1, 1, 1))
    across = (strength >= padded[..., 1:-1, 2:]) & (strength > padded[..., 1:-1, :-2])
    down = (strength >= padded[..., 2:, 1:-1]) & (strength > padded[..., :-2, 1:-1])
    return (strength > threshold) & torch.where(dx.abs() >= dy.abs(), across, down)


def distance_to(edges: Tensor, limit: int) -> Tensor:
    """Euclidean distance in pixels to the nearest True pixel, cut at ``limit``: exact, by rows and then columns."""
    far = torch.full(edges.shape, float(limit**2), device=edges.device)
    squares = torch.where(edges, 0.0, far)
    for dim in (-2, -1):
        nearest = squares.clone()
        for step in range(1, min(limit, squares.shape[dim])):
            rest = squares.shape[dim] - step
            for start, source in ((0, step), (step, 0)):
                window = nearest.narrow(dim, start, rest)
                window.copy_(torch.minimum(window, squares.narrow(dim, source, rest) + step**2))
        squares = nearest
    return squares.sqrt()


class BoundaryError(ImageMetric):
    """Depth-boundary error in pixels: accuracy and completeness.

    ``DBE_accuracy``: mean distance of predicted edges to true ones, of those nearer than ``limit``;
    ``DBE_completeness``: mean distance, cut at ``limit``, from each side's edges to the other's. Both are ``limit``
    where no predicted edge is near a true one; images without a true edge are left out. These are the formulas of
    iBims-1's scripts; the edges are ours (thinned Sobel in metres instead of Canny on a normalized map), so that
    numbers compare within this suite only.

    Args:
        threshold: metres of un-normalized Sobel magnitude.
        limit: pixels.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import BoundaryError
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)  # a step of one metre
        >>> prediction = truth.roll(1, -1)  # a pixel to the right
        >>> metric = BoundaryError()
        >>> metric.update(prediction[..., 2:], truth[..., 2:])
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'DBE_accuracy': 1.0, 'DBE_completeness': 1.0, 'images': 1.0}
    """

    higher_is_better = False

    def __init__(self, threshold: float = 0.5, limit: int = 10, **kwargs: Any) -> None:
        super().__init__(["DBE_accuracy", "DBE_completeness"], **kwargs)
        self.threshold = threshold
        self.limit = limit

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        where = inside_border(whole_neighborhood(valid), 1)
        found = thin_edges(prediction, self.threshold) & where
        wanted = thin_edges(target, self.threshold) & where
        to_wanted, to_found = distance_to(wanted, self.limit), distance_to(found, self.limit)
        near = found & (to_wanted < self.limit)
        accuracy = total(to_wanted, near) / count(near)
        completeness = (total(to_wanted, found) + total(to_found, wanted)) / (count(found) + count(wanted))
        scores = torch.stack([accuracy, completeness], 1)
        scores = scores.where(count(near)[:, None] > 0, float(self.limit))
        return scores, (count(wanted) > 0)[:, None].expand_as(scores)
