"""The criterion of a discriminator's verdict."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthbench.losses.map_loss import check_choice
from depthbench.losses.reduction import PixelMean
from depthbench.maps import at_least_float32


class AdversarialLoss(nn.Module):
    """Distance of a discriminator's logits from the verdict ``real`` or ``fake``.

    Args:
        mode: ``bce`` (cross-entropy of the sigmoid: Isola et al., D3-Net's default) or ``lsgan`` (squared distance to
            1 or 0: CycleGAN, mehrzadeh2020). Which of the two carvalho2018 used is not known.

    Example:
        >>> import torch
        >>> from depthbench.losses import AdversarialLoss
        >>> AdversarialLoss("lsgan")(torch.tensor([[0.5, 1.0]]), True)
        tensor(0.1250)
    """

    def __init__(self, mode: str = "bce") -> None:
        super().__init__()
        self.mode = check_choice("mode", mode, ("bce", "lsgan"))

    def forward(self, logits: Tensor, real: bool) -> Tensor:
        """Mean over all logits of the batch (any shape, not passed through a sigmoid); scalar float32."""
        with torch.autocast(logits.device.type, enabled=False):
            logits = at_least_float32(logits)
            wanted = torch.full_like(logits, float(real))
            loss = F.binary_cross_entropy_with_logits if self.mode == "bce" else F.mse_loss
            return PixelMean(logits, None)(loss(logits, wanted, reduction="none"))
