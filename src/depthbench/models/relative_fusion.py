"""Fusion of a relative depth map with an ordinary one (lee2020, section 4.1: details in a supplement, so ours)."""

from torch import Tensor

from depthbench.errors import UserError
from depthbench.maps import check_maps
from depthbench.window_sums import window_sums


def fuse_relative(
    depth: Tensor,
    relative: Tensor,
    window: int = 33,
    detail: int = 15,
    ridge: float = 1e-4,
    valid: Tensor | None = None,
) -> Tensor:
    """Give the relative map the scale and shift that fit the ordinary one best, region by region.

    In each window the least squares of ``a * relative + b`` to ``depth``, both without their details (a blurred map
    correlates less with a sharp one, and the scale would come out too small); each pixel gets the mean ``a`` and ``b``
    of the windows that hold it, so there are no seams. Values come from ``depth``, details from ``relative``.

    Args:
        depth: ``(B, 1, H, W)``, of any space, right in the large.
        relative: ``(B, 1, H, W)``, right in the small up to scale and shift (which may change from region to region).
        window: side of the regions in pixels, odd.
        detail: side in pixels, odd, of the box below which ``depth`` is not trusted; 1 trusts it fully.
        ridge: variance of ``relative`` below which a region counts as flat and gets the mean of ``depth``.
        valid: bool ``(B, 1, H, W)``: pixels that take part in the fits; all by default.

    Returns:
        ``(B, 1, H, W)`` float32, in the space of ``depth``; ``depth`` itself where no window holds a valid pixel.

    Raises:
        UserError: If shapes differ, or a side is even or below 1.
    """
    check_maps(relative, depth, valid)
    if min(window, detail) < 1 or window % 2 == 0 or detail % 2 == 0:
        raise UserError(f"fuse_relative needs odd sides, got window={window}, detail={detail}.")
    depth, relative = depth.float(), relative.float()
    share = depth.new_ones(depth.shape) if valid is None else valid.float()

    def total(values: Tensor, side: int = window) -> Tensor:
        return window_sums(values, (side,), "hole")[0]

    def mean(values: Tensor, weights: Tensor, side: int = window) -> Tensor:
        return total(values * weights, side) / total(weights, side).clamp(min=1e-6)

    # Moments about the image's means: differences of large squares would cost half the digits.
    count = share.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    middle, center = ((v * share).sum(dim=(1, 2, 3), keepdim=True) / count for v in (depth, relative))
    d, r = mean(depth - middle, share, detail), mean(relative - center, share, detail)
    mean_d, mean_r = mean(d, share), mean(r, share)
    a = (mean(r * d, share) - mean_r * mean_d) / ((mean(r * r, share) - mean_r.square()).clamp(min=0) + ridge)
    b = mean_d - a * mean_r
    held = (total(share) > 0.5).float()
    fused = mean(a, held) * (relative - center) + mean(b, held) + middle
    return fused.where(total(held) > 0.5, depth)
