"""The faster precision for a network on a device."""

import torch
from torch import nn


def faster_precision(net: nn.Module, device: str) -> str:
    """Lightning's name of it: ``bf16-mixed`` on a GPU, and on a CPU with AMX where it was measured to pay.

    Measured on one thread, training step of U-Net decoder and encoder in float32 over bfloat16, 2x96x128 and 4x128x160:
    VGG-16 1.92, 2.50; ResNet-34 1.21, 1.95; ResNet-10t 1.31, 1.68; ResNet-50 1.18, 1.65; DenseNet-121 1.19, 1.45;
    with depthwise convolutions less: ConvNeXt-Atto 1.02, 1.30; MobileNetV2 1.01, 1.20; EfficientNet-B0 0.86, 1.08.
    So networks whose weights are mostly convolutions, none of them depthwise. Transformers were not measured.

    Args:
        net: whose modules decide on a CPU.
        device: type, such as ``cuda`` or ``cpu``.
    """
    if device == "cuda" or (device == "cpu" and has_amx() and _is_of_dense_convolutions(net)):
        return "bf16-mixed"
    return "32-true"


def has_amx() -> bool:
    """Whether the processor multiplies matrices of bfloat16 at once (AMX: Intel's Xeons since 2023)."""
    tells = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(tells is not None and tells())


def _is_of_dense_convolutions(net: nn.Module) -> bool:
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    convolutions = [module for module in net.modules() if isinstance(module, kinds)]
    if any(module.groups == module.in_channels > 1 for module in convolutions):
        return False
    weights = sum(module.weight.numel() for module in convolutions)
    return 2 * weights > sum(weight.numel() for weight in net.parameters())
