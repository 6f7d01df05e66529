"""The two-streamed network of li2017 (section 3.1, figure 2).

No code was published, and the layer tables are in a supplement that is not to be had. The text gives kernels, number
of layers and where things join; ours are, after the paper's base (Eigen and Fergus, ICCV 2015): 64 channels
throughout, 4096 units, ReLU, dropout 0.5 between the fully connected layers, strides that give the map sizes of the
text exactly (55x75 and 111x150 from 232x310) without padding the first convolution.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.filling import smooth_bilateral
from depthbench.maps import resize_bilinear
from depthbench.models.decoders.decoder import DepthHead, resize_like
from depthbench.models.depth_spaces import LogDepth, MetricDepth
from depthbench.models.depthnet import DepthModel
from depthbench.models.encoder import Encoder
from depthbench.models.gradient_fusion import fuse_gradients

Stage = Literal["fusion", "refinement", "combination", "joint"]
STAGES: tuple[Stage, ...] = ("fusion", "refinement", "combination", "joint")


class StreamMaps(NamedTuple):
    """Outputs of the network in a stage; ``depth`` is in its space, ``gradient`` (x, y) in linear metres.

    ``combined`` is ``None`` in the first two stages; depth and gradient are coarse in the first.
    """

    depth: Tensor
    gradient: Tensor
    combined: Tensor | None


class TwoStreamNet(DepthModel):
    """A depth stream and a depth-gradient stream, and a block that combines them.

    Args:
        encoder: makes the encoder of one stream, with the features after VGG's pool3, pool4 and pool5.
        space: of the depth; li2017 has its natural logarithm.
        width: channels of the convolutions.
        units: of the first fully connected layer.
        grid: size to which the coarsest feature is brought before it; 7x9 is VGG's for 232x310.
        coarse: height and width of the map that the second one gives.
        reduced: channels before the fully connected layers, by a 1x1 convolution where the encoder has more (ResNet's
            2048 would need half a billion weights).
        dropout: between the fully connected layers.
        combine: how depth and gradient become one map: ``network``, by the combination block, or ``optimization``, by
            :func:`fuse_gradients` with the paper's constants (equation 7), which has nothing to train; ``none``: the
            output is the depth stream's; ``bilateral``: that, smoothed by :func:`smooth_bilateral` at its own size.
    """

    def __init__(
        self,
        encoder: Callable[[], Encoder],
        space: MetricDepth | None = None,
        width: int = 64,
        units: int = 4096,
        grid: tuple[int, int] = (7, 9),
        coarse: tuple[int, int] = (55, 75),
        reduced: int = 512,
        dropout: float = 0.5,
        combine: Literal["network", "optimization", "bilateral", "none"] = "network",
    ) -> None:
        super().__init__(space or LogDepth())
        if combine not in ("network", "optimization", "bilateral", "none"):
            raise UserError(f"TwoStreamNet combines by network, optimization, bilateral or none, not by {combine}.")

        def stream(channels: int) -> DepthStream:
            parsing = Parsing(encoder(), channels, units, (grid[0], grid[1]), (coarse[0], coarse[1]), reduced, dropout)
            return DepthStream(parsing, channels, width)

        self.depth, self.gradient = stream(1), stream(2)
        self.combine = combine
        self.combination = Refinement(3, 1, width) if combine == "network" else None

    def maps(self, image: Tensor, stage: Stage = "joint") -> StreamMaps:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to the outputs needed to train ``stage``."""
        streams = (self.depth, self.gradient)
        if stage == "fusion":
            depth, gradient = (stream.coarse(image) for stream in streams)
            return StreamMaps(self.space.activate(depth), gradient, None)
        depth, gradient = (stream(image) for stream in streams)
        depth = self.space.activate(depth)
        if stage == "refinement" or self.combination is None:
            return StreamMaps(depth, gradient, None)
        combined = self.combination(image, torch.cat([depth, gradient], dim=1))
        return StreamMaps(depth, gradient, self.space.activate(combined))

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to the combined depth ``(B, 1, ~H / 2, ~W / 2)`` in its space."""
        depth, gradient, combined = self.maps(image)
        if combined is not None:
            return combined
        if self.combine == "none":
            return depth
        if self.combine == "bilateral":
            return self.space.from_depth(smooth_bilateral(self.space.to_depth(depth)))
        return self.space.from_depth(fuse_gradients(self.space.to_depth(depth), gradient))

    def complete(self, stage: Stage) -> bool:
        """Whether all blocks that the output comes from are trained once ``stage`` is reached."""
        return stage == "refinement" if self.combination is None else stage in ("combination", "joint")

    def trained(self, stage: Stage) -> list[nn.Module]:
        """Give the blocks that are trained in ``stage`` (section 3.4); the rest is fixed.

        Raises:
            UserError: If there is no such stage.
        """
        streams = (self.depth, self.gradient)
        blocks: dict[str, list[nn.Module]] = {
            "fusion": [block for stream in streams for block in (stream.parsing, stream.fusion)],
            "refinement": [stream.refinement for stream in streams],
        }
        if self.combination is not None:
            blocks |= {"combination": [self.combination], "joint": [self]}
        if stage not in blocks:
            raise UserError(f"This TwoStreamNet has no stage '{stage}'; its stages are {', '.join(blocks)}.")
        return blocks[stage]

    def set_stage(self, stage: Stage) -> None:
        """Let gradients reach the blocks of ``stage`` only, and put the fixed ones into evaluation mode."""
        blocks = self.trained(stage)
        self.requires_grad_(False)
        self.eval()
        for block in blocks:
            block.requires_grad_(True)
            block.train()
        for stream in (self.depth, self.gradient):
            if stream.parsing.encoder.frozen:
                stream.parsing.encoder.requires_grad_(False)


class DepthStream(nn.Module):
    """Image parsing, feature fusion and refinement of one quantity."""

    def __init__(self, parsing: "Parsing", channels: int, width: int) -> None:
        super().__init__()
        self.parsing = parsing
        self.fusion = FeatureFusion(parsing.encoder.channels, channels, width)
        self.refinement = Refinement(channels, channels, width)

    def coarse(self, image: Tensor) -> Tensor:
        """Give the map of the fusion block, ``(B, channels, ~H / 4, ~W / 4)``."""
        parsed, features = self.parsing(image)
        output: Tensor = self.fusion(image, features, parsed)
        return output

    def forward(self, image: Tensor) -> Tensor:
        """Give the refined map, ``(B, channels, ~H / 2, ~W / 2)``."""
        output: Tensor = self.refinement(image, self.coarse(image))
        return output


class Parsing(nn.Module):
    """An encoder and two fully connected layers, whose output is a map: global context for each pixel."""

    def __init__(
        self,
        encoder: Encoder,
        channels: int,
        units: int,
        grid: tuple[int, int],
        coarse: tuple[int, int],
        reduced: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if encoder.reductions != (8, 16, 32):
            raise UserError(f"TwoStreamNet needs features at 1/8, 1/16, 1/32; the encoder has {encoder.reductions}.")
        self.encoder, self.grid, self.map = encoder, grid, (channels, *coarse)
        inputs = min(encoder.channels[-1], reduced)
        self.reduce = nn.Conv2d(encoder.channels[-1], inputs, 1) if inputs < encoder.channels[-1] else nn.Identity()
        self.connect = nn.Sequential(
            nn.Linear(inputs * grid[0] * grid[1], units),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(units, channels * coarse[0] * coarse[1]),
        )

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Give the map ``(B, channels, *coarse)`` and the encoder's features."""
        features = self.encoder(image)
        x = resize_bilinear(self.reduce(features[-1]), self.grid)
        return self.connect(x.flatten(1)).view(-1, *self.map), features


class FeatureFusion(nn.Module):
    """9x9 convolution and pooling, eight 5x5; pool3 joins at the second, pool4 at the fourth, parsing at the sixth."""

    def __init__(self, channels: Sequence[int], outputs: int, width: int) -> None:
        super().__init__()
        self.first = _first(width, nn.MaxPool2d(3, 2))
        self.skips = nn.ModuleList(nn.Conv2d(c, width, 5, padding=2) for c in channels[:2])
        self.after_pool3 = nn.Sequential(_conv5(2 * width, width), _conv5(width, width))
        self.after_pool4 = nn.Sequential(_conv5(2 * width, width), _conv5(width, width))
        self.after_parsing = nn.Sequential(
            _conv5(width + outputs, width), *(_conv5(width, width) for _ in range(2)), _last(width, outputs)
        )

    def forward(self, image: Tensor, features: list[Tensor], parsed: Tensor) -> Tensor:
        """Map the image, the encoder's features and the parsed map to a coarse map."""
        x = self.first(image)
        pool3, pool4 = (resize_like(skip(f), x) for skip, f in zip(self.skips, features[:2], strict=True))
        x = self.after_pool3(torch.cat([x, pool3], dim=1))
        x = self.after_pool4(torch.cat([x, pool4], dim=1))
        output: Tensor = self.after_parsing(torch.cat([x, resize_like(parsed, x)], dim=1))
        return output


class Refinement(nn.Module):
    """9x9 convolution and pooling, five 5x5; coarser maps join at the third convolution. Also the combination block."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first = _first(width, nn.MaxPool2d(2, 1))
        self.before = _conv5(width, width)
        self.after = nn.Sequential(
            _conv5(width + inputs, width), *(_conv5(width, width) for _ in range(2)), _last(width, outputs)
        )

    def forward(self, image: Tensor, maps: Tensor) -> Tensor:
        """Map the image and maps ``(B, inputs, h, w)`` of any size to ``(B, outputs, ~H / 2, ~W / 2)``."""
        x = self.before(self.first(image))
        output: Tensor = self.after(torch.cat([x, resize_like(maps, x)], dim=1))
        return output


def _first(width: int, pool: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 9, stride=2), nn.ReLU(inplace=True), pool)


def _conv5(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(inplace=True))


def _last(width: int, outputs: int) -> DepthHead:
    return DepthHead(width, outputs, 5, padding=2)
