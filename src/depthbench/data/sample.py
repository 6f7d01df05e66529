"""A frame as it is stored, and one size for its picture and depth; nothing here imports torch.

Pixel convention: integer coordinates are pixel centers, so the image covers ``[-0.5, W - 0.5]`` and scaling by ``s``
moves a point ``u`` to ``(u + 0.5) * s - 0.5``.
"""

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.images import resize_depth, resize_rgb
from depthbench.pinhole import resize_intrinsics

if TYPE_CHECKING:
    from depthbench.annotations import Annotations

DepthSize = Literal["image", "native"]
ResizeTo = Literal["depth", "picture"]
_ASPECT = 0.03  # by which the shapes of a picture and a depth map of the same view may differ, as a logarithm


class Sample(NamedTuple):
    """One frame as stored.

    Attributes:
        rgb: ``(H, W, 3)`` uint8.
        depth: ``(h, w)`` float32 metres, 0 = missing.
        intrinsics: ``(3, 3)`` in pixels of ``rgb``, or None.
        name: identifies the frame within its data set.
        annotations: at the size of ``depth``, or None.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float64] | None
    name: str
    annotations: "Annotations | None" = None


def of_one_size(
    sample: Sample,
    valid: NDArray[np.bool_] | None = None,
    resize_to: ResizeTo | None = None,
    files: tuple[object, object] = ("the picture", "the depth"),
) -> Sample:
    """Picture and depth of the same height and width, with depth only where it is valid.

    Args:
        sample: as read, the depth perhaps of another size than the picture.
        valid: of the size of either, where depth counts; None for everywhere.
        resize_to: ``depth`` gives the picture the depth's size (means of areas; intrinsics follow), ``picture`` the
            depth the picture's (nearest neighbors); None refuses unequal sizes.
        files: name the picture and the depth in errors.

    Raises:
        UserError: if sizes differ and nobody said which counts, or the shapes are too unlike to show the same view.
    """
    rgb, depth, known = sample.rgb, sample.depth, sample.intrinsics
    picture, map_size = rgb.shape[:2], depth.shape
    if picture != map_size:
        told = f"{files[0]} is {picture[1]}x{picture[0]} but {files[1]} is {map_size[1]}x{map_size[0]}"
        if abs(math.log(picture[1] / picture[0] * map_size[0] / map_size[1])) > _ASPECT:
            raise UserError(f"{told}: their shapes differ, so they can't show the same pixels; crop one of them.")
        if resize_to is None:
            raise UserError(
                f"{told}; they must show the same pixels: append data.resize_to=depth to resize pictures to their "
                "depth, data.resize_to=picture for the reverse."
            )
    if valid is not None:
        if valid.shape not in (picture, map_size):
            raise UserError(
                f"The mask of {files[1]} is {valid.shape[1]}x{valid.shape[0]}, which is the size of neither."
            )
        depth = np.where(resize_depth(valid.astype(np.float32), map_size) > 0, depth, np.float32(0))
    if picture != map_size and resize_to == "depth":
        known = None if known is None else resize_intrinsics(known, picture, map_size)
        rgb = resize_rgb(rgb, map_size)
    elif picture != map_size:
        depth = resize_depth(depth, picture)
    return sample._replace(rgb=rgb, depth=depth, intrinsics=known)
