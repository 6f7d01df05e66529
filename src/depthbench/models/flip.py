"""Predictions of an image and of its mirror image, and their mean."""

from collections.abc import Callable

from torch import Tensor

from depthbench.geometry import flip_intrinsics


def predict_mirrored(predict: Callable[..., Tensor], image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
    """Prediction of the mirrored image, mirrored back: ``(B, 3, H, W) -> (B, 1, h, w)``.

    Args:
        predict: ``(image) -> (B, 1, h, w)``, or ``(image, intrinsics)`` where intrinsics are given.
        image: ``(B, 3, H, W)``.
        intrinsics: ``(B, 3, 3)`` in pixels of the image; mirrored with it.
    """
    flipped = image.flip(-1)
    if intrinsics is None:
        return predict(flipped).flip(-1)
    return predict(flipped, flip_intrinsics(intrinsics, image.shape[-1])).flip(-1)


def predict_with_flip(predict: Callable[..., Tensor], image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
    """Mean of the prediction and of :func:`predict_mirrored`, at the network's own size; arguments as there.

    Exact for any width, since the maps are mirrored before any crop; crops follow.
    """
    plain = predict(image) if intrinsics is None else predict(image, intrinsics)
    return 0.5 * (plain + predict_mirrored(predict, image, intrinsics))
