"""The decoder of DenseDepth (alhashim2018, appendix A.1 and table 5)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthbench.models.decoders.decoder import Decoder, DepthHead


class DenseDepthDecoder(Decoder):
    """1x1 convolution, then four blocks of bilinear upsampling, skip and two 3x3 convolutions: half-size output.

    No batch normalization. Works on five levels at 1/2 to 1/32; DenseDepth's own are DenseNet-169's (or 201's)
    ``conv1``, ``pool1`` to ``pool3`` and the last, 64, 64, 128, 256 and 1664 channels.

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features.
        width: channels after the 1x1 convolution over those of the coarsest feature: 1 is table 5 (42.6 M parameters
            with DenseNet-169), 0.5 the "half decoder" of figure 5.
        skips: whether features are concatenated (the appendix has an ablation without).
        variant: ``"paper"``: LeakyReLU(0.2) after the second convolution of a block only. ``"keras"`` (released):
            after both. ``"pytorch"`` (released): as the paper's, but upsampling aligns corners.
        out_channels: of the output.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        width: float = 1.0,
        skips: bool = True,
        variant: Literal["paper", "keras", "pytorch"] = "paper",
        out_channels: int = 1,
    ) -> None:
        super().__init__(channels, reductions)
        self.require_reductions(2, 4, 8, 16, 32)
        self.skips, self.align_corners = skips, variant == "pytorch"
        widths = [int(width * self.channels[-1]) >> i for i in range(5)]
        self.reduce = nn.Conv2d(self.channels[-1], widths[0], 1)
        self.blocks = nn.ModuleList(
            _block(inputs + (skip if skips else 0), outputs, between=variant == "keras")
            for (inputs, outputs), skip in zip(pairwise(widths), self.channels[-2::-1], strict=True)
        )
        self.head = DepthHead(widths[-1], out_channels, 3, padding=1)
        self.apply(_initialize)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features to ``(B, out_channels, ~H / 2, ~W / 2)``."""
        x = self.reduce(features[-1])
        for block, skip in zip(self.blocks, features[-2::-1], strict=True):
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=self.align_corners)
            x = block(torch.cat([x, skip], dim=1) if self.skips else x)
        output: Tensor = self.head(x)
        return output


def _block(inputs: int, outputs: int, between: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        *([nn.LeakyReLU(0.2, inplace=True)] if between else []),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
    )


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
