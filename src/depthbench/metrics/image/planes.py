"""Are planes flat, and do they face the right way (iBims-1)."""

from typing import Any

import torch
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.geometry import angle_between, back_project
from depthbench.medians import masked_median
from depthbench.metrics.image.image_metric import AnnotatedMetric


class PlanarityError(AnnotatedMetric):
    """Planarity errors of iBims-1 (Koch et al. 2018; its script): walls, tables and floors.

    The prediction on a plane is scaled by the ratio of medians to the truth and back-projected. ``PE_plan``: standard
    deviation of its distances from its own plane (the principal components'), centimetres; ``PE_ori``: angle between
    that plane's normal and the annotated one, degrees. Means over the planes of an image that cover at least 5 % of it.
    Needs intrinsics (iBims-1 counts pixels from 1: subtract 1 from its cx, cy), annotated planes and their normals.

    Args:
        least_share: of the map that a plane must cover.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import PlanarityError
        >>> truth = torch.full((1, 1, 20, 30), 2.0)  # a wall that is faced
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> wall = Annotations(planes=truth.long() // 2, plane_normals=torch.tensor([[[0.0, 0.0, 1.0]]]))
        >>> metric = PlanarityError()
        >>> metric.update(7 * truth, truth, intrinsics=camera, annotations=wall)
        >>> {name: round(value.item(), 3) for name, value in metric.compute().items()}
        {'PE_plan': 0.0, 'PE_ori': 0.0, 'images': 1.0}
    """

    higher_is_better = False
    needs_intrinsics = True
    needs = ("planes", "plane_normals")

    def __init__(self, least_share: float = 0.05, **kwargs: Any) -> None:
        super().__init__(["PE_plan", "PE_ori"], **kwargs)
        self.least_share = least_share

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        planes, normals = annotations.planes, annotations.plane_normals
        assert intrinsics is not None
        assert planes is not None
        assert normals is not None
        points = back_project(prediction.double(), intrinsics.double()).flatten(2)
        total = torch.zeros(len(prediction), 2, dtype=torch.float64, device=prediction.device)
        number = torch.zeros(len(prediction), 1, dtype=torch.float64, device=prediction.device)
        for label in range(normals.shape[1]):
            wanted = normals[:, label].double()
            plane = planes == label + 1
            counts = (plane.flatten(1).double().mean(1) >= self.least_share) & wanted.isfinite().all(1)
            inside = plane & valid
            counts &= inside.flatten(1).sum(1) >= 3
            scale = masked_median(target.double(), inside) / masked_median(prediction.double(), inside)
            spread, normal = fitted_planes(points * scale[:, None, None], inside.flatten(1))
            angle = angle_between(normal[..., None, None], wanted[..., None, None]).flatten()
            scores = torch.stack([100 * spread, torch.minimum(angle, torch.pi - angle).rad2deg()], 1)
            total += torch.where(counts[:, None], scores, 0.0)
            number += counts[:, None]
        return total / number.clamp(min=1), (number > 0).expand_as(total)


def fitted_planes(points: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Plane of each cloud by principal components: spread ``(B,)`` across it and unit normal ``(B, 3)``.

    Args:
        points: ``(B, 3, N)`` float64.
        mask: ``(B, N)``, the points that belong to it; one without any gets the spread 0.
    """
    weight = mask[:, None].double()
    number = weight.sum(2, keepdim=True).clamp(min=1)
    finite = torch.where(mask[:, None], points, 0.0)
    centered = (finite - finite.sum(2, keepdim=True) / number) * weight
    values, vectors = torch.linalg.eigh(centered @ centered.mT / number)
    return values[:, 0].clamp(min=0).sqrt(), vectors[:, :, 0]
