"""The decoder of Hu et al. (WACV 2019), the base of mehrzadeh2020."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthbench.maps import resize_bilinear
from depthbench.models.decoders.decoder import Decoder, DepthHead


class HuDecoder(Decoder):
    """Up-projection decoder, multi-scale feature fusion and refinement: half-size output.

    Works on four levels at 1/4 to 1/32, whose decoder has 1/2, 1/4, ... 1/32 of the coarsest feature's channels.

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features.
        fusion_width: channels that each level gives to the fusion.
        out_channels: of the output.
    """

    def __init__(
        self, channels: Sequence[int], reductions: Sequence[int], fusion_width: int = 16, out_channels: int = 1
    ) -> None:
        super().__init__(channels, reductions)
        self.require_reductions(4, 8, 16, 32)
        widths = [self.channels[-1] >> i for i in range(1, 6)]
        self.reduce = nn.Sequential(
            nn.Conv2d(self.channels[-1], widths[0], 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)
        )
        self.decode = nn.ModuleList(UpProjection(*sizes) for sizes in pairwise(widths))
        self.scale = nn.ModuleList(UpProjection(width, fusion_width) for width in self.channels)
        fused = fusion_width * len(self.channels)
        self.fuse = _conv5(fused, fused)
        refined = widths[-1] + fused
        self.refine = nn.Sequential(_conv5(refined, refined), _conv5(refined, refined))
        self.head = DepthHead(refined, out_channels, 5, padding=2)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features to ``(B, out_channels, ~H / 2, ~W / 2)``, twice the size of the finest feature."""
        height, width = features[0].shape[-2:]
        size = (2 * height, 2 * width)
        sizes = [(feature.shape[-2], feature.shape[-1]) for feature in features[-2::-1]] + [size]
        x = self.reduce(features[-1])
        for up, at in zip(self.decode, sizes, strict=True):
            x = up(x, at)
        fused = self.fuse(torch.cat([up(f, size) for up, f in zip(self.scale, features, strict=True)], dim=1))
        output: Tensor = self.head(self.refine(torch.cat([x, fused], dim=1)))
        return output


class UpProjection(nn.Module):
    """Bilinear upsampling, then the sum of a branch of two convolutions and one of one (after Laina et al.)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            _conv5(inputs, outputs), nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 5, padding=2, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map ``(B, inputs, h, w)`` to ``(B, outputs, *size)``."""
        x = resize_bilinear(x, size)
        return F.relu(self.long(x) + self.short(x), inplace=True)


def _conv5(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 5, padding=2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
