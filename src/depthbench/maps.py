"""Maps ``(B, C, H, W)``: checked, resized, sampled.

Maps are ``(B, C, H, W)``; masks are bool of the same shape.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError


def check_maps(prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
    """Raise :class:`UserError` unless the maps (and the mask) are ``(B, C, H, W)`` of one shape."""
    if prediction.ndim != 4:
        raise UserError(f"Expected maps (B, C, H, W), got a prediction of shape {tuple(prediction.shape)}.")
    if prediction.shape != target.shape:
        raise UserError(
            f"Prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape; resize one first."
        )
    if valid is not None and valid.shape != target.shape:
        raise UserError(f"The mask {tuple(valid.shape)} and the target {tuple(target.shape)} differ in shape.")


def at_least_float32(values: Tensor) -> Tensor:
    """Halves become float32; float32 and float64 stay."""
    return values if values.dtype == torch.float64 else values.float()


def above_zero(depth: Tensor) -> Tensor:
    """Mask of known depth: above 0, bool."""
    if depth.device.type == "cpu" and depth.dtype in (torch.float32, torch.float64):  # numpy takes a fourth of the time
        return torch.from_numpy(depth.detach().numpy() > 0)
    return depth > 0


def resize_bilinear(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear (corners not aligned), as predictions and images are resized everywhere in the bench."""
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)


def resize_nearest(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest: depth is never mixed across an edge or with a hole (0 = missing stays 0)."""
    if tuple(depth.shape[-2:]) == tuple(size):
        return depth
    return F.interpolate(depth, size=size, mode="nearest-exact")


def places_of(mask: Tensor) -> Tensor:
    """Places of the True elements in the flattened mask, in order; waits for the device."""
    if mask.device.type == "cpu":  # numpy takes a tenth of torch's time
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.flatten().nonzero()[:, 0]


DRAW_BITS = 31


def drawn_pixels(valid: Tensor, draw: Tensor) -> Tensor:
    """Places ``(B, N)`` in the flattened maps: draws ``(N,)`` from [0, 2^31) become valid pixels, each equally likely.

    In an image without valid pixels they are places all the same.
    """
    ranks = valid.flatten(1).cumsum(1)
    # The k-th valid pixel is where the running count first reaches k.
    drawn = ((draw * ranks[:, -1:]) >> DRAW_BITS) + 1
    return torch.searchsorted(ranks, drawn).clamp(max=ranks.shape[1] - 1)


def relation(first: Tensor, second: Tensor, tolerance: float) -> Tensor:
    """1 where the first depth is farther by more than the tolerance, -1 where the second is, else 0."""
    farther = (first > (1 + tolerance) * second).int()
    nearer = (second > (1 + tolerance) * first).int()
    return farther - nearer
