"""The decoder of Lee and Kim (lee2020, section 4.1)."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from depthbench.models.decoders.decoder import Decoder, DepthHead


class LeeDecoder(Decoder):
    """1x1 convolution and five blocks of bilinear upsampling and two 3x3 convolutions; no skips: full-size output.

    Uses the coarsest feature only, at 1/32. The released code has this decoder for PNASNet-5-Large; that it is the
    same for the paper's other encoders is our reading.

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features.
        widths: channels after the 1x1 convolution and after each block.
        out_channels: of the output.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        widths: Sequence[int] = (1024, 512, 256, 128, 64, 32),
        out_channels: int = 1,
    ) -> None:
        super().__init__(channels, reductions)
        self.require_reductions(32)
        self.reduce = nn.Conv2d(self.channels[-1], widths[0], 1)
        self.blocks = nn.ModuleList(_block(*sizes) for sizes in pairwise(widths))
        self.head = DepthHead(widths[-1], out_channels, 3, padding=1)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, out_channels, H, W)``."""
        x = self.reduce(features[-1])
        height, width = image.shape[-2:]
        for i, block in enumerate(self.blocks, start=1):
            step = 2 ** (len(self.blocks) - i)
            size = (-(-height // step), -(-width // step))
            x = block(F.interpolate(x, size, mode="bilinear", align_corners=True))
        output: Tensor = self.head(x)
        return output


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
