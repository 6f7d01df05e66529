"""A map at several scales, with its holes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def halved(values: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Half the size (rounded up): each 2x2 block becomes the mean of its valid pixels, valid if it has one.

    Args:
        values: ``(B, 1, H, W)``, finite everywhere.
        valid: float mask of the same shape (1 or 0), or None.
    """
    if valid is None:
        return _blocks(values), None
    share = _blocks(valid)
    return _blocks(values * valid) / share.clamp(min=0.25), (share > 0).to(values.dtype)


def _blocks(values: Tensor) -> Tensor:
    """Means of 2x2 blocks, or of partial blocks at odd ends."""
    return F.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)


def bicubic(values: Tensor, scale: int) -> Tensor:
    """1/2^scale of the size by bicubic interpolation without antialiasing; 1x1 where a side is shorter than 2^scale."""
    if scale == 0:
        return values
    if min(values.shape[-2:]) < 2**scale:
        return F.interpolate(values, size=(1, 1), mode="bicubic")
    return F.interpolate(values, scale_factor=1 / 2**scale, mode="bicubic", recompute_scale_factor=False)


def bicubic_valid(valid: Tensor, scale: int) -> Tensor:
    """Float mask of :func:`bicubic`: valid where all of the 4x4 pixels that the interpolation reads are."""
    if scale == 0:
        return valid
    single = min(valid.shape[-2:]) < 2**scale
    for dim in (-2, -1):
        length = valid.shape[dim]
        step, count = (length, 1) if single else (2**scale, length // 2**scale)
        center = (torch.arange(count, device=valid.device) + 0.5) * step - 0.5
        index = (center.floor().long().unsqueeze(1) + torch.arange(-1, 3, device=valid.device)).clamp(0, length - 1)
        taps = [valid.index_select(dim, tap) for tap in index.unbind(1)]
        valid = torch.stack(taps).amin(0)
    return valid


def pyramid(
    values: Tensor, valid: Tensor | None, scales: Sequence[int], variant: str
) -> list[tuple[Tensor, Tensor | None]]:
    """The map (0 at holes) and its float mask at each of ``scales``.

    Args:
        values: ``(B, 1, H, W)``, finite everywhere.
        valid: float mask of the same shape, or None.
        scales: in ascending order, 0 is the full size.
        variant: ``paper`` halves again and again; ``released`` interpolates each scale from the full size.
    """
    if variant == "released":
        if valid is None:
            return [(bicubic(values, k), None) for k in scales]
        masks = [bicubic_valid(valid, k) for k in scales]
        return [(bicubic(values, k) * mask, mask) for k, mask in zip(scales, masks, strict=True)]
    levels, level = [], (values if valid is None else values * valid, valid)
    for k in range(max(scales) + 1):
        if k > 0:
            level = halved(*level)
        if k in scales:
            levels.append(level)
    return levels
