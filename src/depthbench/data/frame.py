"""Frames, which data sets give, and batches, which networks get.

torch's own loader stacks frames by :func:`collate`, too: ``DataLoader(Rooms())`` gives a :class:`Batch`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data._utils.collate import default_collate_fn_map

from depthbench.annotations import Annotations, stack_annotations
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size, resize_depth, resize_rgb
from depthbench.maps import resize_nearest
from depthbench.pinhole import resize_intrinsics


class Frame(NamedTuple):
    """One image with its depth.

    Attributes:
        image: ``(3, H, W)`` float32 RGB in [0, 1].
        depth: ``(1, h, w)`` float32 metres along the optical axis, 0 = missing. ``(h, w)`` is ``(H, W)``
            for training; for testing it may be the sensor's own size.
        intrinsics: ``(3, 3)`` float32, in pixels of ``image``, or None where unknown.
        name: identifies the frame within its data set, for per-image scores.
        annotations: further knowledge of the scene, at the depth's size; for tests. Augmentation drops it.
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


def to_frame(sample: Sample, size: Size | None = None, depth_size: DepthSize = "image") -> Frame:
    """A sample as the bench wants it.

    Args:
        sample: as read.
        size: (height, width) of the image, None for its own.
        depth_size: ``image`` gives depth the image's size, ``native`` keeps the sensor's (tests are scored at it).
    """
    old: Size = sample.rgb.shape[:2]
    new = size or old
    rgb = resize_rgb(sample.rgb, new)
    depth = sample.depth if depth_size == "native" else resize_depth(sample.depth, new)
    known, notes = sample.intrinsics, sample.annotations
    if notes is not None and depth.shape != sample.depth.shape:
        height, width = depth.shape
        notes = notes.changed(lambda maps: resize_nearest(maps[None].double(), (height, width))[0].to(maps.dtype))
    return Frame(
        image=torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float().div_(255.0),
        depth=torch.from_numpy(np.ascontiguousarray(depth, dtype=np.float32))[None],
        intrinsics=None if known is None else torch.from_numpy(resize_intrinsics(known, old, new)).float(),
        name=sample.name,
        annotations=notes,
    )


def collate(frames: Sequence[Frame]) -> Batch:
    """Stack frames of equal sizes; intrinsics and annotations are kept only if every frame has them.

    Raises:
        UserError: if images, or depth maps, have different sizes.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from depthbench.data import Rooms
        >>> batch = next(iter(DataLoader(Rooms(split=4, size=(24, 32)), batch_size=2)))
        >>> batch.image.shape, batch.depth.shape, len(batch.name)
        (torch.Size([2, 3, 24, 32]), torch.Size([2, 1, 24, 32]), 2)
    """
    known = [frame.intrinsics for frame in frames if frame.intrinsics is not None]
    try:
        return Batch(
            image=torch.stack([frame.image for frame in frames]),
            depth=torch.stack([frame.depth for frame in frames]),
            intrinsics=torch.stack(known) if len(known) == len(frames) else None,
            name=[frame.name for frame in frames],
            annotations=stack_annotations([frame.annotations for frame in frames]),
        )
    except RuntimeError:
        check_sizes(frames, "Give the data set a size, or take batches of one frame.")
        raise


def check_sizes(frames: Sequence[Frame], remedy: str) -> None:
    """Refuse frames that can't be one batch.

    Args:
        frames: at least one.
        remedy: a sentence with the words to type.

    Raises:
        UserError: if images, or depth maps, have different sizes.

    Example:
        >>> import torch
        >>> from depthbench.data.frame import Frame, check_sizes
        >>> check_sizes([Frame(torch.zeros(3, 4, 6), torch.zeros(1, 4, 6), None, "a")] * 2, "Resize them.")
    """
    other = next((frame for frame in frames if _sizes(frame) != _sizes(frames[0])), None)
    if other is not None:
        told = [f"{frame.name} has image and depth of {_sizes(frame)}" for frame in (frames[0], other)]
        raise UserError(f"Frames of different sizes can't be one batch: {', '.join(told)}. {remedy}") from None


def _sizes(frame: Frame) -> str:
    return " and ".join(f"{one.shape[-2]}x{one.shape[-1]}" for one in (frame.image, frame.depth))


def _collate_by_default(frames: Sequence[Frame], *, collate_fn_map: Any = None) -> Batch:
    return collate(frames)


default_collate_fn_map[Frame] = _collate_by_default  # the way that torch's `default_collate` documents
