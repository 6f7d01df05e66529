"""Small shared geometry: what losses, metrics and tasks all need, each formula once.

Maps are ``(B, C, H, W)``; masks are bool of the same shape.
"""

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


def masked_mean(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean over all valid elements, in float32; 0 (with gradient 0) where nothing is valid. Returns a scalar."""
    values = values.float()
    if valid is None:
        return values.mean()
    # torch.where and not a product: 0 * inf at a hole would be NaN, forward and backward.
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def masked_mean_per_image(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """:func:`masked_mean` of each image: ``(B, C, H, W) -> (B,)``."""
    values = values.float()
    if valid is None:
        return values.mean(dim=(1, 2, 3))
    return torch.where(valid, values, 0.0).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3)).clamp(min=1)


def resize(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear (corners not aligned), as predictions and images are resized everywhere in the bench."""
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)


def resize_depth(depth: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest: depth is never mixed across an edge or with a hole (0 = missing stays 0)."""
    if tuple(depth.shape[-2:]) == tuple(size):
        return depth
    return F.interpolate(depth, size=size, mode="nearest-exact")


def sobel(values: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel derivative (not normalized: 8 times the slope; zeros around the map)."""
    padded = F.pad(values, (1, 1, 1, 1))
    across = padded[..., :, 2:] - padded[..., :, :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    dx = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    dy = down[..., :, :-2] + 2 * down[..., :, 1:-1] + down[..., :, 2:]
    return dx, dy


def whole_neighborhood(valid: Tensor, size: int = 3) -> Tensor:
    """True where all pixels of the ``size`` x ``size`` neighborhood that lie inside the map are valid."""
    holes = (~valid).float()
    return F.max_pool2d(holes, size, stride=1, padding=size // 2) == 0


def central_gradients(values: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Derivatives by [-1, 0, 1] (li2017) of maps ``(B, 1, H, W)``, and their mask.

    Both are ``(B, 2, H, W)``: horizontal, vertical. A derivative is valid where both neighbors are inside and valid;
    elsewhere it is 0.
    """
    mask = torch.ones_like(values, dtype=torch.bool) if valid is None else valid
    filled = torch.where(mask, values, 0.0)
    gradients, masks = [], []
    for padding, dim in (((1, 1, 0, 0), -1), ((0, 0, 1, 1), -2)):
        length = values.shape[dim]
        padded, inside = F.pad(filled, padding), F.pad(mask, padding)
        both = inside.narrow(dim, 2, length) & inside.narrow(dim, 0, length)
        gradients.append(torch.where(both, padded.narrow(dim, 2, length) - padded.narrow(dim, 0, length), 0.0))
        masks.append(both)
    return torch.cat(gradients, dim=1), torch.cat(masks, dim=1)


@torch.no_grad()
def fill_cross_bilateral(
    depth: Tensor, image: Tensor, radius: int = 5, sigma_space: float = 3.0, sigma_color: float = 0.1
) -> Tensor:
    """Fill missing depth from known neighbors, weighted by distance and by likeness of brightness.

    Goes inward from what is known, ring by ring; known depth stays. So li2017 (section 4.1) fills the borders of its
    predictions; it names the filter only: window and widths are ours.

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
        # A floor under the likeness: where nothing is alike, the nearest known depth is better than none...
        weights = torch.where(known > 0, near * alike.clamp(min=1e-6), 0.0)
        total = weights.sum(dim=1)
        # ...but only when the alike have spread as far as they can, or depth would creep over edges of the picture.
        reached = total > 1e-3
        if not reached.any():
            reached = total > 0
        if not reached.any():
            break
        values = (weights * known).sum(dim=1)
        padded[missing[reached]] = values[reached] / total[reached]
        missing = missing[~reached]
    full = padded.view(batch, 1, height + 2 * radius, stride)
    return full[..., radius : radius + height, radius : radius + width].contiguous()


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
