"""The decoder of D3-Net (carvalho2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthbench.models.decoders.decoder import Decoder, DepthHead, resize_like


class D3NetDecoder(Decoder):
    """Transposed 4x4 convolution and 3x3 convolution per level, with skips from the encoder: full-size output.

    Works on five levels at 1/2 to 1/32. Blocks halve: the output of each has the channels of the skip that it meets,
    but the block before the finest skip keeps ``channels[0]`` (DenseNet-121: 512, 256, 128, 64, 64).

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features.
        out_channels: of the output.
        dropout: probability in the two coarsest blocks; the released code has 0.5 behind an option that is off.
    """

    def __init__(
        self, channels: Sequence[int], reductions: Sequence[int], out_channels: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__(channels, reductions)
        self.require_reductions(2, 4, 8, 16, 32)
        skips = self.channels[-2::-1]
        inputs = [self.channels[-1], *(2 * width for width in skips)]
        outputs = [*skips, skips[-1]]
        rates = [dropout, dropout, 0.0, 0.0, 0.0]
        self.blocks = nn.ModuleList(_block(*sizes) for sizes in zip(inputs, outputs, rates, strict=True))
        self.head = DepthHead(outputs[-1], out_channels, 3, padding=1, bias=False)
        self.apply(_initialize)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, out_channels, H, W)``."""
        x = features[-1]
        for block, skip in zip(self.blocks, features[-2::-1], strict=False):
            x = torch.cat([skip, resize_like(block(x), skip)], dim=1)
        output: Tensor = self.head(resize_like(self.blocks[-1](x), image))
        return output


def _block(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1),
        nn.BatchNorm2d(outputs),
        *drop,
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        *drop,
        nn.ReLU(inplace=True),
    )


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
