"""Structural similarity (Wang et al. 2004) as a loss, separable, with holes."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.map_loss import MapLoss, check_choice, check_fraction, check_positive, mean


class SSIM(MapLoss):
    """Mean of (1 - SSIM)/2 (alhashim2018, eq. 4).

    Args:
        window: odd side of the window.
        sigma: of a Gaussian window; None for a uniform one.
        padding: ``valid`` (only windows inside the map: TensorFlow, alhashim2018) or ``reflect`` (monodepth2).
        data_range: of the maps: 10 for metres indoors; alhashim2018's code takes 100 for its reciprocal depths.
        k1: of the luminance constant (k1 data_range)².
        k2: of the contrast constant (k2 data_range)².

    With a mask the statistics of a window are over its valid pixels, and the mean is over windows with a valid center.
    """

    def __init__(
        self,
        window: int = 11,
        sigma: float | None = 1.5,
        padding: str = "valid",
        data_range: float = 10.0,
        k1: float = 0.01,
        k2: float = 0.03,
    ) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise UserError(f"window is {window}, but must be odd and positive.")
        self.window, self.padding = window, check_choice("padding", padding, ("valid", "reflect"))
        data_range = check_positive("data_range", data_range)
        self.c1, self.c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
        width = math.inf if sigma is None else check_positive("sigma", sigma)
        weight = [math.exp(-0.5 * ((k - window // 2) / width) ** 2) for k in range(window)]
        self.weight = tuple(w / sum(weight) for w in weight)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the windows."""
        similarity, whole = self.map(prediction, target, valid)
        return mean((1 - similarity) / 2, whole)

    def map(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """SSIM of each window, and the mask of its centers."""
        reach = self.window // 2
        if min(target.shape[-2:]) < (self.window if self.padding == "valid" else reach + 1):
            raise UserError(f"A window of {self.window} does not fit into maps of {tuple(target.shape[-2:])}.")
        # Variances don't feel a shift, but lose digits in float32 when the mean is large beside the deviation.
        center = target.mean(dim=(1, 2, 3), keepdim=True)
        x, y = prediction - center, target - center
        mx, xx, xy = self._means(torch.stack([x, x * x, x * y]), valid)
        my, yy = self._means(torch.stack([y, y * y]), valid)
        covariance = 2 * (xy - mx * my) + self.c2
        variance = (xx - mx * mx) + (yy - my * my) + self.c2
        mx, my = mx + center, my + center
        similarity = (2 * mx * my + self.c1) * covariance / ((mx * mx + my * my + self.c1) * variance)
        if valid is None or self.padding == "reflect":
            return similarity, valid
        return similarity, valid[..., reach : valid.shape[-2] - reach, reach : valid.shape[-1] - reach]

    def _means(self, maps: Tensor, valid: Tensor | None) -> Tensor:
        """Window means of ``(n, B, C, H, W)`` over the valid pixels."""
        if valid is None:
            return self._filtered(maps)
        mask = valid.to(maps.dtype)
        inside = self._filtered(mask[None]).clamp(min=torch.finfo(maps.dtype).tiny)
        return self._filtered(maps * mask) / inside

    def _filtered(self, maps: Tensor) -> Tensor:
        """The maps ``(n, B, C, H, W)`` weighted by the window, along rows and then along columns."""
        if self.padding == "reflect":
            padded = F.pad(maps.flatten(0, 1), (self.window // 2,) * 4, mode="reflect")
            maps = padded.view(*maps.shape[:2], *padded.shape[1:])
        filtered: Tensor = _Filtered.apply(maps, self.weight)
        return filtered


class _Filtered(torch.autograd.Function):
    """Symmetric weights along rows and columns, without padding.

    These are sums of slices, because a CPU takes many times longer to convolve single channels.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: tuple[float, ...]) -> Tensor:
        ctx.weight = weight
        return _weighted(_weighted(maps, weight, -1), weight, -2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        reach = len(ctx.weight) - 1
        spread = _weighted(F.pad(gradient, (0, 0, reach, reach)), ctx.weight, -2)
        return _weighted(F.pad(spread, (reach, reach)), ctx.weight, -1), None


def _weighted(maps: Tensor, weight: tuple[float, ...], dim: int) -> Tensor:
    """Weighted sums of neighbors along ``dim``."""
    length = maps.shape[dim] - len(weight) + 1
    total = maps.narrow(dim, 0, length) * weight[0]
    for k, w in enumerate(weight[1:], 1):
        total.add_(maps.narrow(dim, k, length), alpha=w)
    return total


class SSIML1(SSIM):
    """α (1 - SSIM)/2 + (1 - α) |e| (Godard et al. 2017; mehrzadeh2020, section 2.3.4).

    Args:
        alpha: α in [0, 1]; 0.6 in mehrzadeh2020.
        window: 3 in monodepth2; mehrzadeh2020 doesn't say.
        sigma: see :class:`SSIM`.
        padding: see :class:`SSIM`.
        data_range: see :class:`SSIM`.
    """

    def __init__(
        self,
        alpha: float = 0.6,
        window: int = 3,
        sigma: float | None = None,
        padding: str = "reflect",
        data_range: float = 10.0,
    ) -> None:
        super().__init__(window, sigma, padding, data_range)
        self.alpha = check_fraction("alpha", alpha)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """The mix of both means."""
        absolute = mean((prediction - target).abs(), valid)
        return self.alpha * super().measure(prediction, target, valid) + (1 - self.alpha) * absolute
