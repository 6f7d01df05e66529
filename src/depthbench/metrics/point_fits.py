"""Weighted-L1 fits of point clouds, as MoGe brings predicted points to the true ones. Rows ``(B, N)`` at once.

All take predicted and true points ``(B, N, 3)`` and weights ``(B, N)`` (0: no part in the fit), float64.
"""

import torch
from torch import Tensor

from depthbench.medians import weighted_median

CANDIDATES = 12
"""Anchors that are solved exactly, of all points."""

_ROUNDS = 30
_FLOOR = 1e-6


def l1_shift(points: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The shift ``(B, 3)`` that minimizes ``sum w |p + t - g|`` over all coordinates; exact."""
    return torch.stack([weighted_median(target[..., axis] - points[..., axis], weight) for axis in range(3)], 1)


def l1_scale(points: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The factor ``(B,)`` that minimizes ``sum w |s p - g|`` over all coordinates; exact."""
    return _scale(points.flatten(1), target.flatten(1), weight[..., None].expand_as(points).flatten(1))


def _scale(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    used = weight * x.abs()
    return weighted_median(torch.where(used > 0, y / x, torch.inf), used)


def l1_scale_shift(points: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The factor ``(B,)`` and shift ``(B, 3)`` that minimize ``sum w |s p + t - g|`` among MoGe's candidates.

    MoGe tries every point as the anchor that is met exactly (``align_points_scale_xyz_shift``, O(N^2 log N)). Here the
    unconstrained minimum is found first; near it the costs of all anchors are known at once (O(N log N)), and only the
    :data:`CANDIDATES` cheapest are solved, until none is better.
    """
    scale = _free_scale(points, target, weight)
    best = torch.full_like(scale, torch.inf)
    shift = torch.zeros(len(points), 3, dtype=points.dtype, device=points.device)
    for _ in range(4):
        costs = _anchor_costs(points, target, weight, scale)
        anchors = costs.topk(min(CANDIDATES, costs.shape[1]), largest=False).indices
        found, found_shift, cost = _solved(points, target, weight, anchors)
        better = cost < best
        if better.device.type == "cpu" and not better.any():  # elsewhere asking would wait
            break
        best = torch.where(better, cost, best)
        scale = torch.where(better, found, scale)
        shift = torch.where(better[:, None], found_shift, shift)
    return scale, shift


def _free_scale(points: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The factor of the least sum without an anchor, by reweighted least squares."""
    weights = weight[..., None].expand_as(points)
    for _ in range(_ROUNDS):
        total = weights.sum(1, keepdim=True).clamp(min=1e-30)
        p0, g0 = (weights * points).sum(1, keepdim=True) / total, (weights * target).sum(1, keepdim=True) / total
        p, g = points - p0, target - g0
        square = (weights * p * p).sum((1, 2))
        scale = (weights * p * g).sum((1, 2)) / torch.where(square > 0, square, 1.0)
        weights = weight[..., None] / (scale[:, None, None] * p - g).abs().clamp(min=_FLOOR)
    return scale


def _anchor_costs(points: Tensor, target: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """``sum w |r - r_a|`` for every anchor a ``(B, N)``, r = g - s p; infinite for points without weight."""
    costs = torch.zeros_like(weight)
    for axis in range(3):
        residual, order = (target[..., axis] - scale[:, None] * points[..., axis]).sort(1)
        w = weight.gather(1, order)
        mass, moment = w.cumsum(1), (w * residual).cumsum(1)
        sums = residual * (2 * mass - mass[:, -1:]) - (2 * moment - moment[:, -1:])
        costs.scatter_add_(1, order, sums)
    return torch.where(weight > 0, costs, torch.inf)


def _solved(points: Tensor, target: Tensor, weight: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factor, shift and cost of the best of the anchors ``(B, K)``."""
    where = anchors[..., None].expand(-1, -1, 3)
    p_anchor, g_anchor = points.gather(1, where), target.gather(1, where)
    x = (points[:, None] - p_anchor[:, :, None]).flatten(0, 1).flatten(1)
    y = (target[:, None] - g_anchor[:, :, None]).flatten(0, 1).flatten(1)
    w = weight[:, None, :, None].expand(-1, anchors.shape[1], -1, 3).flatten(0, 1).flatten(1)
    scales = _scale(x, y, w)
    costs = (w * (scales[:, None] * x - y).abs()).sum(1).view_as(anchors)
    # An anchor without weight is one of too few points.
    costs = torch.where(weight.gather(1, anchors) > 0, costs, torch.inf)
    cost, best = costs.min(1)
    scale = scales.view_as(anchors).gather(1, best[:, None])[:, 0]
    p, g = (one.gather(1, best[:, None, None].expand(-1, 1, 3))[:, 0] for one in (p_anchor, g_anchor))
    return scale, g - scale[:, None] * p, cost
