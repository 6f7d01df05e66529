"""Distances between point clouds as UniDepth and SYNS-Patches (MDEC) measure them. Nearest points are exact."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import back_project
from depthbench.maps import resize_nearest
from depthbench.metrics.image.image_metric import ImageMetric

_CHUNK = 4096

MOST_PIXELS = 240 * 320
"""Valid pixels above which UniDepth thins its maps."""


def nearest_of(cloud: Tensor, other: Tensor) -> Tensor:
    """Distance ``(N,)`` of each point of ``cloud (N, 3)`` to the nearest of ``other (M, 3)``, float64.

    By a k-d tree on a CPU, by all distances on another device.
    """
    if cloud.device.type == "cpu":
        tree = cKDTree(other.numpy(), compact_nodes=False, balanced_tree=False)
        return torch.from_numpy(tree.query(cloud.numpy())[0])
    return nearest_by_all(cloud, other)


def nearest_by_all(cloud: Tensor, other: Tensor) -> Tensor:
    """Like :func:`nearest_of`, by all distances, some thousand points at a time."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cat([torch.cdist(part, other, compute_mode=exact).amin(1) for part in torch.split(cloud, _CHUNK)])


def f_score(precision: Tensor, recall: Tensor) -> Tensor:
    """Harmonic mean; 0 where both are."""
    total = precision + recall
    return 2 * precision * recall / torch.where(total > 0, total, 1.0)


class _CloudMetric(ImageMetric):
    """Scores of two point clouds, image by image."""

    needs_intrinsics = True

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        assert intrinsics is not None
        points = [back_project(maps.double(), intrinsics.double()) for maps in (prediction, target)]
        rows = [self._image(p, g, mask) for p, g, mask in zip(*points, valid, strict=True)]
        scores = torch.stack(rows) if rows else points[0].new_zeros(0, len(self.names))
        return scores.nan_to_num(), scores.isfinite()

    def _image(self, p: Tensor, g: Tensor, mask: Tensor) -> Tensor:
        """Scores of points ``(3, H, W)`` under a mask ``(1, H, W)``."""
        if not mask.any():
            return p.new_full((len(self.names),), torch.nan)
        p, g = p[:, mask[0]].T.contiguous(), g[:, mask[0]].T.contiguous()
        return self._distances(nearest_of(p, g), nearest_of(g, p))

    def _distances(self, forth: Tensor, back: Tensor) -> Tensor:
        raise NotImplementedError


class UniDepthPointCloud(_CloudMetric):
    """Chamfer distance and F1 over many thresholds of UniDepth (Piccinelli et al. 2024; ``evaluation_depth.py``).

    Maps with more than 240 x 320 valid pixels are thinned by nearest to about that many. ``chamfer_unidepth``: half the
    mean of the distances both ways, added, in metres. ``F1_unidepth``: trapezoid rule over F1 at 100 thresholds, spaced
    evenly in the logarithm from ``min_depth`` to ``max_depth / 20``, divided by 100. Needs intrinsics; waits for the
    device.

    Args:
        min_depth: metres, of the data set (UniDepth's table: NYUv2 0.005 to 10, KITTI 0.05 to 80).
        max_depth: metres.
        variant: ``released``: the code's kernel returns squared distances, which it compares with the thresholds;
            ``paper``: distances are.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import UniDepthPointCloud
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = UniDepthPointCloud()
        >>> metric.update(truth + 0.01, truth, intrinsics=camera)
        >>> round(metric.compute()["chamfer_unidepth"].item(), 3)
        0.01
    """

    def __init__(
        self, min_depth: float = 0.005, max_depth: float = 10.0, variant: str = "paper", **kwargs: Any
    ) -> None:
        if variant not in ("paper", "released"):
            raise UserError(f"UniDepthPointCloud has no variant '{variant}'; choose paper or released.")
        if not 0 < min_depth < max_depth / 20:
            raise UserError(f"UniDepthPointCloud needs 0 < min_depth < max_depth / 20, not {min_depth}, {max_depth}.")
        super().__init__(["chamfer_unidepth", "F1_unidepth" + ("_released" if variant == "released" else "")], **kwargs)
        self.power = 2 if variant == "released" else 1
        self.limits = torch.linspace(math.log(min_depth), math.log(max_depth / 20), 100, dtype=torch.float64).exp()

    def _image(self, p: Tensor, g: Tensor, mask: Tensor) -> Tensor:
        ratio = min(1.0, (MOST_PIXELS / max(int(mask.sum()), 1)) ** 0.5)
        size = int(mask.shape[-2] * ratio), int(mask.shape[-1] * ratio)
        p, g, thin = (resize_nearest(maps[None].double(), size)[0] for maps in (p, g, mask))
        return super()._image(p, g, thin > 0)

    def _distances(self, forth: Tensor, back: Tensor) -> Tensor:
        limits = self.limits.to(forth.device)
        precision, recall = (
            torch.searchsorted((one**self.power).sort().values, limits).double() / len(one) for one in (forth, back)
        )
        f1 = torch.trapezoid(f_score(precision, recall)) / len(limits)
        return torch.stack([((forth + back) / 2).mean(), f1])


class SYNSPointCloud(_CloudMetric):
    """Chamfer distance, F-score and IoU of SYNS-Patches and the MDE challenges (Örnek et al. 2022; MDEC ranks by F).

    ``chamfer_syns``: sum of the mean distances both ways, metres; ``F_syns_10cm``, ``IoU_syns_10cm``: percent, from the
    shares of points nearer than a threshold to the other cloud; where both shares are below 0.001, the precision.
    :class:`~depthbench.metrics.PointCloudError` halves the sum, gives shares, and asks for a part of the points only.
    Needs intrinsics; waits for the device.

    Args:
        thresholds: metres.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SYNSPointCloud
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = SYNSPointCloud()
        >>> metric.update(truth + 0.01, truth, intrinsics=camera)
        >>> metric.compute()["F_syns_10cm"].item()
        100.0
    """

    def __init__(self, thresholds: Sequence[float] = (0.1, 0.2), **kwargs: Any) -> None:
        kinds = [f"{kind}_syns_{100 * limit:g}cm" for limit in thresholds for kind in ("F", "IoU")]
        super().__init__(["chamfer_syns", *kinds], **kwargs)
        self.thresholds = tuple(thresholds)

    def _distances(self, forth: Tensor, back: Tensor) -> Tensor:
        scores = [forth.mean() + back.mean()]
        for limit in self.thresholds:
            precision, recall = ((one < limit).double().mean() for one in (forth, back))
            few = (precision < 1e-3) & (recall < 1e-3)
            joined = precision + recall - precision * recall
            iou = precision * recall / torch.where(joined > 0, joined, 1.0)
            scores += [100 * torch.where(few, precision, one) for one in (f_score(precision, recall), iou)]
        return torch.stack(scores)
