"""Changes of geometry: image, depth and intrinsics together.

Depth is always looked up (nearest), never mixed; depth from outside of the picture is missing (0). Intrinsics
follow the pixels (integer coordinates are pixel centers); what a rotation or mirroring leaves besides an upper
triangular matrix is a roll or mirroring of the camera's axes, which changes no depth.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import torch

from depthbench.data.frame import Frame
from depthbench.errors import UserError
from depthbench.geometry import map_intrinsics
from depthbench.pinhole import Matrix

_MODES = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def warp(frame: Frame, pixels: Matrix, size: tuple[int, int], mode: str = "bilinear", fill: float = 0.0) -> Frame:
    """Move pixels by an affine map.

    Args:
        frame: depth at the image's size.
        pixels: ``(3, 3)``, from old to new pixel coordinates.
        size: (height, width) of the result.
        mode: ``bilinear`` or ``nearest`` for the image; depth is always nearest.
        fill: the image beyond its border.
    """
    _same_size(frame)
    target = size[1], size[0]
    planes = [cv2.warpAffine(p, pixels[:2], target, flags=_MODES[mode], borderValue=fill) for p in frame.image.numpy()]
    depth = cv2.warpAffine(frame.depth[0].numpy(), pixels[:2], target, flags=cv2.INTER_NEAREST, borderValue=0.0)
    return frame._replace(
        image=torch.from_numpy(np.stack(planes)),
        depth=torch.from_numpy(depth)[None],
        intrinsics=map_intrinsics(frame.intrinsics, pixels),
    )


class Flip:
    """Mirror left and right with probability p.

    Args:
        p: probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        if rng.random() >= self.p:
            return frame
        mirror = np.array([[-1.0, 0, frame.image.shape[-1] - 1], [0, 1, 0], [0, 0, 1]])
        return frame._replace(
            image=frame.image.flip(-1), depth=frame.depth.flip(-1), intrinsics=map_intrinsics(frame.intrinsics, mirror)
        )


class Rotate:
    """Roll about the image's center; the corners become holes.

    Args:
        degrees: the angle is uniform in [-degrees, degrees], or normal with this standard deviation.
        law: ``uniform`` or ``normal``.
        p: probability.
        mode: ``bilinear`` or ``nearest``, for the image.
        fill: the image in the corners; their depth is missing.
    """

    def __init__(
        self,
        degrees: float,
        law: Literal["uniform", "normal"] = "uniform",
        p: float = 1.0,
        mode: Literal["bilinear", "nearest"] = "bilinear",
        fill: float = 0.0,
    ) -> None:
        if law not in ("uniform", "normal") or mode not in _MODES:
            raise UserError(f"Rotate: law={law} is uniform or normal, mode={mode} is bilinear or nearest.")
        self.degrees, self.law, self.p, self.mode, self.fill = degrees, law, p, mode, fill

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        if rng.random() >= self.p:
            return frame
        angle = rng.normal(0, self.degrees) if self.law == "normal" else rng.uniform(-self.degrees, self.degrees)
        height, width = frame.image.shape[-2:]
        pixels = np.vstack([cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0), [0, 0, 1]])
        return warp(frame, pixels, (height, width), self.mode, self.fill)


class Zoom:
    """Enlarge by s in [low, high], cut a random window of the old size, divide depth by s (Eigen et al. 2014).

    The focal length stays: an object that looks s times larger is s times nearer.

    Args:
        low: smallest s, at least 1.
        high: largest s.
        mode: how pictures are resampled; depth is always the nearest pixel's.
    """

    def __init__(self, low: float = 1.0, high: float = 1.5, mode: Literal["bilinear", "nearest"] = "bilinear") -> None:
        if not 1 <= low <= high:
            raise UserError(f"Zoom from {low} to {high}: give 1 <= low <= high, a smaller picture would leave a frame.")
        self.low, self.high, self.mode = low, high, mode

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        factor = rng.uniform(self.low, self.high)
        height, width = frame.image.shape[-2:]
        top, left = rng.uniform(0, (factor - 1) * np.array([height, width]))
        shift = 0.5 * factor - 0.5
        pixels = np.array([[factor, 0, shift - left], [0, factor, shift - top], [0, 0, 1]])
        frame = warp(frame, pixels, (height, width), self.mode)
        known = frame.intrinsics
        if known is not None:
            known[:2, :2] /= factor
        return frame._replace(depth=frame.depth / factor, intrinsics=known)


class Crop:
    """A window of the picture, given as its authors do: pixels of a picture of their size.

    Args:
        size: (height, width) of the window.
        of: (height, width) of the picture that ``size`` refers to; scaled to the actual one.
        at: ``center``, ``random``, or (top, left) in the same pixels.
    """

    def __init__(
        self, size: Sequence[int], of: Sequence[int], at: Literal["center", "random"] | Sequence[int] = "center"
    ) -> None:
        if any(small > large for small, large in zip(size, of, strict=True)):
            raise UserError(f"Crop: a window of {list(size)} does not fit into {list(of)}.")
        if isinstance(at, str) and at not in ("center", "random"):
            raise UserError(f"Crop: at={at} is center, random or [top, left].")
        self.share = np.array(size) / np.array(of)
        self.at = at if isinstance(at, str) else np.array(at) / np.array(of)

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        _same_size(frame)
        whole = np.array(frame.image.shape[-2:])
        size = np.rint(whole * self.share).astype(int)
        if isinstance(self.at, str):
            start = rng.integers(whole - size + 1) if self.at == "random" else (whole - size) // 2
        else:
            start = np.minimum(np.rint(whole * self.at).astype(int), whole - size)
        (top, left), (bottom, right) = start, start + size
        shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
        return frame._replace(
            image=frame.image[:, top:bottom, left:right],
            depth=frame.depth[:, top:bottom, left:right],
            intrinsics=map_intrinsics(frame.intrinsics, shift),
        )


def _same_size(frame: Frame) -> None:
    if frame.image.shape[-2:] != frame.depth.shape[-2:]:
        raise UserError(
            f"{frame.name}: the image is {tuple(frame.image.shape[-2:])} but depth {tuple(frame.depth.shape[-2:])}; "
            "augment frames whose depth has the image's size (data.depth_size=image)."
        )
