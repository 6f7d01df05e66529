"""Pixels that can't be right: without a prediction, or at 0 and below after the alignment. They are counted."""

from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.metrics.pixel_pass import FINE_POWERS
from depthbench.metrics.pixel_sums import EXTENDED_COLUMNS
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Box
from depthbench.protocols.scored_maps import crop

MISSES = ("missing", "nonpositive")
"""Valid pixels without a prediction, scored as a depth of 0; and pixels whose prediction is aligned to a depth
of 0 or below. Both are misses of delta."""

_DELTAS = [EXTENDED_COLUMNS.index(name) for name in ("delta1", "delta2", "delta3", *FINE_POWERS)]


class Misses(NamedTuple):
    """Masks of the misses, bool ``(B, 1, H, W)`` each; None where there are none.

    Attributes:
        missing: valid, and not predicted.
        nonpositive: valid, predicted, and aligned to 0 or below.
        hits: valid, and negative in a protocol that counts this as a hit of delta.
    """

    missing: Tensor | None = None
    nonpositive: Tensor | None = None
    hits: Tensor | None = None

    @classmethod
    def of(
        cls, protocol: EvalProtocol, depth: Tensor | None, limited: Tensor, truth: Tensor, holes: Tensor | None
    ) -> "Misses":
        """Find misses of aligned depth before and after the limits; None before them where nothing was aligned to 0."""
        if holes is None and (depth is None or _all_positive(depth)):
            return cls()
        valid = protocol.mask(truth)
        known = valid if holes is None else valid & ~holes
        hits = protocol.alignment.nonpositive == "hit"
        return cls(
            None if holes is None else valid & holes,
            None if depth is None else known & (depth <= 0),
            known & (limited < 0) if hits else None,
        )

    def counts(self, box: Box, like: Tensor) -> Tensor:
        """The :data:`MISSES` ``(B, 2)`` of each image within a box, of the device and type of the sums."""
        found = [_count(maps, box, like) for maps in (self.missing, self.nonpositive)]
        return torch.stack(found, 1)

    def counted(self, sums: Tensor, box: Box) -> Tensor:
        """``masked_sums`` with hits where the protocol counts them."""
        if self.hits is None:
            return sums
        sums = sums.clone()
        sums[:, [column for column in _DELTAS if column < sums.shape[1]]] += _count(self.hits, box, sums)[:, None]
        return sums


def _count(maps: Tensor | None, box: Box, like: Tensor) -> Tensor:
    if maps is None:
        return like.new_zeros(len(like))
    return crop(maps, box).flatten(1).sum(1).to(like.dtype)


def _all_positive(depth: Tensor) -> bool:
    """Whether they are, as far as that is known without waiting for a device."""
    return depth.device.type == "cpu" and bool(depth.amin() > 0)
