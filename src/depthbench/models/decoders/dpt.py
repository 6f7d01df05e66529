"""The dense prediction decoder for vision transformers (DPT, Ranftl et al. ICCV 2021; as in Depth Anything)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.decoders.decoder import Decoder, DepthHead, resize_like


class DPTDecoder(Decoder):
    """Reassembles four levels at 1/4, 1/8, 1/16 and 1/32 (of patch 16) and fuses them: full-size output.

    Levels of a plain transformer, all of one size, are brought to 4, 2, 1 and 1/2 times that; levels of a
    hierarchical encoder stay as they are. No class token is read, as in Depth Anything.

    Args:
        channels: of the four features.
        reductions: of the four features: all equal, or doubling.
        widths: channels of the reassembled levels.
        fusion_width: channels of the fusion.
        head_width: channels before the last convolution.
        out_channels: of the output.

    Raises:
        UserError: If there are not four levels, or neither equal nor doubling.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        widths: Sequence[int] = (48, 96, 192, 384),
        fusion_width: int = 64,
        head_width: int = 32,
        out_channels: int = 1,
    ) -> None:
        super().__init__(channels, reductions)
        first = self.reductions[0]
        plain = self.reductions == (first,) * 4
        if not plain and self.reductions != (first, 2 * first, 4 * first, 8 * first):
            raise UserError(
                f"DPTDecoder needs four levels, all of one size or halving, the encoder gives reductions "
                f"{self.reductions}; choose four with its `levels`."
            )
        if len(widths) != 4:
            raise UserError(f"DPTDecoder needs four `widths`, got {len(widths)}.")
        self.reassemble = nn.ModuleList(
            nn.Sequential(*_reassemble(i, c, w, plain), nn.Conv2d(w, fusion_width, 3, padding=1, bias=False))
            for i, (c, w) in enumerate(zip(self.channels, widths, strict=True))
        )
        # The coarsest level has nothing to add, hence one residual unit less.
        self.fuse = nn.ModuleList(Fusion(fusion_width, skip=i > 0) for i in range(4))
        self.before = nn.Conv2d(fusion_width, fusion_width // 2, 3, padding=1)
        self.after = nn.Sequential(nn.Conv2d(fusion_width // 2, head_width, 3, padding=1), nn.ReLU(inplace=True))
        self.head = DepthHead(head_width, out_channels, 1)

    def forward(self, features: list[Tensor], image: Tensor) -> Tensor:
        """Map features and the image ``(B, 3, H, W)`` to ``(B, out_channels, H, W)``."""
        levels = [block(feature) for block, feature in zip(self.reassemble, features, strict=True)][::-1]
        x = self.fuse[0](levels[0], None)
        for fuse, level in zip(list(self.fuse)[1:], levels[1:], strict=True):
            x = fuse(resize_like(x, level), level)
        height, width = x.shape[-2:]
        x = self.before(F.interpolate(x, (2 * height, 2 * width), mode="bilinear", align_corners=True))
        output: Tensor = self.head(self.after(resize_like(x, image)))
        return output


class Fusion(nn.Module):
    """Add a residually refined level, refine, mix (RefineNet's block, which the caller upsamples)."""

    def __init__(self, width: int, skip: bool) -> None:
        super().__init__()
        self.refine_level = ResidualUnit(width) if skip else None
        self.refine = ResidualUnit(width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, level: Tensor | None) -> Tensor:
        """Map two ``(B, width, h, w)`` to one."""
        if self.refine_level is not None and level is not None:
            x = x + self.refine_level(level)
        mixed: Tensor = self.mix(self.refine(x))
        return mixed


class ResidualUnit(nn.Module):
    """Two times ReLU and 3x3 convolution, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, width, h, w)`` to the same shape."""
        y: Tensor = self.second(F.relu(self.first(F.relu(x))))
        return x + y


def _reassemble(index: int, channels: int, width: int, plain: bool) -> list[nn.Module]:
    project = nn.Conv2d(channels, width, 1)
    if not plain or index == 2:
        return [project]
    if index == 3:
        return [project, nn.Conv2d(width, width, 3, stride=2, padding=1)]
    factor = 4 // 2**index
    return [project, nn.ConvTranspose2d(width, width, factor, stride=factor)]
