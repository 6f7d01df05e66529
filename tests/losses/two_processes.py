"""What each of two processes does with its share of a batch, importable by name so that it can be started."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from depthbench import losses as L
from depthbench.losses.set_transforms import FlipWarp, Warp

Maps = tuple[Tensor, Tensor, Tensor]
Outcome = tuple[float, Tensor, list[Tensor]]


def everything() -> dict[str, Any]:
    """Makers of all losses: of every configuration, and of every reduction that none has."""
    from tests.losses.test_every_loss import DEFAULTS, OTHERS, one_per_space

    return one_per_space(DEFAULTS) | OTHERS | {"ranking": L.Ranking}


def measured(loss: nn.Module, maps: Maps) -> Outcome:
    """The value of a loss, its gradient by the prediction, and those by its own parameters."""
    prediction, target, valid = maps
    prediction = prediction.clone().requires_grad_()
    torch.manual_seed(3)
    if isinstance(loss, L.SetLoss):
        members = torch.cat([prediction, 1.1 * prediction.flip(-1), 0.95 * prediction])
        value = loss(members, target, valid, [Warp(), FlipWarp(), Warp()])
    else:
        value = loss(prediction, target, valid)
    value.backward()
    assert prediction.grad is not None
    return value.item(), prediction.grad, [p.grad for p in loss.parameters() if p.grad is not None]


def measured_in_share(
    rank: int, store: str, batches: dict[str, dict[str, list[Maps]]]
) -> dict[str, dict[str, Outcome]]:
    """The outcome of this process by scene and loss; ``batches``: by scene and name the maps of each process."""
    torch.set_num_threads(1)
    makers = everything()
    dist.init_process_group("gloo", init_method=Path(store).as_uri(), rank=rank, world_size=2)
    try:
        return {
            scene: {name: measured(makers[name](), shares[rank]) for name, shares in losses.items()}
            for scene, losses in batches.items()
        }
    finally:
        dist.destroy_process_group()


def refused_in_share(rank: int, store: str) -> str:
    """The error of a log loss where only the first process has a depth that is not positive."""
    dist.init_process_group("gloo", init_method=Path(store).as_uri(), rank=rank, world_size=2)
    depth = torch.ones(1, 1, 4, 4)
    try:
        L.LogL1()(depth - (1.5 if rank == 0 else 0.5), depth)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        dist.destroy_process_group()
    return "no error"
