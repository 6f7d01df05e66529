"""Error profiles: sums of errors in bins of distance, angle and edge proximity, few enough to keep per image."""

import math

import torch
from torch import Tensor

from depthbench.geometry import back_project, depth_normals, whole_neighborhood
from depthbench.maps import check_maps
from depthbench.metrics.image.boundaries import thin_edges
from depthbench.metrics.image.distances import distance_map
from depthbench.metrics.image.image_metric import inside_border

BINS: dict[str, tuple[float, ...]] = {
    "distance": (0, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15, 20, 30, 40, 60, 80),  # metres, true depth
    "angle": (0, 10, 20, 30, 40, 50, 60, 70, 80, 90),  # degrees between the true surface's normal and the view
    "edge": (0, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, math.inf),  # pixels of the thinned map to the next true depth edge
}
"""Limits of the bins; a value equal to a limit belongs to the upper bin."""

WIDTH = 320  # maps are thinned to about this width: less noise in normals, and edges mean the same at every size
STEP = 4 * math.log(1.1)  # Sobel magnitude of log depth at a step of a tenth of the depth


def profile_sums(
    prediction: Tensor, truth: Tensor, valid: Tensor, intrinsics: Tensor | None = None
) -> dict[str, Tensor]:
    """Sums ``(B, bins, 3)`` in float64, by kind of bin: pixels, relative errors, squared errors (square metres).

    Only every k-th pixel of every k-th row is looked at, so that maps are about 320 wide. Predictions that are not
    finite are left out, and so are pixels of which the angle or the edges are unknown: next to holes and the frame.

    Args:
        prediction: ``(B, 1, H, W)`` metres.
        truth: ``(B, 1, H, W)`` metres.
        valid: bool mask of the same shape.
        intrinsics: ``(B, 3, 3)`` in pixels of these maps; without them there is no ``angle``.
    """
    check_maps(prediction, truth, valid)
    step = max(1, round(truth.shape[-1] / WIDTH))
    prediction, truth, valid = (maps[..., ::step, ::step] for maps in (prediction, truth, valid))
    truth, prediction = torch.where(valid, truth.double(), 1.0), prediction.double()
    scored = valid & prediction.isfinite()
    error = torch.where(scored, prediction - truth, 0.0)
    values = torch.stack([torch.ones_like(error), error.abs() / truth, error**2], dim=-1)
    whole = inside_border(whole_neighborhood(valid), 1)
    kinds = {"distance": (truth, scored), "edge": (_edge_distance(truth, whole), scored & whole)}
    if intrinsics is not None:
        thinned = intrinsics.double() / intrinsics.new_tensor([[step], [step], [1]])
        normals, rays = depth_normals(truth, thinned), back_project(torch.ones_like(truth), thinned)
        kinds["angle"] = (_between_lines(normals, rays), scored & whole)
    return {kind: _binned(values, *kinds[kind], BINS[kind]) for kind in BINS if kind in kinds}


def _between_lines(a: Tensor, b: Tensor) -> Tensor:
    """Angle in degrees, 0 to 90, between lines along vectors ``(B, 3, H, W)``: which way a normal points is moot."""
    lengths = ((a * a).sum(1, keepdim=True) * (b * b).sum(1, keepdim=True)).sqrt()
    return ((a * b).sum(1, keepdim=True).abs() / lengths).clamp(max=1).acos().rad2deg()


def _edge_distance(truth: Tensor, whole: Tensor) -> Tensor:
    """Pixels to the next step of the truth by a tenth or more; infinite in an image without one."""
    edges = thin_edges(truth.log(), STEP) & whole
    return distance_map(edges).to(truth)


def _binned(values: Tensor, places: Tensor, mask: Tensor, limits: tuple[float, ...]) -> Tensor:
    """Sums of ``values (B, 1, H, W, 3)`` under the mask by the bin of ``places (B, 1, H, W)``."""
    bins = len(limits) - 1
    index = torch.bucketize(places.contiguous(), places.new_tensor(limits), right=True) - 1
    mask = mask & (index >= 0) & (index < bins) if math.isfinite(limits[-1]) else mask
    index = index.clamp(0, bins - 1)
    sums = values.new_zeros(len(values), bins, values.shape[-1])
    weighted = torch.where(mask[..., None], values, 0.0)
    where = index.flatten(1)[..., None].expand(-1, -1, values.shape[-1])
    return sums.scatter_add_(1, where, weighted.flatten(1, -2))
