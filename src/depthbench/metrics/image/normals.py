"""Mean error of surface normals, as cosine distance and in degrees."""

from typing import Any

import torch
from torch import Tensor

from depthbench.geometry import angle_between, depth_normals, one_minus_cosine, whole_neighborhood
from depthbench.metrics.image.image_metric import ImageMetric, inside_border, mean_over_pixels


class NormalError(ImageMetric):
    """Mean over pixels, then images, of ``1 - cos`` and of the angle between normals.

    Pixels whose 3x3 neighborhood is not wholly valid and inside the map are left out. Our definition: Alhashim and
    Wonka 2018 print a "mean of the surface normal errors" without its code.

    Args:
        use_intrinsics: whether ``update`` must be given intrinsics and normals are the scene's; scores are then called
            ``surface_cosine`` and ``surface_degrees``, else ``normal_...``.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import NormalError
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> metric = NormalError()
        >>> metric.update(truth + torch.arange(30) / 8, truth)  # Sobel sees eight times the slope
        >>> round(metric.compute()["normal_degrees"].item(), 3)
        45.0
    """

    higher_is_better = False

    def __init__(self, use_intrinsics: bool = False, **kwargs: Any) -> None:
        kind = "surface" if use_intrinsics else "normal"
        super().__init__([f"{kind}_cosine", f"{kind}_degrees"], **kwargs)
        self.needs_intrinsics = use_intrinsics

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        known = intrinsics if self.needs_intrinsics else None
        normals = depth_normals(prediction, known), depth_normals(target, known)
        where = inside_border(whole_neighborhood(valid), 1)
        values = one_minus_cosine(*normals), angle_between(*normals).rad2deg()
        scores = torch.stack([mean_over_pixels(value, where) for value in values], 1)
        return scores, where.flatten(1).any(1, keepdim=True).expand_as(scores)
