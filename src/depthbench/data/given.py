"""Data sets that a user hands over in Python: frames, pairs, dictionaries or arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.config.amounts import evenly_spaced
from depthbench.data.frame import Frame
from depthbench.data.readers.reader import Reader
from depthbench.data.subset import FrameSubset
from depthbench.data.units import suggested
from depthbench.errors import UserError

PLAUSIBLE = (0.05, 200.0)  # metres between which the median depth of some frames lies, indoors or outdoors
_KEYS = ("image", "depth")
_LOOKED = 3


class GivenFrames(Dataset[Frame]):
    """Any map-style data set as frames.

    An item is a :class:`Frame`, a pair (image, depth), or a dictionary with ``image`` and ``depth`` and, where they are
    known, ``intrinsics (3, 3)`` and ``name``. Images are uint8, or floats in [0, 1]: ``(3, H, W)``, or ``(H, W, 3)`` of
    NumPy and PIL. Depth is float metres, ``(H, W)`` or ``(1, H, W)``; 0, NaN and infinity are missing depth.

    Args:
        items: with a length and an index; its ``names``, where it has them, are the frames' names.

    Raises:
        UserError: when read, if an item is something else.

    Example:
        >>> import numpy as np
        >>> frames = GivenFrames([(np.zeros((24, 32, 3), np.uint8), np.full((24, 32), 2.5, np.float32))])
        >>> frames[0].image.shape, frames[0].depth.shape, frames[0].name
        (torch.Size([3, 24, 32]), torch.Size([1, 24, 32]), '0')
    """

    def __init__(self, items: Any) -> None:
        self.items = items
        if hasattr(items, "names"):
            self.names = [str(name) for name in items.names]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Frame:
        item = self.items[index]
        if isinstance(item, Frame):
            return item
        if isinstance(item, Mapping):
            if lacking := [key for key in _KEYS if key not in item]:
                raise UserError(f"Frame {index} has no {lacking[0]!r}; its keys are {', '.join(map(str, item))}.")
            fields = dict(item)
        elif isinstance(item, tuple | list) and len(item) == 2:
            fields = {"image": item[0], "depth": item[1]}
        else:
            raise UserError(
                f"Frame {index} is a {type(item).__name__}{_length(item)}; a data set gives (image, depth), "
                "dictionaries with image and depth, or depthbench.data.Frame."
            )
        known = fields.get("intrinsics")
        return Frame(
            _image(fields["image"], index),
            _depth(fields["depth"], index),
            None if known is None else torch.as_tensor(np.asarray(known), dtype=torch.float32),
            str(fields.get("name", self.names[index] if hasattr(self, "names") else index)),
        )


def as_frames(data: Any, part: str, trains: bool = False) -> Dataset[Frame]:
    """A user's data set, after a check of a few of its frames.

    Args:
        data: a map-style data set, a list of items, or a tuple of all images and all depth maps.
        part: its purpose, in words of the caller.
        trains: whether it is learned from: then image and depth have one size.

    Raises:
        UserError: if it is empty or has no index, or some frames are no frames, have no valid depth at all, or depth
            that can't be metres.
    """
    if isinstance(data, tuple) and len(data) == 2 and all(hasattr(one, "__len__") for one in data):
        images, depths = data
        if len(images) != len(depths):
            raise UserError(f"{part} has {len(images)} images and {len(depths)} depth maps; give one for each image.")
        data = list(zip(images, depths, strict=True))
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise UserError(
            f"{part} is a {type(data).__name__}, which has no length or no index; give a map-style data set, a list of "
            "(image, depth), or a tuple of images and depth maps."
        )
    if not len(data):
        raise UserError(f"{part} is empty; give frames.")
    frames = data if isinstance(data, Dataset | Reader) and isinstance(data[0], Frame) else GivenFrames(data)
    places = list(dict.fromkeys((0, len(data) // 2, len(data) - 1)))[:_LOOKED]
    _look([frames[place] for place in places], part, trains)
    return frames


def hold_out_some(frames: Dataset[Frame], share: float | int, part: str) -> tuple[Dataset[Frame], Dataset[Frame]]:
    """Training frames and held-out frames; the latter are evenly spaced.

    Args:
        frames: of which some are held out.
        share: a fraction in (0, 1), or a number of frames.
        part: the purpose of the held-out frames.

    Raises:
        UserError: if that leaves one of both without a frame.
    """
    total = len(frames)  # type: ignore[arg-type]
    wanted = round(share * total) if isinstance(share, float) else share
    if isinstance(share, bool) or not 0 < wanted < total:
        raise UserError(f"{part}={share} holds out {wanted} of {total} frames; give a share such as 0.1.")
    held = set(evenly_spaced(total, wanted))
    kept = [place for place in range(total) if place not in held]
    return FrameSubset(frames, kept), FrameSubset(frames, sorted(held))


def _look(frames: Sequence[Frame], part: str, trains: bool) -> None:
    known = []
    for frame in frames:
        low, high = float(frame.image.min()), float(frame.image.max())
        if low < 0 or high > 1:
            raise UserError(
                f"{part}: the image {frame.name} has values from {low:.3g} to {high:.3g}; images are floats in [0, 1] "
                "or uint8, and networks normalize them themselves."
            )
        if trains and frame.image.shape[-2:] != frame.depth.shape[-2:]:
            sizes = [f"{one.shape[-2]}x{one.shape[-1]}" for one in (frame.image, frame.depth)]
            raise UserError(
                f"{part}: frame {frame.name} has an image of {sizes[0]} and depth of {sizes[1]}; frames to learn from "
                "have both of one size."
            )
        known.append(frame.depth[frame.depth > 0])
    valid = torch.cat(known)
    if not valid.numel():
        raise UserError(f"{part}: {len(frames)} of its frames have no valid depth (above 0); is the depth there?")
    median = float(valid.median())
    if not PLAUSIBLE[0] <= median <= PLAUSIBLE[1]:
        hint = suggested(median, (0.5, 10.0)).replace("data.scale=", "times ")
        raise UserError(f"{part}: a median depth of {median:.4g} can't be metres; multiply it.{hint}")


def _image(values: Any, index: int) -> Tensor:
    """``(3, H, W)`` float32 in [0, 1]."""
    last = not isinstance(values, Tensor)  # NumPy's and PIL's channels come last, torch's first
    image = torch.from_numpy(np.ascontiguousarray(values)) if last else values
    if image.ndim == 3 and image.shape[-1] == 3 and (last or image.shape[0] != 3):
        image = image.permute(2, 0, 1)
    if image.ndim != 3 or image.shape[0] != 3:
        raise UserError(f"Frame {index} has an image {tuple(image.shape)}; give (3, H, W), or (H, W, 3) of NumPy.")
    if image.dtype == torch.uint8:
        return image.float().div_(255).contiguous()
    if not image.is_floating_point():
        raise UserError(f"Frame {index} has an image of {image.dtype}; give uint8, or floats in [0, 1].")
    return image.float().contiguous()


def _depth(values: Any, index: int) -> Tensor:
    """``(1, H, W)`` float32 metres, 0 = missing."""
    depth = values if isinstance(values, Tensor) else torch.from_numpy(np.array(_plain_array(values)))
    if depth.ndim == 3 and depth.shape[-1] == 1 and depth.shape[0] != 1:
        depth = depth.permute(2, 0, 1)
    depth = depth[None] if depth.ndim == 2 else depth
    if depth.ndim != 3 or depth.shape[0] != 1:
        raise UserError(f"Frame {index} has depth {tuple(depth.shape)}; give (H, W) or (1, H, W).")
    if not depth.is_floating_point():
        raise UserError(f"Frame {index} has depth of {depth.dtype}, which has no unit; give floats in metres.")
    depth = torch.where(depth.isfinite(), depth, 0.0).float().contiguous()
    if bool((depth < 0).any()):
        raise UserError(f"Frame {index} has depth below 0 ({float(depth.min()):.3g}); 0 says that depth is missing.")
    return depth


def _plain_array(values: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values)
    return array.astype(np.int32) if array.dtype == np.uint16 else array


def _length(item: Any) -> str:
    return f" of {len(item)}" if isinstance(item, tuple | list) else ""
