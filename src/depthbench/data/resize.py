"""Bring what a file holds to the size that is asked for: image, depth and intrinsics together.

Pixel convention: integer coordinates are pixel centers, so the image covers ``[-0.5, W - 0.5]`` and scaling by ``s``
moves a point ``u`` to ``(u + 0.5) * s - 0.5``.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.data.frame import Frame

Size = tuple[int, int]
DepthSize = Literal["image", "native"]


class Sample(NamedTuple):
    """One frame as stored.

    Attributes:
        rgb: ``(H, W, 3)`` uint8.
        depth: ``(h, w)`` float32 metres, 0 = missing.
        intrinsics: ``(3, 3)`` in pixels of ``rgb``, or None.
        name: identifies the frame within its data set.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float64] | None
    name: str


def resize_rgb(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """``(H, W, 3)`` to ``size`` = (height, width): area average when shrinking (no aliasing), else bilinear."""
    if rgb.shape[:2] == tuple(size):
        return rgb
    shrinks = size[0] <= rgb.shape[0] and size[1] <= rgb.shape[1]
    mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=mode), np.uint8)


def resize_depth(depth: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Nearest by pixel centers: never a mean across an edge or of a hole. As :func:`depthbench.ops.resize_depth`."""
    if depth.shape == tuple(size):
        return depth
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(np.intp).clip(max=old - 1)
        for new, old in zip(size, depth.shape, strict=True)
    )
    return np.asarray(depth.take(rows, 0).take(columns, 1), np.float32)  # in turn: three times as fast as at once


def resize_intrinsics(intrinsics: NDArray[np.float64], old: Size, new: Size) -> NDArray[np.float64]:
    """Intrinsics ``(3, 3)`` of an image of size ``old`` after its resize to ``new``."""
    sy, sx = new[0] / old[0], new[1] / old[1]
    scale = np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])
    return np.asarray(scale @ intrinsics, np.float64)


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
    known = sample.intrinsics
    return Frame(
        image=torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float().div_(255.0),
        depth=torch.from_numpy(np.ascontiguousarray(depth, dtype=np.float32))[None],
        intrinsics=None if known is None else torch.from_numpy(resize_intrinsics(known, old, new)).float(),
        name=sample.name,
    )
