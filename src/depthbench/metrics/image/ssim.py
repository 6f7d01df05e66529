"""Mean structural similarity of depth maps rendered as gray images (Alhashim and Wonka 2018, table 3)."""

from typing import Any

import torch
from torch import Tensor

from depthbench.geometry import whole_neighborhood
from depthbench.metrics.image.image_metric import ImageMetric, mean_over_pixels
from depthbench.ssim import ssim_constants, ssim_map, window_weights


class MeanSSIM(ImageMetric):
    """SSIM of ``depth / max_depth``, cut to [0, 1] as a rendering is, over the windows that are wholly valid.

    The paper states neither window nor range; Gaussian 11x11 with sigma 1.5, K 0.01 and 0.03 as in its loss.
    Images smaller than a window, or with no whole valid one, are left out.

    Args:
        max_depth: metres that render white.
        size: of the window, odd.
        sigma: of the window.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import MeanSSIM
        >>> truth = 1 + torch.arange(600.0).reshape(1, 1, 20, 30) / 100
        >>> metric = MeanSSIM()
        >>> metric.update(truth, truth)
        >>> round(metric.compute()["mSSIM"].item(), 4)
        1.0
    """

    higher_is_better = True

    def __init__(self, max_depth: float = 10.0, size: int = 11, sigma: float = 1.5, **kwargs: Any) -> None:
        super().__init__(["mSSIM"], **kwargs)
        self.max_depth = max_depth
        self.weights = window_weights(size, sigma)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        size = len(self.weights)
        if min(target.shape[-2:]) < size:
            nothing = torch.zeros(len(target), 1, device=target.device)
            return nothing, nothing > 0
        x, y = ((maps / self.max_depth).clamp(0, 1) for maps in (prediction, target))
        half = size // 2
        whole = whole_neighborhood(valid, size)[..., half : -half or None, half : -half or None]
        similarity, _ = ssim_map(x, y, self.weights, ssim_constants(1.0))
        score = mean_over_pixels(similarity, whole)[:, None]
        return score, whole.flatten(1).any(1, keepdim=True)
