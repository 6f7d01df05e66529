"""Mean structural similarity of depth maps rendered as gray images (Alhashim and Wonka 2018, table 3)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import whole_neighborhood
from depthbench.metrics.image.image_metric import ImageMetric, mean_over


def gaussian(size: int, sigma: float, device: torch.device) -> Tensor:
    """Normalized Gaussian window ``(size,)`` float32."""
    x = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2
    window = torch.exp(-(x**2) / (2 * sigma**2))
    return (window / window.sum()).float()


def ssim_map(x: Tensor, y: Tensor, size: int = 11, sigma: float = 1.5) -> Tensor:
    """SSIM of images ``(B, 1, H, W)`` of range 1 at every whole window: ``(B, 1, H - size + 1, W - size + 1)``."""
    window = gaussian(size, sigma, x.device)

    def blur(values: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(values, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))

    c1, c2 = 0.01**2, 0.03**2
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


class MeanSSIM(ImageMetric):
    """SSIM of ``depth / max_depth``, cut to [0, 1] as a rendering is, over the windows that are wholly valid.

    The paper states neither window nor range; Gaussian 11x11 with sigma 1.5, K 0.01 and 0.03 as in its loss.
    Images smaller than a window, or with no whole valid one, are left out.

    Args:
        max_depth: metres that render white.
        size: of the window, odd.
        sigma: of the window.
        **kwargs: torchmetrics options.
    """

    higher_is_better = True

    def __init__(self, max_depth: float = 10.0, size: int = 11, sigma: float = 1.5, **kwargs: Any) -> None:
        super().__init__(["mSSIM"], **kwargs)
        if size % 2 == 0:
            raise UserError(f"The window of SSIM must have an odd size, not {size}.")
        self.max_depth = max_depth
        self.size = size
        self.sigma = sigma

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        if min(target.shape[-2:]) < self.size:
            nothing = torch.zeros(len(target), 1, device=target.device)
            return nothing, nothing > 0
        x, y = ((maps / self.max_depth).clamp(0, 1) for maps in (prediction, target))
        half = self.size // 2
        whole = whole_neighborhood(valid, self.size)[..., half:-half, half:-half]
        score = mean_over(ssim_map(x, y, self.size, self.sigma), whole)[:, None]
        return score, whole.flatten(1).any(1, keepdim=True)
