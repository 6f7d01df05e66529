"""Sums over square windows, as many sizes as wanted, from one table of prefix sums."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Border = str  # "hole": nothing is outside the map; "replicate": the nearest pixel of the map goes on outside


class _WindowSums(torch.autograd.Function):
    """Window sums by differences of a float64 table, whose gradient is one table as well.

    The table is in float64 because float32 prefix sums lose up to four digits over 480x640 pixels; its cost does not
    depend on the window's size.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, sizes: tuple[int, ...], border: Border) -> tuple[Tensor, ...]:
        """The sums of each size, as large as ``values (..., H, W)``."""
        ctx.sizes, ctx.border, ctx.shape, ctx.dtype = sizes, border, values.shape[-2:], values.dtype
        sums = tuple(torch.empty_like(values, memory_format=torch.contiguous_format) for _ in sizes)
        for part in parts_for_the_cache(values):
            for total, window in zip(sums, _windows(values[part], sizes, border), strict=True):
                total[part] = window
        return sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The corners of all windows in one table, summed up once."""
        of_values = torch.empty_like(gradients[0], memory_format=torch.contiguous_format)
        for part in parts_for_the_cache(of_values):
            of_values[part] = _of_windows([gradient[part] for gradient in gradients], ctx.sizes, ctx.border, ctx.shape)
        return of_values, None, None


def parts_for_the_cache(maps: Tensor) -> list[slice]:
    """All of a batch; on a CPU one image after the other, whose float64 tables its second cache holds."""
    count = len(maps)
    step = 1 if maps.device.type == "cpu" and not torch.compiler.is_compiling() else max(count, 1)
    return [slice(start, start + step) for start in range(0, count, step)]


def _windows(values: Tensor, sizes: tuple[int, ...], border: Border) -> Iterator[Tensor]:
    """Sums of each size by differences of the table, float64."""
    reach = max(sizes) // 2
    if border == "replicate":
        table = _prefix_sums(F.pad(values, (reach,) * 4, mode="replicate"), 0)
    else:
        table = _prefix_sums(values, reach)
    for size in sizes:
        (low, high), (left, right) = _edges(values.shape[-2:], size, reach)
        window = table[..., high, right] - table[..., high, left]
        window -= table[..., low, right]
        window += table[..., low, left]
        yield window


def _of_windows(gradients: Sequence[Tensor], sizes: tuple[int, ...], border: Border, size: torch.Size) -> Tensor:
    """Gradient of the values from the gradient of the sums, float64."""
    reach = max(sizes) // 2
    height, width = size
    shape = (*gradients[0].shape[:-2], height + 2 * reach + 1, width + 2 * reach + 1)
    table = gradients[0].new_zeros(shape, dtype=torch.float64)
    for window, gradient in zip(sizes, gradients, strict=True):
        (low, high), (left, right) = _edges(size, window, reach)
        gradient = gradient.double()
        table[..., high, right] += gradient
        table[..., high, left] -= gradient
        table[..., low, right] -= gradient
        table[..., low, left] += gradient
    for dim in (-2, -1):
        table = _after(_fold(table, dim, reach), dim) if border == "hole" else _fold(_after(table, dim), dim, reach)
    return table


def _prefix_sums(values: Tensor, margin: int) -> Tensor:
    """Sums over all rows and columns before each place; ``margin`` more places on all sides, as if zeros were there."""
    height, width = values.shape[-2:]
    shape = (*values.shape[:-2], height + 1 + 2 * margin, width + 1 + 2 * margin)
    table = values.new_zeros(shape, dtype=torch.float64)
    inner = table[..., margin + 1 : margin + 1 + height, margin + 1 : margin + 1 + width]
    inner.copy_(values.double().cumsum(-1).cumsum(-2))
    table[..., margin + 1 + width :] = table[..., margin + width : margin + 1 + width]
    table[..., margin + 1 + height :, :] = table[..., margin + height : margin + 1 + height, :]
    return table


def _edges(shape: torch.Size, size: int, reach: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Table indices of the lower and the upper edge of each pixel's window, by rows and by columns."""
    first = reach - size // 2
    rows, columns = ((slice(first, first + length), slice(first + size, first + size + length)) for length in shape)
    return rows, columns


def _fold(table: Tensor, dim: int, reach: int) -> Tensor:
    """Adjoint of replicate padding by ``reach`` on both sides."""
    length = table.shape[dim] - 2 * reach
    inner = table.narrow(dim, reach, length).clone()
    inner.narrow(dim, 0, 1).add_(table.narrow(dim, 0, reach).sum(dim, keepdim=True))
    inner.narrow(dim, length - 1, 1).add_(table.narrow(dim, reach + length, reach).sum(dim, keepdim=True))
    return inner


def _after(table: Tensor, dim: int) -> Tensor:
    """Adjoint of prefix sums with a leading zero: at each position, the sum of all later ones."""
    sums = table.cumsum(dim)
    length = sums.shape[dim] - 1
    return sums.narrow(dim, length, 1) - sums.narrow(dim, 0, length)


def window_sums(values: Tensor, sizes: Sequence[int], border: Border) -> tuple[Tensor, ...]:
    """Sums over the ``n`` x ``n`` window centered on each pixel, one map per odd ``n`` of ``sizes``."""
    sums: tuple[Tensor, ...] = _WindowSums.apply(values, tuple(sizes), border)
    return sums


def local_means(
    values: Tensor, sizes: Sequence[int], border: Border = "hole", valid: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Means over the valid pixels of the ``n`` x ``n`` window around each pixel.

    Args:
        values: ``(B, 1, H, W)``, 0 at holes.
        sizes: odd window sizes.
        border: ``hole`` averages over the pixels inside the map; ``replicate`` extends the map and its mask.
        valid: float mask (1 or 0), or None. A window without any valid pixel gives 0.
    """
    weights = torch.ones_like(values[:1].detach()) if valid is None else valid
    with torch.no_grad():
        counts = window_sums(weights, sizes, border)
    return tuple(
        total / count.clamp(min=1) for total, count in zip(window_sums(values, sizes, border), counts, strict=True)
    )
