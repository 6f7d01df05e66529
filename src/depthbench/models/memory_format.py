"""The faster memory layout for training a network."""

from torch import nn


def prefers_channels_last(net: nn.Module) -> bool:
    """Whether the network has depthwise convolutions of up to 5x5, as MobileNet and EfficientNet have.

    Measured on one CPU thread, training step of the encoder in channels_last over NCHW, 2x96x128 and 4x128x160:
    EfficientNet-B0 0.91, 0.82; MobileNetV2 0.85, 0.84; MobileNetV3 1.04, 0.83; DenseNet-121 0.98, 1.01; ResNet-50
    1.05, 1.01; ConvNeXt-Tiny, whose depthwise convolutions are 7x7, 1.10, 1.04; VGG-11 0.94, 1.16 (more in
    docs/models.md). GPUs were not measured.
    """
    return any(
        isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1 and max(m.kernel_size) < 7 for m in net.modules()
    )
