"""Regression that predicts its own noise (Kendall and Gal 2017)."""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.map_loss import MapLoss, check_choice, in_float32
from depthbench.losses.reduction import Reduction
from depthbench.maps import at_least_float32


class Heteroscedastic(MapLoss):
    """Negative log likelihood of the truth under a predicted noise: exp(-s) |e| + s (Kendall and Gal 2017).

    The network predicts s; constants are left out. ``gaussian``: exp(-s) e²/2 + s/2 with s = ln σ² (their eq. 8).
    ``laplace``: exp(-s) |e| + s with s = ln b, the form that they report for depth.

    Args:
        distribution: ``gaussian`` or ``laplace``.
        reduction: ``pixel``, ``image`` or ``holes_as_zero_error``; see :mod:`depthbench.losses.reduction`.

    Attributes:
        channels: that the network must predict: 2, the depth and s.

    Example:
        >>> import torch
        >>> from depthbench.losses import Heteroscedastic
        >>> depth, log_noise = torch.full((1, 1, 2, 2), 2.5), torch.zeros(1, 1, 2, 2)
        >>> Heteroscedastic()(torch.cat([depth, log_noise], dim=1), target=torch.full((1, 1, 2, 2), 2.0))
        tensor(0.5000)
    """

    channels = 2

    def __init__(self, distribution: str = "laplace", reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.distribution = check_choice("distribution", distribution, ("gaussian", "laplace"))

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Mean over the valid pixels of ``prediction (B, 2, H, W)`` (depth, s) against ``target (B, 1, H, W)``.

        Raises:
            UserError: the prediction doesn't have two channels, or shapes differ.
        """
        if prediction.ndim != 4 or prediction.shape[1] != self.channels:
            raise UserError(
                f"This loss needs a network with two output channels (depth, log noise), got {tuple(prediction.shape)}."
            )
        depth, noise = prediction[:, :1], at_least_float32(prediction[:, 1:])
        if valid is not None and valid.shape == noise.shape:
            noise = noise.where(valid, 0.0)
        return in_float32(lambda d, t, v: self.reduce(self._of(d - t, noise), v), depth, target, valid)

    def _of(self, error: Tensor, noise: Tensor) -> Tensor:
        precision = torch.exp(-noise)
        if self.distribution == "gaussian":
            return 0.5 * (precision * error.square() + noise)
        return precision * error.abs() + noise
