"""Mean error of surface normals, as cosine distance and in degrees."""

from typing import Any

import torch
from torch import Tensor

from depthbench.metrics.image_metric import ImageMetric, inside, mean_over
from depthbench.ops import sobel, whole_neighborhood


def back_project(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Points ``(B, 3, H, W)`` of depth ``(B, 1, H, W)``, intrinsics ``(B, 3, 3)`` with pixel centers at integers."""
    height, width = depth.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(height, device=depth.device), torch.arange(width, device=depth.device), indexing="ij"
    )
    pixels = torch.stack([u, v, torch.ones_like(u)]).to(intrinsics.dtype).flatten(1)
    rays = torch.linalg.inv_ex(intrinsics).inverse @ pixels  # inv would wait for the device
    points: Tensor = rays.reshape(-1, 3, height, width).to(depth.dtype) * depth
    return points


def depth_normals(depth: Tensor, intrinsics: Tensor | None = None) -> Tensor:
    """Vectors ``(B, 3, H, W)`` along the normals, not normalized; one pixel along the frame is meaningless.

    Without intrinsics ``(-dx, -dy, 1)`` from the un-normalized Sobel gradient in metres (Hu et al. 2019, eq. 3): a
    description of the map, not of the scene. With intrinsics the cross product of the tangents of the surface.
    """
    if intrinsics is None:
        dx, dy = sobel(depth)
        return torch.cat([-dx, -dy, torch.ones_like(depth)], 1)
    points = back_project(depth.double(), intrinsics.double())  # tangents are small differences of large points
    along, down = sobel(points)
    normals: Tensor = torch.linalg.cross(along, down, dim=1)
    return normals


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle in radians between vectors ``(B, 3, H, W)``: ``(B, 1, H, W)``; exact also near 0, where acos is not."""
    cross = torch.linalg.vector_norm(torch.linalg.cross(a, b, dim=1), dim=1, keepdim=True)
    return torch.atan2(cross, (a * b).sum(1, keepdim=True))


class NormalError(ImageMetric):
    """Mean over pixels, then images, of ``1 - cos`` and of the angle between normals.

    Pixels whose 3x3 neighborhood is not wholly valid and inside the map are left out. Our definition: Alhashim and
    Wonka 2018 print a "mean of the surface normal errors" without its code.

    Args:
        use_intrinsics: whether ``update`` must be given intrinsics and normals are the scene's; scores are then called
            ``surface_cosine`` and ``surface_degrees``, else ``normal_...``.
        **kwargs: torchmetrics options.
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
        angle = angle_between(depth_normals(prediction, known), depth_normals(target, known))
        where = inside(whole_neighborhood(valid), 1)
        cosine = 2 * (angle / 2).sin() ** 2  # 1 - cos without its cancellation
        scores = torch.stack([mean_over(cosine, where), mean_over(angle.rad2deg(), where)], 1)
        return scores, where.flatten(1).any(1, keepdim=True).expand_as(scores)
