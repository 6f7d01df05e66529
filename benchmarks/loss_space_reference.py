"""The 78 terms one by one in plain torch, from the released formulas of lee2020: what LossSpace is measured against.

Bicubic scales, replicate padding, convolutions for the differences, average pooling for the local means; no work is
shared between terms. It equals the authors' own outputs bit for bit on the files that the tests use.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = ("D", "M", "M5", "M17", "M65", "r", "c", "rr", "rc", "cc", "N", "Nr", "Nc")


def scaled(depth: Tensor, scale: int) -> Tensor:
    if scale == 0:
        return depth
    if min(depth.shape[-2:]) < 2**scale:
        return F.interpolate(depth, size=(1, 1), mode="bicubic")
    return F.interpolate(depth, scale_factor=1 / 2**scale, mode="bicubic", recompute_scale_factor=False)


def slope(depth: Tensor, kind: str) -> Tensor:
    """The derivative named by ``kind``, its last letter first."""
    for letter in reversed(kind):
        padding, shape = ((0, 1, 0, 0), (1, 1, 1, 2)) if letter == "r" else ((0, 0, 0, 1), (1, 1, 2, 1))
        kernel = depth.new_tensor([1.0, -1.0]).view(shape)
        depth = F.conv2d(F.pad(depth, padding, mode="replicate"), kernel)
    return depth


def centered(depth: Tensor, window: str) -> Tensor:
    if not window:
        return depth - depth.mean(dim=(1, 2, 3), keepdim=True)
    n = int(window)
    return depth - F.avg_pool2d(F.pad(depth, (n // 2,) * 4, mode="replicate"), n, stride=1)


def absolute(change: Callable[[Tensor], Tensor], prediction: Tensor, target: Tensor) -> Tensor:
    return (change(prediction) - change(target)).abs().mean(dim=(1, 2, 3))


def normals(axes: tuple[str, str], prediction: Tensor, target: Tensor) -> Tensor:
    a0, a1, b0, b1 = (slope(depth, axis) for depth in (prediction, target) for axis in axes)
    product = (a0**2 + a1**2 + 1).sqrt() * (b0**2 + b1**2 + 1).sqrt()
    return (1 - (a0 * b0 + a1 * b1 + 1) / (product + 1e-8)).mean(dim=(1, 2, 3))


def term(kind: str, prediction: Tensor, target: Tensor) -> Tensor:
    if kind == "D":
        return absolute(lambda x: x, prediction, target)
    if kind[0] == "M":
        return absolute(lambda x: centered(x, kind[1:]), prediction, target)
    if kind[0] == "N":
        return normals({"N": ("r", "c"), "Nr": ("rr", "rc"), "Nc": ("rc", "cc")}[kind], prediction, target)
    return absolute(lambda x: slope(x, kind), prediction, target)


def all_terms(prediction: Tensor, target: Tensor) -> Tensor:
    """``(B, 78)`` in the order of ``LossSpace("released").names``."""
    return torch.stack(
        [term(kind, scaled(prediction, k), scaled(target, k)) for k in range(6) for kind in KINDS], dim=1
    )
