"""The 13 kinds of loss at one scale, sharing their work (lee2020, section 3.1).

All kinds but the normals are linear in the map, so that they look at the error map e = prediction - target alone: the
difference of the mean-removed maps is the mean-removed e, the difference of the gradients is the gradient of e.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.geometry import one_minus_cosine_of_slopes
from depthbench.window_sums import Border, local_means

WINDOWS = {"M5": 5, "M17": 17, "M65": 65}
SLOPES = ("r", "c", "rr", "rc", "cc")
NORMALS = {"N": ("r", "c"), "Nr": ("rr", "rc"), "Nc": ("rc", "cc")}
PARENTS = {"r": ("", -1), "c": ("", -2), "rr": ("r", -1), "rc": ("c", -1), "cc": ("c", -2)}  # along which axis
KINDS = ("D", "M", *WINDOWS, *SLOPES, *NORMALS)


class ErrorMaps(NamedTuple):
    """The error, the true map (None where no kind needs it) and the float mask (None: all valid)."""

    error: Tensor
    truth: Tensor | None
    valid: Tensor | None

    def each(self, change: Callable[[Tensor], Tensor]) -> "ErrorMaps":
        """The maps, each changed."""
        error, truth, valid = self
        return ErrorMaps(
            change(error), None if truth is None else change(truth), None if valid is None else change(valid)
        )


class Sum(NamedTuple):
    """Per image a sum ``(B,)`` and over how many pixels it runs: ``(B,)``, or one number for all."""

    total: Tensor
    pixels: Tensor | int


class Level:
    """One scale. Each derivative is made once, when a kind first needs it.

    Args:
        maps: ``(B, 1, h, w)`` each, finite everywhere, the error 0 at holes.
        border: ``hole``: a difference with a pixel outside the map does not count; ``replicate``: it is a valid 0.
    """

    def __init__(self, maps: ErrorMaps, border: Border) -> None:
        self.maps, self.border, self.size = maps, border, maps.error.shape[-2:]
        # Second differences reach two pixels beyond the border.
        extended = maps if border == "hole" else maps.each(lambda x: F.pad(x, (0, 2, 0, 2), mode="replicate"))
        self._made = {"": extended}

    def sums(self, kinds: Iterable[str]) -> dict[str, Sum]:
        """The sum of each of ``kinds`` over its valid pixels."""
        kinds = tuple(kinds)
        error, _, valid = self.maps
        made = {}
        if "D" in kinds:
            made["D"] = absolute(error, valid)
        if "M" in kinds:
            total, count = error.sum(dim=(1, 2, 3)), _count(error, valid)
            mean = total / (count.clamp(min=1) if isinstance(count, Tensor) else count)
            made["M"] = absolute(error - mean.view(-1, 1, 1, 1), valid)
        windows = [kind for kind in WINDOWS if kind in kinds]
        if windows:
            means = local_means(error, [WINDOWS[kind] for kind in windows], self.border, valid)
            made |= {kind: absolute(error - mean, valid) for kind, mean in zip(windows, means, strict=True)}
        made |= {kind: self._gradient(kind) for kind in SLOPES if kind in kinds}
        made |= {kind: self._normal(*axes) for kind, axes in NORMALS.items() if kind in kinds}
        return made

    def _gradient(self, kind: str) -> Sum:
        error, _, valid = self._cropped(self._slope(kind))[0]
        return absolute(error, valid)

    def _normal(self, first: str, second: str) -> Sum:
        one, two = self._cropped(self._slope(first), self._slope(second))
        valid = None if one.valid is None or two.valid is None else one.valid * two.valid
        assert one.truth is not None
        assert two.truth is not None
        values = one_minus_cosine_of_slopes(one.error, two.error, one.truth, two.truth)
        if valid is not None:
            values = values * valid
        return Sum(values.sum(dim=(1, 2, 3)), _count(values, valid))

    def _cropped(self, *maps: ErrorMaps) -> list[ErrorMaps]:
        """The part that all of ``maps`` have, at most of this scale's size."""
        height = min(self.size[0], *(m.error.shape[-2] for m in maps))
        width = min(self.size[1], *(m.error.shape[-1] for m in maps))
        return [m.each(lambda x: _first(_first(x, -2, height), -1, width)) for m in maps]

    def _slope(self, kind: str) -> ErrorMaps:
        """The derivative ``kind``: r between horizontal neighbors, c between vertical ones; rr, rc, cc of these."""
        if kind not in self._made:
            parent, dim = PARENTS[kind]
            self._made[kind] = forward_difference(self._slope(parent), dim)
        return self._made[kind]


def forward_difference(maps: ErrorMaps, dim: int) -> ErrorMaps:
    """Forward difference along ``dim``, one pixel shorter (empty stays empty); valid where both its pixels are."""
    error, truth, valid = maps
    if error.shape[dim] == 0:
        return maps
    size = error.shape[dim] - 1
    return ErrorMaps(
        _Difference.apply(error, dim),
        None if truth is None else truth.diff(dim=dim),
        None if valid is None else valid.narrow(dim, 0, size) * valid.narrow(dim, 1, size),
    )


def absolute(error: Tensor, valid: Tensor | None) -> Sum:
    """Sum of |error| over the valid pixels."""
    values = error.abs() if valid is None else error.abs() * valid
    return Sum(values.sum(dim=(1, 2, 3)), _count(values, valid))


def _first(values: Tensor, dim: int, length: int) -> Tensor:
    """The first ``length`` along ``dim`` (no view where that is all: its gradient would be a copy)."""
    return values if values.shape[dim] == length else values.narrow(dim, 0, length)


def _count(values: Tensor, valid: Tensor | None) -> Tensor | int:
    return values[0].numel() if valid is None else valid.sum(dim=(1, 2, 3))


class _Difference(torch.autograd.Function):
    """Forward difference whose gradient writes one map (that of two slices writes five)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dim: int) -> Tensor:
        """The difference along ``dim``, which becomes one shorter."""
        ctx.dim = dim
        return values.diff(dim=dim)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Each value is the second of one difference and the first of the next."""
        dim, length = ctx.dim, gradient.shape[ctx.dim]
        shape = list(gradient.shape)
        shape[dim] += 1
        if length == 0:
            return gradient.new_zeros(shape), None
        spread = gradient.new_empty(shape)
        # No out= argument: torch.compile can't trace it into a part of a tensor.
        spread.narrow(dim, 0, 1).copy_(gradient.narrow(dim, 0, 1)).neg_()
        before, after = gradient.narrow(dim, 0, length - 1), gradient.narrow(dim, 1, length - 1)
        spread.narrow(dim, 1, length - 1).copy_(before - after)
        spread.narrow(dim, length, 1).copy_(gradient.narrow(dim, length - 1, 1))
        return spread, None
