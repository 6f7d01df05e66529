"""Bring what a file holds to the size that is asked for: image, depth and intrinsics together.

Pixel convention: integer coordinates are pixel centers, so the image covers ``[-0.5, W - 0.5]`` and scaling by ``s``
moves a point ``u`` to ``(u + 0.5) * s - 0.5``.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.data.frame import Frame
from depthbench.geometry import resize_intrinsics
from depthbench.images import Size, resize_depth, resize_rgb

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
