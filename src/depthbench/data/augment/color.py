"""Changes of color: depth and intrinsics stay.

Brightness, contrast, saturation, gains and lighting are each linear in RGB, so a whole chain is one 3x3 matrix and one
offset, applied in a single pass and clamped to [0, 1] once at its end.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.data.frame import Frame

ColorMatrix = NDArray[np.float64]
_GRAY = np.array([0.299, 0.587, 0.114])
# Principal components of ImageNet's colors (Krizhevsky et al. 2012), as in Hu's and Lee's code.
_EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
_EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
_ORDERS = np.array([[1, 0, 2], [0, 2, 1], [2, 1, 0], [1, 2, 0], [2, 0, 1]])


class Linear(NamedTuple):
    """``color -> matrix @ color + offset``."""

    matrix: ColorMatrix
    offset: ColorMatrix


def brighten(factor: float) -> Linear:
    """Every color times the factor."""
    return Linear(np.eye(3) * factor, np.zeros(3))


def saturate(factor: float) -> Linear:
    """Away from (factor > 1) or towards the pixel's own gray."""
    return Linear(np.eye(3) * factor + (1 - factor) * np.outer(np.ones(3), _GRAY), np.zeros(3))


def stretch(factor: float, mean: ColorMatrix) -> Linear:
    """Contrast: away from or towards the image's mean gray, given its mean color."""
    return Linear(np.eye(3) * factor, np.full(3, (1 - factor) * (_GRAY @ mean)))


class Color:
    """Lighting, then brightness, contrast and saturation in random order, then a gain per channel.

    Args:
        brightness: factor drawn from [1 - b, 1 + b].
        contrast: likewise, about the image's mean gray.
        saturation: likewise, about each pixel's gray.
        gains: range of the factor of each channel.
        lighting: standard deviation of the shift along ImageNet's principal colors ("PCA lighting").
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        gains: tuple[float, float] = (1.0, 1.0),
        lighting: float = 0.0,
    ) -> None:
        self.spread = brightness, contrast, saturation
        self.gains, self.lighting = gains, lighting

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        image = frame.image.reshape(3, -1)
        total = self.draw(image.mean(dim=1).double().numpy(), rng)
        matrix, offset = (torch.from_numpy(part).float() for part in total)
        return frame._replace(image=torch.addmm(offset[:, None], matrix, image).clamp_(0, 1).view_as(frame.image))

    def draw(self, mean: ColorMatrix, rng: np.random.Generator) -> Linear:
        """The chain for an image of this mean color."""
        shift = _EIGENVECTORS @ (rng.normal(0, self.lighting, 3) * _EIGENVALUES) if self.lighting else np.zeros(3)
        total = Linear(np.eye(3), shift)
        factors = 1 + np.array(self.spread) * rng.uniform(-1, 1, 3)
        for step in rng.permutation(3):
            now = total.matrix @ mean + total.offset
            part = (brighten, lambda factor, now=now: stretch(factor, now), saturate)[step](factors[step])
            total = Linear(part.matrix @ total.matrix, part.matrix @ total.offset + part.offset)
        gains = rng.uniform(*self.gains, 3)
        return Linear(gains[:, None] * total.matrix, gains * total.offset)


class Gamma:
    """``image ** gamma`` with gamma drawn from [low, high].

    Args:
        low: smallest gamma.
        high: largest gamma.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        self.low, self.high = low, high

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        rows = frame.image.reshape(-1, frame.image.shape[-1]).numpy()
        power = cv2.pow(rows, rng.uniform(self.low, self.high))  # a third of the time of torch's
        return frame._replace(image=torch.from_numpy(power).view_as(frame.image))


class PermuteChannels:
    """With probability p, one of the five other orders of the color channels (alhashim2018, section 3.3).

    Args:
        p: probability.
    """

    def __init__(self, p: float = 0.25) -> None:
        self.p = p

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        if rng.random() >= self.p:
            return frame
        return frame._replace(image=frame.image[_ORDERS[rng.integers(5)]])
