"""Discriminators of carvalho2018 and mehrzadeh2020, and CycleGAN's buffer of past images."""

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.decoders.decoder import resize_like


class PatchDiscriminator(nn.Module):
    """PatchGAN: 4x4 convolutions with padding 1, LeakyReLU(0.2), a map of logits.

    Two layers give 62x78 logits (rows by columns) for a 256x320 depth map, as carvalho2018 reports; three layers with
    instance normalization are CycleGAN's, 12x17 for the 114x152 maps of mehrzadeh2020. Depth is scaled from
    [0, max_depth] metres and the image from [0, 1] to [-1, 1], the range that the papers' discriminators see.

    Args:
        layers: strided layers; one of stride 1 and the output follow.
        conditional: whether the image is seen beside the depth.
        norm: ``None`` (carvalho2018: inner convolutions then have no bias either, as released) or ``"instance"``.
        width: channels of the first layer; doubled by each further one, up to eight times.
        max_depth: range of the depth in metres; ``None`` leaves depth and image as they come.

    Raises:
        UserError: If the image is missing (or given without need), or the maps are too small.
    """

    def __init__(
        self,
        layers: int = 2,
        conditional: bool = True,
        norm: Literal["instance"] | None = None,
        width: int = 64,
        max_depth: float | None = 10.0,
    ) -> None:
        super().__init__()
        self.conditional, self.max_depth = conditional, max_depth
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        blocks: list[nn.Module] = [nn.Conv2d(4 if conditional else 1, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            blocks.append(nn.Conv2d(inputs, outputs, 4, 2 if i < layers else 1, 1, bias=norm is not None))
            if norm is not None:
                blocks.append(nn.InstanceNorm2d(outputs))
            blocks.append(nn.LeakyReLU(0.2))
        self.net = nn.Sequential(*blocks, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.smallest = 3 * 2**layers
        self.apply(_initialize)

    def forward(self, depth: Tensor, image: Tensor | None = None) -> Tensor:
        """Map depth ``(B, 1, h, w)`` in metres (and the image ``(B, 3, H, W)``, resized to it) to logits."""
        if (image is not None) != self.conditional:
            raise UserError(f"A discriminator with conditional={self.conditional} got image={image is not None}.")
        if min(depth.shape[-2:]) < self.smallest:
            raise UserError(
                f"The discriminator needs depth maps of at least {self.smallest} pixels a side, got "
                f"{tuple(depth.shape[-2:])}; use larger images or fewer layers."
            )
        if self.max_depth is not None:
            depth = depth * (2 / self.max_depth) - 1
            image = None if image is None else image * 2 - 1
        x = depth if image is None else torch.cat([depth, resize_like(image, depth).to(depth.dtype)], dim=1)
        logits: Tensor = self.net(x)
        return logits


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class ImageBuffer(nn.Module):
    """Past images for the discriminator (CycleGAN): image by image, either the new one or an old one that it replaces.

    Until full, images are stored and returned; afterwards, with probability 0.5, a random stored image is returned
    and replaced. Images and the state of the generator are part of ``state_dict``.

    Args:
        size: images kept; 0 returns all images unchanged.
        seed: of the buffer's own generator.
    """

    def __init__(self, size: int = 50, seed: int = 0) -> None:
        super().__init__()
        self.size = size
        self.images: list[Tensor] = []
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Map new images ``(B, C, H, W)`` to as many new or past ones, detached."""
        if self.size == 0:
            return images.detach()
        return torch.stack([self._exchange(image) for image in images.detach()])

    def _exchange(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if torch.rand((), generator=self.generator) >= 0.5:
            return image
        index = int(torch.randint(self.size, (), generator=self.generator))
        past, self.images[index] = self.images[index], image.clone()
        return past.to(image)

    def get_extra_state(self) -> dict[str, Any]:
        """Give images and generator for a checkpoint; tensors only, so ``weights_only`` loads them."""
        return {"images": [image.cpu() for image in self.images], "generator": self.generator.get_state()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take images and generator from a checkpoint."""
        self.images = list(state["images"])
        self.generator.set_state(state["generator"].cpu())
