"""What every decoder is: features from fine to coarse in, a map out."""

from collections.abc import Sequence

from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.maps import resize_bilinear


class Decoder(nn.Module):
    """Base of the decoders: ``Decoder(channels, reductions, ...)`` and ``forward(features, image)``.

    Args:
        channels: Of the encoder's features, fine to coarse.
        reductions: Of the encoder's features, fine to coarse.

    Attributes:
        head: The last convolution; its bias, where it has one, sets the depth at which an untrained network starts.
    """

    head: nn.Conv2d

    def __init__(self, channels: Sequence[int], reductions: Sequence[int]) -> None:
        super().__init__()
        self.channels, self.reductions = tuple(channels), tuple(reductions)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, C, h, w)``."""
        raise NotImplementedError

    def need(self, *reductions: int) -> None:
        """Raise :class:`UserError` unless the encoder gives exactly these levels."""
        if self.reductions != reductions:
            raise UserError(
                f"{type(self).__name__} needs features at {_fractions(reductions)} of the image, the encoder gives "
                f"{_fractions(self.reductions)}; choose another encoder, or its `levels` or `taps`."
            )


def resize_like(values: Tensor, like: Tensor) -> Tensor:
    """Resize ``values`` bilinearly to the height and width of ``like``."""
    return resize_bilinear(values, (like.shape[-2], like.shape[-1]))


def _fractions(reductions: Sequence[int]) -> str:
    return ", ".join(f"1/{reduction}" for reduction in reductions)
