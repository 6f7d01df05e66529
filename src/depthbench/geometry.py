"""Geometry, each formula once: gradients, normals, back-projection, intrinsics under resize, crop and flip.

Maps are ``(B, C, H, W)``; masks are bool of the same shape. Pixel centers are at integer coordinates.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.pinhole import Matrix, points_at


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


def back_project(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Points ``(B, 3, H, W)`` of depth ``(B, 1, H, W)``, intrinsics ``(B, 3, 3)`` with pixel centers at integers."""
    height, width = depth.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(height, device=depth.device), torch.arange(width, device=depth.device), indexing="ij"
    )
    pixels = torch.stack([u, v, torch.ones_like(u)]).to(intrinsics.dtype).flatten(1)
    inverse = torch.linalg.inv_ex(intrinsics).inverse  # inv would wait for the device
    points: Tensor = points_at(inverse, pixels, depth.to(intrinsics.dtype).flatten(2))
    return points.view(-1, 3, height, width).to(depth.dtype)


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


def one_minus_cosine(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos of the angle between vectors ``(B, 3, H, W)``: ``(B, 1, H, W)``, without the cancellation near 0."""
    return 2 * (angle_between(a, b) / 2).sin() ** 2


def one_minus_cosine_of_slopes(e0: Tensor, e1: Tensor, b0: Tensor, b1: Tensor) -> Tensor:
    """:func:`one_minus_cosine` between the normals (-a, 1) and (-b, 1) of surfaces with slopes a = b + e and b.

    By Lagrange's identity |a|²|b|² - (a·b)² = |a x b|², and 1 - cos = |a x b|² / (p (p + a·b)) with p = |a||b|: no
    difference of nearly equal numbers, so that small angles keep their digits in float32 (lee2020, eq. 7 and 8;
    Hu et al. 2019, eq. 3). Needs a quarter of the memory of the same arithmetic written out.

    Args:
        e0: error of the slope along rows, of any shape.
        e1: error of the slope along columns, same shape.
        b0: true slope along rows, same shape.
        b1: true slope along columns, same shape.
    """
    values: Tensor = _OneMinusCosine.apply(e0, e1, b0, b1)
    return values


class _OneMinusCosine(torch.autograd.Function):
    """:func:`one_minus_cosine_of_slopes` with its gradient written out.

    On a CPU in blocks whose intermediate maps its second cache holds, which is faster; the slopes are
    added up anew in the backward pass instead of kept.
    """

    @staticmethod
    def forward(ctx: Any, e0: Tensor, e1: Tensor, b0: Tensor, b1: Tensor) -> Tensor:
        """1 - cos without its cancellation near 0."""
        given = (e0, e1, b0, b1)
        values, product, slope = (torch.empty_like(e0, memory_format=torch.contiguous_format) for _ in range(3))
        for block in _blocks(e0):
            found = _one_minus_cosine(*(maps[block] for maps in given))
            for whole, part in zip((values, product, slope), found, strict=True):
                whole[block] = part
        ctx.save_for_backward(*given, product, slope)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The derivatives with respect to a and, where it is wanted, b."""
        kept = ctx.saved_tensors
        needed = 4 if any(ctx.needs_input_grad[2:]) else 2
        wholes = [torch.empty_like(gradient, memory_format=torch.contiguous_format) for _ in range(needed)]
        for block in _blocks(gradient):
            found = _of_one_minus_cosine(needed == 4, gradient[block], *(maps[block] for maps in kept))
            for whole, part in zip(wholes, found, strict=True):
                whole[block] = part
        return *wholes, *[None] * (4 - needed)


_BLOCK = 2**16  # numbers


def _blocks(maps: Tensor) -> list[tuple[slice, ...]]:
    """All of it; of ``(B, C, H, W)`` on a CPU some rows of an image after the other."""
    if maps.ndim != 4 or maps.device.type != "cpu" or maps.numel() <= _BLOCK or torch.compiler.is_compiling():
        return [(slice(None),)]
    rows = max(1, _BLOCK // (maps.shape[1] * maps.shape[3]))
    starts = range(0, maps.shape[2], rows)
    return [(slice(i, i + 1), slice(None), slice(top, top + rows)) for i in range(len(maps)) for top in starts]


def _one_minus_cosine(e0: Tensor, e1: Tensor, b0: Tensor, b1: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """1 - cos, p = |a||b|, and (a·b) / |a|²."""
    a0, a1 = b0 + e0, b1 + e1
    square = torch.addcmul(a0 * a0, a1, a1).add_(1)
    product = torch.addcmul(b0 * b0, b1, b1).add_(1).mul_(square).sqrt_()
    dot = torch.addcmul(a0 * b0, a1, b1).add_(1)
    cross = torch.addcmul(e0 * b1, e1, b0, value=-1)
    values = torch.addcmul(cross.mul_(cross), e0, e0).addcmul_(e1, e1).div_((product + dot).mul_(product))
    return values, product, dot.div_(square)


def _of_one_minus_cosine(
    of_truth: bool, gradient: Tensor, e0: Tensor, e1: Tensor, b0: Tensor, b1: Tensor, product: Tensor, slope: Tensor
) -> tuple[Tensor, ...]:
    """The derivative with respect to a: (a (a·b) / |a|² - b) / p; with respect to b, with both exchanged."""
    a0, a1 = b0 + e0, b1 + e1
    gradient = gradient / product
    of_a = tuple((a * slope).sub_(b).mul_(gradient) for a, b in ((a0, b0), (a1, b1)))
    if not of_truth:
        return of_a
    square = torch.addcmul(b0 * b0, b1, b1).add_(1)
    other = slope * torch.addcmul(a0 * a0, a1, a1).add_(1) / square  # (a·b) / |b|²
    of_b = ((b * other).sub_(a).mul_(gradient).add_(g) for a, b, g in ((a0, b0, of_a[0]), (a1, b1, of_a[1])))
    return *of_a, *of_b


def flip_intrinsics(intrinsics: Tensor, width: int) -> Tensor:
    """Intrinsics ``(..., 3, 3)`` of the mirrored image (pixel centers at integers: ``cx -> width - 1 - cx``)."""
    mirrored = intrinsics.clone()
    mirrored[..., 0, 2] = width - 1 - intrinsics[..., 0, 2]
    mirrored[..., 0, 1] = -intrinsics[..., 0, 1]
    return mirrored


def map_intrinsics(intrinsics: Tensor | None, pixels: Matrix) -> Tensor | None:
    """Intrinsics after the pixels moved by the affine ``pixels`` (3, 3): ``[[fx, s, cx], [0, fy, cy], [0, 0, 1]]``."""
    if intrinsics is None:
        return None
    matrix = pixels @ intrinsics.double().numpy()
    if np.linalg.det(matrix[:2, :2]) < 0:
        matrix = matrix @ np.diag([-1.0, 1.0, 1.0])
    sine, cosine = matrix[1, :2] / np.linalg.norm(matrix[1, :2])
    matrix[:2, :2] = matrix[:2, :2] @ np.array([[cosine, sine], [-sine, cosine]])
    matrix[1, 0] = 0.0
    return torch.from_numpy(matrix).float()
