"""Filling missing depth by a cross-bilateral filter, as li2017 (section 4.1) fills the borders of its predictions."""

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError
from depthbench.ops import resize


@torch.no_grad()
def fill_cross_bilateral(
    depth: Tensor, image: Tensor, radius: int = 5, sigma_space: float = 3.0, sigma_color: float = 0.1
) -> Tensor:
    """Fill missing depth from known neighbors, weighted by distance and by likeness of brightness.

    Goes inward from what is known, ring by ring; known depth stays. The paper names the filter only: window and
    widths are ours.

    Args:
        depth: ``(B, 1, H, W)`` metres, 0 = missing.
        image: ``(B, 3, h, w)`` RGB in [0, 1], resized to the depth.
        radius: Of the window, in pixels.
        sigma_space: In pixels.
        sigma_color: In brightness, of 1.

    Returns:
        ``(B, 1, H, W)`` metres, float32; an image without any depth stays empty.

    Raises:
        UserError: If depth and image are not of one batch.
    """
    if depth.ndim != 4 or image.ndim != 4 or len(depth) != len(image):
        raise UserError(f"Filling needs depth and image of one batch, got {tuple(depth.shape)}, {tuple(image.shape)}.")
    batch, _, height, width = depth.shape
    brightness = resize(image.float().mean(dim=1, keepdim=True), (height, width))
    # Padded with missing depth, so that every window is whole; flat, so that only missing pixels are looked at.
    padded, guide = (F.pad(values.float(), (radius,) * 4).flatten() for values in (depth, brightness))
    stride = width + 2 * radius
    steps = torch.arange(-radius, radius + 1, device=depth.device)
    window = (steps[:, None] * stride + steps).flatten()
    near = (-(steps[:, None].square() + steps.square()) / (2 * sigma_space**2)).exp().flatten()
    inside = F.pad(torch.ones_like(depth, dtype=torch.bool), (radius,) * 4).flatten()
    missing = (inside & (padded <= 0)).nonzero().squeeze(1)
    while len(missing):
        around = missing[:, None] + window
        known = padded[around]
        alike = (-(guide[around] - guide[missing, None]).square() / (2 * sigma_color**2)).exp()
        # A floor under the likeness: where nothing is alike, the nearest known depth is better than none.
        weights = torch.where(known > 0, near * alike.clamp(min=1e-6), 0.0)
        total = weights.sum(dim=1)
        reached = total > 0
        if not reached.any():
            break
        values = (weights * known).sum(dim=1)
        padded[missing[reached]] = values[reached] / total[reached]
        missing = missing[~reached]
    full = padded.view(batch, 1, height + 2 * radius, stride)
    return full[..., radius : radius + height, radius : radius + width].contiguous()
