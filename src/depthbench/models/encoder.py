"""Any timm backbone as an encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from depthbench.errors import UserError, first_line
from depthbench.models.intermediate_features import TappedNet
from depthbench.models.pretrained import create_backbone, current_name


class Encoder(nn.Module):
    """Features of a timm backbone, from fine to coarse.

    Images come in [0, 1]; the encoder normalizes them itself, as its weights expect.

    Args:
        name: a timm model name.
        pretrained: ``True`` (timm's weights), ``False`` (random), or a local ``.pth`` / ``.safetensors`` file.
        taps: names of the timm model's modules whose outputs are the features, for papers that tap elsewhere than
            timm's ``features_only`` (DenseNet's, before the transitions, match no paper).
        levels: which of timm's feature levels to return; all by default. Not together with ``taps``.
        stem: ``"conv4x4"`` puts D3-Net's learned 4x4 stride-2 convolution in the place of the max-pool and
            LeakyReLU(0.2) in the place of the stem's and the last activation.
        frozen: whether parameters stay as they are, and normalization statistics too.
        mean: of the normalization, in place of timm's.
        std: of the normalization, in place of timm's.
        multiple: the image is resized (bilinearly, up) to sides that are multiples of it, for backbones that take no
            others; by default the patch of a plain transformer, which works at one scale, else 1.
        options: further arguments of ``timm.create_model``, e.g. ``{"dynamic_img_size": True}`` for ViTs.

    Attributes:
        channels: of each feature.
        reductions: image size over feature size, of each feature.

    Raises:
        UserError: If the name, a tap or an option is unknown, weights are not to be had or do not match, the backbone
            has no max-pool for ``stem="conv4x4"``, or takes images of some sizes only.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        pretrained: bool | str | Path = True,
        taps: Sequence[str] | None = None,
        levels: Sequence[int] | None = None,
        stem: Literal["timm", "conv4x4"] = "timm",
        frozen: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        multiple: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if taps is not None and levels is not None:
            raise UserError(f"Encoder '{name}' was given both `taps` and `levels`; give one of them.")
        if stem not in ("timm", "conv4x4"):
            raise UserError(f"The encoder's stem={stem} is unknown; choose timm or conv4x4.")
        name = current_name(name)
        self.name, self.frozen = name, frozen
        if taps is None and stem == "timm":
            self.net, info = _timm_features(name, pretrained, levels, dict(options or {}))
            self.channels, self.reductions = tuple(info.channels()), tuple(info.reduction())
        else:
            self.net = _tapped_features(name, pretrained, taps, stem, dict(options or {}))
            self.channels, self.reductions = self.net.channels, self.net.reductions
        plain = len(self.reductions) > 1 and len({*self.reductions}) == 1
        self.multiple = multiple or (self.reductions[-1] if plain else 1)
        self.channels_last = getattr(self.net, "output_fmt", "NCHW") == "NHWC"  # Swin and kin
        config = cast(Any, timm.get_pretrained_cfg(name))
        if config is None and not (mean and std):  # a network that the user has registered
            raise UserError(f"timm knows no normalization for '{name}'; give the encoder's `mean` and `std`.")
        for key, values in (("mean", mean or config.mean), ("std", std or config.std)):
            self.register_buffer(key, torch.tensor(list(values)).view(1, 3, 1, 1), persistent=False)
        self._try_an_odd_size()
        if frozen:
            self.requires_grad_(False)
            self.eval()

    @torch.no_grad()
    def _try_an_odd_size(self, height: int = 97, width: int = 131) -> None:
        """Shapes only, without arithmetic: better to know now than in the first step of training."""
        state = {key: value.to("meta") for key, value in (*self.named_parameters(), *self.named_buffers())}
        was_training = self.training
        try:
            functional_call(self.eval(), state, torch.zeros(1, 3, height, width, device="meta"))
        except (AssertionError, RuntimeError) as error:
            raise UserError(
                f"'{self.name}' does not take images of {height}x{width} ({first_line(error)}); set the "
                "encoder's `multiple` to a number that divides both sides, or `options`: dynamic_img_size=true for a "
                "ViT, strict_img_size=false for a Swin."
            ) from error
        finally:
            self.train(was_training)

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; a frozen encoder stays in evaluation mode, so that its statistics stay too."""
        return super().train(mode and not self.frozen)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to features ``(B, channels[i], ~H / reduction, ~W / reduction)``."""
        x = (image - self.mean) / self.std
        if self.multiple > 1:
            size = [-(-side // self.multiple) * self.multiple for side in image.shape[-2:]]
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        features = list(self.net(x))
        return [feature.permute(0, 3, 1, 2) for feature in features] if self.channels_last else features


def _timm_features(
    name: str, pretrained: bool | str | Path, levels: Sequence[int] | None, options: dict[str, Any]
) -> tuple[nn.Module, Any]:
    if levels is not None:
        options["out_indices"] = tuple(levels)
    net = create_backbone(name, pretrained, features_only=True, **options)
    return net, net.feature_info


def _tapped_features(
    name: str, pretrained: bool | str | Path, taps: Sequence[str] | None, stem: str, options: dict[str, Any]
) -> TappedNet:
    net = create_backbone(name, pretrained, **{"num_classes": 0} | options)  # weights may lack the classifier
    info = cast(list[dict[str, Any]], net.feature_info)
    if stem == "conv4x4":
        _replace_max_pool(net, name, info[0]["num_chs"])
    nodes = list(taps) if taps is not None else [level["module"] for level in info]
    return TappedNet(net, nodes)


def _replace_max_pool(net: nn.Module, name: str, channels: int) -> None:
    """Learned pooling and leaky activations of D3-Net (DenseUNet's stem)."""
    modules = dict(net.named_modules())
    pools = [key for key in ("features.pool0", "maxpool") if isinstance(modules.get(key), nn.MaxPool2d)]
    if not pools:
        raise UserError(f"stem='conv4x4' needs a stem with a max-pool (DenseNet, ResNet); '{name}' has none.")
    conv = nn.Conv2d(channels, channels, 4, stride=2, padding=1, bias=False)
    nn.init.normal_(conv.weight, 0.0, 0.02)
    net.set_submodule(pools[0], nn.Sequential(conv, nn.BatchNorm2d(channels), nn.LeakyReLU(0.2, inplace=True)))
    for key in ("features.norm0.act", "features.norm5.act", "act1"):
        if key in modules:
            net.set_submodule(key, nn.LeakyReLU(0.2, inplace=True))
