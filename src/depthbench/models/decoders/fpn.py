"""A light feature-pyramid decoder for any encoder of several scales."""

from collections.abc import Sequence

from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.decoders.decoder import Decoder, DepthHead, resize_like


class FPNDecoder(Decoder):
    """Features to one width, summed from coarse to fine, smoothed once at the finest level (after Lin et al. 2017).

    Ours, no paper's: a few hundred thousand parameters whatever the encoder, for ConvNeXt, Swin, MobileNet, ...

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features.
        width: channels of the pyramid.
        stride: finest level that takes part, which is also the size of the output.
        out_channels: of the output.

    Raises:
        UserError: If the encoder has no level at ``1 / stride``.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        width: int = 96,
        stride: int = 4,
        out_channels: int = 1,
    ) -> None:
        super().__init__(channels, reductions)
        if stride not in self.reductions:
            raise UserError(f"FPNDecoder has stride {stride}, but the encoder's levels are at {self.reductions}.")
        self.first = self.reductions.index(stride)
        used = self.channels[self.first :]
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in used)
        self.mix = nn.ModuleList(_conv(width) for _ in used)
        self.smooth = _conv(width)
        self.head = DepthHead(width, out_channels, 3, padding=1)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features to ``(B, out_channels, ~H / stride, ~W / stride)``."""
        levels = [lateral(f) for lateral, f in zip(self.lateral, features[self.first :], strict=True)]
        x = self.mix[-1](levels[-1])
        for mix, level in zip(self.mix[-2::-1], levels[-2::-1], strict=True):
            x = mix(level + resize_like(x, level))
        output: Tensor = self.head(self.smooth(x))
        return output


def _conv(width: int) -> nn.Sequential:
    """Depthwise 5x5 and pointwise: a large view for few multiply-adds."""
    return nn.Sequential(
        nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
