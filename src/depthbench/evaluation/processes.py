"""The processes that score together, as torchrun starts them."""

import contextlib
import os
from collections.abc import Iterator

import torch.distributed as dist


def rank_and_world() -> tuple[int, int]:
    """Rank of this process and number of processes, as torchrun tells."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def joined_processes() -> Iterator[None]:
    """Meet the other processes that torchrun has started."""
    if rank_and_world()[1] == 1:
        yield
        return
    # gloo for GPUs too: only the sums of images are exchanged, once.
    dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()
