"""Are planes flat, and do they face the right way (iBims-1)."""

from typing import Any

import torch
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.maps import places_of
from depthbench.medians import masked_median
from depthbench.metrics.image import edge_kernel
from depthbench.metrics.image.image_metric import AnnotatedMetric, count


class PlanarityError(AnnotatedMetric):
    """Planarity errors of iBims-1 (Koch et al. 2018; its script): walls, tables and floors.

    The prediction on a plane is scaled by the ratio of medians to the truth and back-projected. ``PE_plan``: standard
    deviation of its distances from its own plane (the principal components'), centimetres; ``PE_ori``: angle between
    that plane's normal and the annotated one, degrees. Means over the planes of an image that cover at least 5 % of it.
    Waits for the device.
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
        least = self.least_share * target.shape[-2] * target.shape[-1]
        scores = torch.full((len(target), normals.shape[1], 2), torch.nan, dtype=torch.float64)
        for image, label in ((i, k) for i in range(len(target)) for k in range(normals.shape[1])):
            wanted = normals[image, label].double().cpu()
            plane = planes[image, 0] == label + 1
            if not wanted.isfinite().all() or int(count(plane[None])) < least:
                continue
            scatter = _scatter(prediction[image, 0], target[image, 0], plane & valid[image, 0], intrinsics[image])
            if scatter is not None:
                spread, normal = fitted_plane(scatter.cpu())
                cosine = (normal @ wanted).abs() / torch.linalg.vector_norm(wanted)
                scores[image, label] = torch.stack([100 * spread, cosine.clamp(max=1).acos().rad2deg()])
        return scores.nanmean(1).nan_to_num().to(target.device), scores.isfinite().any(1).to(target.device)


def _scatter(prediction: Tensor, target: Tensor, plane: Tensor, intrinsics: Tensor) -> Tensor | None:
    """Covariance ``(3, 3)`` of the predicted points of a plane at the truth's scale; None for less than 3 pixels.

    Args:
        prediction: ``(H, W)`` metres.
        target: metres.
        plane: mask of its pixels.
        intrinsics: ``(3, 3)``.
    """
    inverse, width = torch.linalg.inv_ex(intrinsics.double()).inverse.contiguous(), target.shape[1]
    if edge_kernel.takes(prediction, target):
        at, *depths = edge_kernel.plane_pixels(*map(edge_kernel.dense, (plane, prediction, target)))
        if len(at) < 3:
            return None
        found, true = map(torch.from_numpy, depths)
        factor = _scale(found, true).item()
        return torch.from_numpy(edge_kernel.point_covariance(at, depths[0], width, inverse.numpy(), factor))
    places = places_of(plane)
    if len(places) < 3:
        return None
    found, true = (maps.flatten().index_select(0, places) for maps in (prediction, target))
    return covariance(_rays(places, width, inverse).mul_(found.double() * _scale(found, true)))


def _scale(found: Tensor, true: Tensor) -> Tensor:
    """Ratio of the medians."""
    return _median(true).double() / _median(found).double()


def _median(values: Tensor) -> Tensor:
    return masked_median(values[None])


def _rays(places: Tensor, width: int, inverse: Tensor) -> Tensor:
    """Points ``(3, N)`` at a depth of one metre of the pixels at places in the flattened map."""
    rows = torch.div(places, width, rounding_mode="floor")
    pixels = torch.ones(3, len(places), dtype=torch.float64, device=places.device)
    pixels[0], pixels[1] = places - rows * width, rows
    rays: Tensor = inverse @ pixels
    return rays


def covariance(points: Tensor) -> Tensor:
    """The covariance ``(3, 3)`` of points ``(3, N)`` float64."""
    centered = points - points.mean(1, keepdim=True)
    found: Tensor = centered @ centered.T / points.shape[1]
    return found


def fitted_plane(scatter: Tensor) -> tuple[Tensor, Tensor]:
    """Plane of points with a covariance ``(3, 3)``, by principal components: spread across it, unit normal ``(3,)``."""
    values, vectors = torch.linalg.eigh(scatter)
    return values[0].clamp(min=0).sqrt(), vectors[:, 0]
