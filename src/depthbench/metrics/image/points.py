"""Error in space: Chamfer distance and F-score of the point clouds of two depth maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import back_project
from depthbench.metrics.image.image_metric import ImageMetric


def nearest_distances(cloud: NDArray[np.float64], other: NDArray[np.float64], queries: int | None) -> NDArray[Any]:
    """Distance to ``other (M, 3)`` from up to ``queries`` evenly spaced points of ``cloud (N, 3)``."""
    if queries is not None and len(cloud) > queries:
        cloud = cloud[np.linspace(0, len(cloud) - 1, queries).round().astype(int)]
    return np.asarray(cKDTree(other, compact_nodes=False, balanced_tree=False).query(cloud)[0])


class PointCloudError(ImageMetric):
    """Chamfer distance (metres) and F-scores of the back-projected maps; needs intrinsics.

    ``chamfer``: mean of the two mean distances, prediction to truth and back (some papers print their sum).
    ``F_5cm``: harmonic mean of precision (share of predicted points nearer than 5 cm to the true cloud) and recall
    (the other way). Nearest points are exact, by a k-d tree on the CPU, so that ``update`` waits for the device.

    Args:
        thresholds: metres.
        queries: points of each cloud, evenly spaced, whose distance to the whole other cloud is measured; None for
            all (about ten times as slow at 480x640).
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import PointCloudError
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = PointCloudError(thresholds=[0.05], queries=None)
        >>> metric.update(truth + 0.01, truth, intrinsics=camera)
        >>> {name: round(value.item(), 3) for name, value in metric.compute().items()}
        {'chamfer': 0.01, 'F_5cm': 1.0, 'images': 1.0}
    """

    needs_intrinsics = True

    def __init__(self, thresholds: Sequence[float] = (0.05, 0.10), queries: int | None = 10_000, **kwargs: Any) -> None:
        super().__init__(["chamfer", *(f"F_{100 * threshold:g}cm" for threshold in thresholds)], **kwargs)
        if queries is not None and queries < 1:
            raise UserError(f"PointCloudError needs at least one query or None for all points, not {queries}.")
        self.thresholds = tuple(thresholds)
        self.queries = queries

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        assert intrinsics is not None
        clouds = [back_project(maps.double(), intrinsics.double()).cpu().numpy() for maps in (prediction, target)]
        masks = valid[:, 0].cpu().numpy()
        rows = [self._one(p[:, mask].T, t[:, mask].T) for p, t, mask in zip(*clouds, masks, strict=True)]
        scores = torch.tensor(rows, dtype=torch.float64, device=target.device).reshape(len(target), len(self.names))
        return scores, valid.flatten(1).any(1, keepdim=True).expand_as(scores)

    def _one(self, predicted: NDArray[np.float64], true: NDArray[np.float64]) -> list[float]:
        if len(true) == 0:
            return [0.0] * len(self.names)
        forth = nearest_distances(predicted, true, self.queries)
        back = nearest_distances(true, predicted, self.queries)
        f_scores = []
        for threshold in self.thresholds:
            precision, recall = float((forth < threshold).mean()), float((back < threshold).mean())
            f_scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
        return [float(forth.mean() + back.mean()) / 2, *f_scores]
