"""Structural similarity (Wang et al. 2004) as a loss."""

from torch import Tensor

from depthbench.losses.map_loss import MapLoss, check_choice, check_fraction, check_positive
from depthbench.losses.reduction import Reduction
from depthbench.ssim import ssim_constants, ssim_map, window_weights


class SSIM(MapLoss):
    """Mean of (1 - SSIM)/2 (alhashim2018, eq. 4).

    Args:
        window: odd side of the window.
        sigma: of a Gaussian window; None for a uniform one.
        padding: ``valid`` (only windows inside the map: TensorFlow, alhashim2018) or ``reflect`` (monodepth2).
        data_range: of the maps: 10 for metres indoors; alhashim2018's code takes 100 for its reciprocal depths.
        k1: of the luminance constant (k1 data_range)².
        k2: of the contrast constant (k2 data_range)².
        reduction: of the windows; see :mod:`depthbench.losses.reduction`.

    With a mask the statistics of a window are over its valid pixels, and the mean is over windows with a valid center.

    Example:
        >>> import torch
        >>> from depthbench.losses import SSIM
        >>> target = torch.arange(1.0, 145.0).view(1, 1, 12, 12) / 16
        >>> SSIM()(1.1 * target, target)
        tensor(0.0044)
    """

    def __init__(
        self,
        window: int = 11,
        sigma: float | None = 1.5,
        padding: str = "valid",
        data_range: float = 10.0,
        k1: float = 0.01,
        k2: float = 0.03,
        reduction: Reduction = "pixel",
    ) -> None:
        super().__init__(reduction)
        self.padding = check_choice("padding", padding, ("valid", "reflect"))
        self.constants = ssim_constants(check_positive("data_range", data_range), k1, k2)
        self.weights = window_weights(window, None if sigma is None else check_positive("sigma", sigma))

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the windows."""
        similarity, whole = self.map(prediction, target, valid)
        return self.reduce((1 - similarity) / 2, whole)

    def map(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """SSIM of each window, and the mask of its centers."""
        return ssim_map(prediction, target, self.weights, self.constants, valid, self.padding)


class SSIML1(SSIM):
    """α (1 - SSIM)/2 + (1 - α) |e| (Godard et al. 2017; mehrzadeh2020, section 2.3.4).

    Args:
        alpha: α in [0, 1]; 0.6 in mehrzadeh2020.
        window: 3 in monodepth2; mehrzadeh2020 doesn't say.
        sigma: see :class:`SSIM`.
        padding: see :class:`SSIM`.
        data_range: see :class:`SSIM`.
        reduction: of both parts.

    Example:
        >>> import torch
        >>> from depthbench.losses import SSIML1
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> SSIML1()(prediction, target)
        tensor(0.1772)
    """

    def __init__(
        self,
        alpha: float = 0.6,
        window: int = 3,
        sigma: float | None = None,
        padding: str = "reflect",
        data_range: float = 10.0,
        reduction: Reduction = "pixel",
    ) -> None:
        super().__init__(window, sigma, padding, data_range, reduction=reduction)
        self.alpha = check_fraction("alpha", alpha)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """The mix of both means."""
        absolute = self.reduce((prediction - target).abs(), valid)
        return self.alpha * super().measure(prediction, target, valid) + (1 - self.alpha) * absolute
