"""Base class of decoders: features from fine to coarse in, a map out."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.maps import at_least_float32, resize_bilinear


class DepthHead(nn.Conv2d):
    """The convolution whose output is the depth, in float32 whatever autocast says.

    In bf16 a depth of 5 m moves in steps of 3 cm, and its logarithm at 9 m in steps of 14 cm.
    """

    @classmethod
    def of(cls, head: nn.Conv2d) -> "DepthHead":
        """The same convolution, with the same parameters, in float32."""
        made = cls(
            head.in_channels,
            head.out_channels,
            head.kernel_size,  # type: ignore[arg-type]
            head.stride,  # type: ignore[arg-type]
            head.padding,  # type: ignore[arg-type]
            head.dilation,  # type: ignore[arg-type]
            head.groups,
            head.bias is not None,
            head.padding_mode,
            device="meta",  # no memory, no random numbers
        )
        made.weight, made.bias = head.weight, head.bias
        return made

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` of any precision to ``(B, channels, h, w)`` in float32 (float64 stays)."""
        device = features.device.type
        # Not entered in vain: an exported program can't hold the context, and the device "meta" has none.
        if device != "meta" and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._in_float32(features)
        return self._in_float32(features)

    def _in_float32(self, features: Tensor) -> Tensor:
        bias = None if self.bias is None else at_least_float32(self.bias)
        output: Tensor = self._conv_forward(at_least_float32(features), at_least_float32(self.weight), bias)
        return output


class Decoder(nn.Module):
    """Base of the decoders: ``Decoder(channels, reductions, ...)`` and ``forward(features, image)``.

    Args:
        channels: of the encoder's features, fine to coarse.
        reductions: of the encoder's features, fine to coarse.

    Attributes:
        head: the last convolution, a :class:`DepthHead` (:class:`DepthNet` makes one of an ``nn.Conv2d``); its bias,
            where it has one, sets the depth at which an untrained network starts.
    """

    head: DepthHead

    def __init__(self, channels: Sequence[int], reductions: Sequence[int]) -> None:
        super().__init__()
        self.channels, self.reductions = tuple(channels), tuple(reductions)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, C, h, w)``."""
        raise NotImplementedError

    def require_reductions(self, *reductions: int) -> None:
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
