"""Sums and maxima over the batches of all processes, so that a loss doesn't depend on the number of devices.

Each process computes the loss of the whole batch from global sums, and so logs it. The gradient of a global sum adds
up the gradients of all processes: each process then has the gradient of the *sum* of all processes' (equal) losses
with respect to its own pixels, which is the number of processes times that of the loss, and
DistributedDataParallel's mean over processes takes this factor away again.

With one process nothing is communicated. All processes must call these functions equally often, with or without
valid pixels.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def process_count() -> int:
    """Number of processes that share the batch; 1 where torch.distributed isn't initialized."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_sum(values: Tensor) -> Tensor:
    """Sum of ``values`` (of one shape everywhere) over all processes, with gradient; added up in float64."""
    if process_count() == 1:
        return values
    total: Tensor = _GlobalSum.apply(values)
    return total


def global_count(mask: Tensor | int, device: torch.device) -> Tensor | int:
    """Number of true elements over all processes.

    Args:
        mask: a bool mask, or its number of true elements.
        device: where the maps of this process are.
    """
    if process_count() == 1:
        return mask.sum() if isinstance(mask, Tensor) else mask
    count = mask.sum() if isinstance(mask, Tensor) else torch.tensor(mask, device=device)
    return _reduced(count.long(), dist.ReduceOp.SUM)


def global_max(values: Tensor) -> Tensor:
    """Elementwise maximum of ``values`` (of one shape everywhere; bool: any) over all processes, without gradient."""
    values = values.detach()
    if process_count() == 1:
        return values
    if values.dtype == torch.bool:
        return _reduced(values.to(torch.uint8), dist.ReduceOp.MAX) > 0
    return _reduced(values, dist.ReduceOp.MAX)


def _reduced(values: Tensor, operation: Any) -> Tensor:
    reduced = values.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(reduced, operation)
    return reduced


class _GlobalSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _reduced(values.double(), dist.ReduceOp.SUM).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _reduced(gradient.double(), dist.ReduceOp.SUM).to(gradient.dtype)
