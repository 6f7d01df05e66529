"""The test frames of this process, batch by batch, on its device."""

import os
from collections.abc import Iterable, Sequence

import torch
from torch.utils.data import DataLoader

from depthbench.cores import cores
from depthbench.data import UnpaddedSampler
from depthbench.evaluation.processes import rank_and_world
from depthbench.evaluation.test_set import EvaluationSet, Items, stack
from depthbench.protocols import Camera


def camera(items: Items) -> Camera | None:
    """The camera of the images as delivered, which show all of the truth; None where it is not known."""
    if items.intrinsics is None:
        return None
    return Camera(items.intrinsics, (items.image.shape[-2], items.image.shape[-1]))


def on_device(items: Items, device: torch.device) -> Items:
    """The same frames on a device."""
    truth = {kind: maps.to(device, non_blocking=True) for kind, maps in items.truth.items()}
    known = None if items.intrinsics is None else items.intrinsics.to(device, non_blocking=True)
    annotations = None if items.annotations is None else items.annotations.moved(device)
    image = items.image.to(device, non_blocking=True)
    return items._replace(image=image, truth=truth, intrinsics=known, annotations=annotations)


def loader(test_set: EvaluationSet, batch_size: int, places: Sequence[int] | None = None) -> DataLoader[Items]:
    """The frames of this process, or those at some places."""
    rank, world = rank_and_world()
    gpu = torch.cuda.is_available()
    sampler: Iterable[int] = UnpaddedSampler(len(test_set), rank, world) if places is None else places
    return DataLoader(
        test_set,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=min(8, cores() // world) if gpu else 0,
        collate_fn=stack,
        pin_memory=gpu,
    )


def is_silent() -> bool:
    """Whether progress bars are off: not the first process, or no terminal."""
    return rank_and_world()[0] > 0 or not os.isatty(2)
