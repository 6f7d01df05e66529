"""Averaging a prediction with that of the mirrored image."""

from collections.abc import Callable

from torch import Tensor

from depthbench.geometry import flip_intrinsics


def predict_with_flip(predict: Callable[..., Tensor], image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
    """Mean of the prediction and of the mirrored prediction of the mirrored image, at the network's own size.

    Exact for any width, since the maps are mirrored before any crop; crops follow.

    Args:
        predict: ``(image) -> (B, 1, h, w)``, or ``(image, intrinsics)`` where intrinsics are given.
        image: ``(B, 3, H, W)``.
        intrinsics: ``(B, 3, 3)`` in pixels of the image; mirrored with it.
    """
    flipped = image.flip(-1)
    if intrinsics is None:
        return 0.5 * (predict(image) + predict(flipped).flip(-1))
    mirrored = flip_intrinsics(intrinsics, image.shape[-1])
    return 0.5 * (predict(image, intrinsics) + predict(flipped, mirrored).flip(-1))
