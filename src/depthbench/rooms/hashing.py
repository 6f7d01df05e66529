"""Counter-based random numbers: every number is a pure function of its key, so order and batching cannot matter.

Tensors use only integer arithmetic (identical on every device); layouts use 64-bit Python integers.
"""

from collections.abc import Sequence
from functools import reduce
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
_MASK = (1 << 64) - 1


def mix(*key: int) -> int:
    """A 64-bit hash of some integers (the finalizer of splitmix64, chained)."""
    return reduce(_stir, key, 0x9E3779B97F4A7C15)


def _stir(state: int, part: int) -> int:
    state = (state ^ (part & _MASK)) * 0xBF58476D1CE4E5B9 & _MASK
    state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
    return state ^ state >> 31


class Draws:
    """Numbers for one key, in the order in which a layout asks for them."""

    def __init__(self, *key: int) -> None:
        self._state = mix(mix(*key))
        self._count = 0

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in [low, high)."""
        self._count += 1
        return low + (high - low) * (_stir(self._state, self._count) >> 11) / (1 << 53)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self() * len(options))]

    def count(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self() * (high - low + 1))


def scramble(key: Tensor) -> Tensor:
    """A 32-bit integer hash of int32 ``key``, in place (multiply and xor-shift, wrapping)."""
    key.mul_(0x2C1B3C6D)
    key.bitwise_xor_((key >> 15).bitwise_and_(0x1FFFF))
    key.mul_(0x297A2D39)
    return key.bitwise_xor_((key >> 15).bitwise_and_(0x1FFFF))


def unit(key: Tensor, shift: int = 0) -> Tensor:
    """Bits ``shift`` to ``shift + 16`` of a hash as float32 in [0, 1)."""
    return (key >> shift).bitwise_and_(0xFFFF).float().mul_(1 / 65536)


def bell(key: Tensor) -> Tensor:
    """About normal with mean 0 and deviation 1: the scaled sum of the four bytes of a hash."""
    total = key.bitwise_and(0xFF)
    for shift in (8, 16, 24):
        total += (key >> shift).bitwise_and_(0xFF)
    # Four uniform integers of 0..255: mean 510, variance 4 * (256^2 - 1) / 12.
    return total.float().sub_(510).mul_(1 / 147.8)


def pixel_keys(frame_keys: Tensor, size: tuple[int, int], stream: int) -> Tensor:
    """One hash per pixel, ``(B, H, W)`` int32, from one key per frame ``(B,)`` int32."""
    height, width = size
    pixels = torch.arange(height * width, dtype=torch.int32, device=frame_keys.device).mul_(0x1B873593)
    keys = frame_keys[:, None] ^ pixels[None, :] + (stream * 0x3C6EF372 & 0x3FFFFFFF)
    return scramble(keys).view(-1, height, width)
