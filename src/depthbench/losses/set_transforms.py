"""Transformations of images in the set loss, and their effect on maps and its inverse."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError


class Warp:
    """Record of the places of pixels after a transformation. This one left them in place.

    Maps are ``(B, 1, h, w)``, or ``(B, 2, h, w)`` gradients (horizontal, vertical), whose vectors turn along; ``h`` and
    ``w`` need not be the image's. Both methods also return which pixels came from inside the frame: bool
    ``(B, 1, h, w)``.
    """

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Carry maps of the original over to the changed image (nearest pixel: depth is never mixed)."""
        return maps, torch.ones_like(maps[:, :1], dtype=torch.bool)

    def inverse(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Bring maps of the changed image back to the original (bilinear, with gradient)."""
        return maps, torch.ones_like(maps[:, :1], dtype=torch.bool)


class FlipWarp(Warp):
    """Left and right exchanged."""

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Mirror; a horizontal gradient changes its sign."""
        mirrored = maps.flip(-1)
        if maps.shape[1] == 2:
            mirrored = torch.cat([-mirrored[:, :1], mirrored[:, 1:]], dim=1)
        return super().forward(mirrored)

    def inverse(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The same again."""
        return self.forward(maps)


class AffineWarp(Warp):
    """Turned about the center by ``angle``, then shifted.

    Args:
        angle: radians ``(B,)``.
        shift: ``(B, 2)``, shares of width and height, to the right and down.
    """

    def __init__(self, angle: Tensor, shift: Tensor) -> None:
        cos, sin = angle.cos(), angle.sin()
        self.matrix = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
        self.shift = shift

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Sample the original at Aᵀ (y - t) for each pixel y of the changed image."""
        back = self.matrix.transpose(1, 2)
        offset = -(back @ self._pixels(maps).unsqueeze(2)).squeeze(2)
        return self._sampled(maps, back, offset, self.matrix, "nearest")

    def inverse(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Sample the changed image at A x + t for each pixel x of the original."""
        return self._sampled(maps, self.matrix, self._pixels(maps), self.matrix.transpose(1, 2), "bilinear")

    def _pixels(self, maps: Tensor) -> Tensor:
        return self.shift * self.shift.new_tensor([maps.shape[-1], maps.shape[-2]])

    @staticmethod
    def _sampled(maps: Tensor, matrix: Tensor, offset: Tensor, turn: Tensor, mode: str) -> tuple[Tensor, Tensor]:
        """Maps at ``matrix`` p + ``offset`` for each pixel p (relative to the center), their vectors turned."""
        size = offset.new_tensor([maps.shape[-1], maps.shape[-2]])
        axes = [torch.arange(n, device=maps.device, dtype=offset.dtype) - (n - 1) / 2 for n in maps.shape[-2:]]
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        points = torch.stack([columns, rows], dim=-1).view(1, -1, 2)
        position = points @ matrix.transpose(1, 2) + offset.unsqueeze(1) + (size - 1) / 2
        slack = 0.5 if mode == "nearest" else 1e-3
        inside = ((position >= -slack) & (position <= size - 1 + slack)).all(dim=-1).view(-1, 1, *maps.shape[-2:])
        grid = ((2 * position + 1) / size - 1).view(-1, *maps.shape[-2:], 2).to(maps.dtype)
        sampled = F.grid_sample(maps, grid, mode=mode, padding_mode="border", align_corners=False)
        if maps.shape[1] == 2:
            sampled = torch.einsum("bij,bjhw->bihw", turn.to(maps.dtype), sampled)
        return sampled, inside


class Mirror:
    """Mirrors every image (li2017, section 4.4)."""

    def __call__(self, image: Tensor) -> tuple[Tensor, Warp]:
        """Return the images and their warp."""
        return image.flip(-1), FlipWarp()


class ColorChange:
    """Brightness, contrast and each channel times a factor of their own, per image (li2017, section 4.4).

    Args:
        low: smallest factor.
        high: largest factor. The paper gives [0.8, 1.2] for the channels; we take it for all three.
    """

    def __init__(self, low: float = 0.8, high: float = 1.2) -> None:
        if not 0 < low <= high:
            raise UserError(f"The factors of a color change must rise from above 0, not from {low} to {high}.")
        self.low, self.high = low, high

    def __call__(self, image: Tensor) -> tuple[Tensor, Warp]:
        """Return the images and their warp."""
        brightness, contrast = (self._factor(image, 1) for _ in range(2))
        mean = image.mean(dim=(1, 2, 3), keepdim=True)
        changed = ((image - mean) * contrast + mean) * brightness * self._factor(image, 3)
        return changed.clamp(0, 1), Warp()

    def _factor(self, image: Tensor, channels: int) -> Tensor:
        return image.new_empty(len(image), channels, 1, 1).uniform_(self.low, self.high)


class Rotation:
    """Turns each image about its center by a random angle; the area from outside is black.

    Args:
        degrees: largest angle.
    """

    def __init__(self, degrees: float = 5.0) -> None:
        if not 0 <= degrees <= 180:
            raise UserError(f"degrees is {degrees}, but must lie between 0 and 180.")
        self.limit = math.radians(degrees)

    def __call__(self, image: Tensor) -> tuple[Tensor, Warp]:
        """Return the images and their warp."""
        angle = image.new_empty(len(image)).uniform_(-self.limit, self.limit)
        return _moved(image, AffineWarp(angle, image.new_zeros(len(image), 2)))


class Translation:
    """Shifts each image by a random share of its size; the area from outside is black.

    Args:
        fraction: largest shift, as a fraction of width and height, below 1.
    """

    def __init__(self, fraction: float = 0.1) -> None:
        if not 0 <= fraction < 1:
            raise UserError(f"fraction is {fraction}, but must be at least 0 and below 1.")
        self.fraction = fraction

    def __call__(self, image: Tensor) -> tuple[Tensor, Warp]:
        """Return the images and their warp."""
        shift = image.new_empty(len(image), 2).uniform_(-self.fraction, self.fraction)
        return _moved(image, AffineWarp(image.new_zeros(len(image)), shift))


def _moved(image: Tensor, warp: AffineWarp) -> tuple[Tensor, Warp]:
    changed, inside = warp.forward(image)
    return changed * inside, warp
