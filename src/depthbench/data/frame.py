"""What a data set gives and what a network gets."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.annotations import Annotations, stack_annotations


class Frame(NamedTuple):
    """One image with its depth.

    Attributes:
        image: ``(3, H, W)`` float32 RGB in [0, 1].
        depth: ``(1, h, w)`` float32 metres along the optical axis, 0 = missing. ``(h, w)`` is ``(H, W)``
            for training; for testing it may be the sensor's own size.
        intrinsics: ``(3, 3)`` float32, in pixels of ``image``, or None where unknown.
        name: identifies the frame within its data set, for per-image scores.
        annotations: what else is known of the scene, at the depth's size; for tests. Augmentation drops it.
    """

    image: Tensor
    depth: Tensor
    intrinsics: Tensor | None
    name: str
    annotations: Annotations | None = None


class Batch(NamedTuple):
    """Frames stacked: ``image (B, 3, H, W)``, ``depth (B, 1, h, w)``, ``intrinsics (B, 3, 3)`` or None, names,
    annotations or None.
    """  # noqa: D205

    image: Tensor
    depth: Tensor
    intrinsics: Tensor | None
    name: list[str]
    annotations: Annotations | None = None


def collate(frames: Sequence[Frame]) -> Batch:
    """Stack frames of equal sizes; intrinsics and annotations are kept only if every frame has them."""
    known = [frame.intrinsics for frame in frames if frame.intrinsics is not None]
    return Batch(
        image=torch.stack([frame.image for frame in frames]),
        depth=torch.stack([frame.depth for frame in frames]),
        intrinsics=torch.stack(known) if len(known) == len(frames) else None,
        name=[frame.name for frame in frames],
        annotations=stack_annotations([frame.annotations for frame in frames]),
    )
