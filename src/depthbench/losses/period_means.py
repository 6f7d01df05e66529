"""Means of named terms over a period, exact over images, ranks and restarts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

Reduce = Callable[[Tensor], Tensor]  # sums a tensor over all processes


class PeriodSummary(NamedTuple):
    """Summary of a period: per term its mean (NaN where it never had a pixel) and its weight, ``(K,)``.

    A term's contribution to the total is ``weights * losses``.
    """

    period: int
    names: Sequence[str]
    losses: Tensor
    weights: Tensor


class PeriodMeans(nn.Module):
    """Sums of K terms over the images of a period, in float64, and how many periods are over.

    The sums are this process's own. They travel in the checkpoint as extra state and not as a buffer, because
    DistributedDataParallel overwrites the buffers of all processes with the first one's.
    """

    period: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.sums = torch.zeros(2, count, dtype=torch.float64)  # of the terms; of the images that have them
        self.register_buffer("period", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, terms: Tensor, present: Tensor | None = None) -> None:
        """Count in the terms ``(B, K)`` of some images; ``present`` says which of them exist."""
        seen = torch.ones_like(terms, dtype=torch.bool) if present is None else present
        sums = torch.stack([terms.detach().double().where(seen, 0.0).sum(dim=0), seen.double().sum(dim=0)])
        self.sums = self.sums.to(sums.device) + sums

    @torch.no_grad()
    def close(self, reduce: Reduce | None = None) -> tuple[int, Tensor]:
        """End the period: its number (from 0) and the mean of each term over all images, NaN where none had it."""
        total, count = self.sums if reduce is None else reduce(self.sums)
        self.sums = torch.zeros_like(self.sums)
        number = int(self.period)
        self.period += 1
        return number, total / count

    def get_extra_state(self) -> Tensor:
        """The sums, for the checkpoint."""
        return self.sums.clone()

    def set_extra_state(self, state: Tensor) -> None:
        """The sums, from the checkpoint."""
        self.sums = state.clone()
