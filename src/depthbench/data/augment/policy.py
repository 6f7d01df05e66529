"""Sequences of transforms; a policy is itself a transform."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from depthbench.data.frame import Frame


class Transform(Protocol):
    """A new frame (image, depth and intrinsics together) from a frame and the only randomness it may use."""

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame: ...  # noqa: D102


class Policy:
    """One transform after the other.

    Args:
        transforms: in their order.
        p: probability that the whole chain is applied.
    """

    def __init__(self, transforms: Sequence[Transform] = (), p: float = 1.0) -> None:
        self.transforms, self.p = list(transforms), p

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        if self.p < 1 and rng.random() >= self.p:
            return frame
        for transform in self.transforms:
            frame = transform(frame._replace(annotations=None), rng)  # which no transform moves
        return frame._replace(image=frame.image.contiguous(), depth=frame.depth.contiguous())  # a crop is a view


class OneOf:
    """One of the transforms, each as likely as the others."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        return self.transforms[rng.integers(len(self.transforms))](frame, rng)
