"""A light U-Net decoder for any convolutional encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.maps import resize_bilinear
from depthbench.models.decoders.decoder import Decoder, DepthHead, resize_like


class UNetDecoder(Decoder):
    """Bilinear upsampling, concatenation of the skip, two 3x3 conv-BN-ReLU; ours, no paper's.

    Args:
        channels: of the encoder's features.
        reductions: of the encoder's features, each half as fine as the one before it.
        widths: channels after each step, coarse to fine.
        stride: image size over output size; finer features are left out, missing steps have no skip.
        out_channels: of the output.

    Raises:
        UserError: If levels do not halve, or ``widths`` has not one number per step.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        widths: Sequence[int] = (256, 128, 64, 32),
        stride: int = 2,
        out_channels: int = 1,
    ) -> None:
        super().__init__(channels, reductions)
        self.steps = self._plan(stride)
        if len(widths) != len(self.steps):
            raise UserError(
                f"UNetDecoder takes {len(self.steps)} steps from 1/{self.reductions[-1]} to 1/{stride}, "
                f"but `widths` has {len(widths)} numbers; give one per step."
            )
        self.blocks = nn.ModuleList()
        width = self.channels[-1]
        for step, out in zip(self.steps, widths, strict=True):
            skip = self.channels[self.reductions.index(step)] if step in self.reductions else 0
            self.blocks.append(nn.Sequential(*_conv(width + skip, out), *_conv(out, out)))
            width = out
        self.head = DepthHead(width, out_channels, 3, padding=1)

    def _plan(self, stride: int) -> list[int]:
        """Reductions after each step; every level that the encoder has on the way must be met."""
        steps, at = [], self.reductions[-1]
        while at > stride:
            at //= 2
            steps.append(at)
        met = [r for r in self.reductions[:-1] if r >= stride]
        if at != stride or [r for r in steps if r in self.reductions] != met[::-1]:
            self.require_reductions(*sorted(steps), self.reductions[-1])
        return steps

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, out_channels, ~H / stride, ~W / stride)``."""
        x = features[-1]
        for step, block in zip(self.steps, self.blocks, strict=True):
            if step in self.reductions:
                skip = features[self.reductions.index(step)]
                x = torch.cat([resize_like(x, skip), skip], dim=1)
            else:
                height, width = image.shape[-2:]
                x = resize_bilinear(x, (-(-height // step), -(-width // step)))
            x = block(x)
        output: Tensor = self.head(x)
        return output


def _conv(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
