"""Losses that forgive, in part, a wrong global scale. D = ln d - ln g."""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import sobel, whole_neighborhood
from depthbench.losses.map_loss import (
    VARIANTS,
    MapLoss,
    Variant,
    check_choice,
    check_fraction,
    check_positive,
    log_difference,
    mean_of_images,
    mean_per_image,
)


class Eigen(MapLoss):
    """The scale-invariant loss of Eigen et al. 2014: mean(D²) - λ mean(D)², per image (carvalho2018, table 1).

    Args:
        lam: λ in [0, 1]; 0.5 in both papers.
        floor: of predictions in metres; see :func:`depthbench.losses.map_loss.log_difference`.
        variant: ``released`` is D3-Net's code: one mean over all pixels of the batch, holes counted as
            D = 0, and a scale term that is divided by n² twice over, so that it vanishes.
    """

    def __init__(self, lam: float = 0.5, floor: float | None = None, variant: Variant = "paper") -> None:
        super().__init__()
        self.lam, self.floor = check_fraction("lam", lam), floor
        self.variant = check_choice("variant", variant, VARIANTS)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Value of the loss in the chosen variant."""
        return self.of_difference(log_difference(prediction, target, self.floor), valid)

    def of_difference(self, difference: Tensor, valid: Tensor | None) -> Tensor:
        """The loss of a given map D."""
        if self.variant == "released":
            return difference.square().mean() - self.lam * (difference.mean() / difference.numel()).square()
        square, shift = mean_per_image(difference.square(), valid), mean_per_image(difference, valid)
        return mean_of_images(square - self.lam * shift.square(), valid)


class EigenGrad(Eigen):
    """:class:`Eigen` plus the mean of (∂x D)² + (∂y D)² (Eigen and Fergus 2015; carvalho2018, table 1).

    The derivative is the Sobel operator of D3-Net's code (not normalized, zeros around the image). ``paper`` averages
    it per image over the pixels whose 3x3 neighborhood is valid; ``released`` over all pixels, with 0 at holes and with
    D = 0 in holes seen by their neighbors.
    """

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Scale-invariant term plus gradient term."""
        difference = log_difference(prediction, target, self.floor)
        dx, dy = sobel(difference)
        slope = dx.square() + dy.square()
        if self.variant == "released":
            gradient = (slope if valid is None else slope.where(valid, 0.0)).mean()
        else:
            whole = None if valid is None else whole_neighborhood(valid)
            gradient = mean_of_images(mean_per_image(slope, whole), whole)
        return self.of_difference(difference, valid) + gradient


class SILog(MapLoss):
    """scale · √(mean(D²) - λ mean(D)²), per image (BTS: λ 0.85, scale 10; with ``root=False`` its square's form).

    Args:
        lam: λ in [0, 1]: 1 is the variance of D, 0 the plain mean square.
        scale: factor.
        root: take the square root.
        eps: keeps the root's derivative finite at a perfect prediction.
        floor: of predictions in metres; see :func:`depthbench.losses.map_loss.log_difference`.
    """

    def __init__(
        self,
        lam: float = 0.85,
        scale: float = 10.0,
        root: bool = True,
        eps: float = 1e-8,
        floor: float | None = None,
    ) -> None:
        super().__init__()
        self.lam, self.scale = check_fraction("lam", lam), check_positive("scale", scale)
        self.root, self.eps, self.floor = root, eps, floor

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the images that have a valid pixel."""
        difference = log_difference(prediction, target, self.floor)
        shift = mean_per_image(difference, valid)
        # Variance about the mean first: the difference of two large squares would cancel in float32.
        variance = mean_per_image((difference - shift.view(-1, 1, 1, 1)).square(), valid)
        value = variance + (1 - self.lam) * shift.square()
        return self.scale * mean_of_images((value + self.eps).sqrt() if self.root else value, valid)


class ScaleShiftInvariant(MapLoss):
    """MiDaS's trimmed L1 between maps brought to median 0 and mean deviation 1 (Ranftl et al. 2020, eq. 5 to 8).

    Args:
        trim: share in [0, 1) of each image's largest residuals that is left out; 0.2 in MiDaS.

    As in MiDaS the sum is divided by twice the number of valid pixels, the left-out ones included.
    """

    def __init__(self, trim: float = 0.2) -> None:
        super().__init__()
        if not 0 <= trim < 1:
            raise UserError(f"trim is {trim}, but must be at least 0 and below 1.")
        self.trim = trim

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the images that have a valid pixel."""
        mask = torch.ones_like(target, dtype=torch.bool) if valid is None else valid
        mask = mask.flatten(1)
        residual = (aligned(prediction.flatten(1), mask) - aligned(target.flatten(1), mask)).abs()
        count = mask.sum(dim=1)
        keep = (count - (self.trim * count).long()).view(-1, 1)
        # Holes sort to the end, behind the residuals that are left out.
        order = residual.detach().where(mask, torch.inf).argsort(dim=1)
        kept = residual.gather(1, order).where(torch.arange(mask.shape[1], device=mask.device) < keep, 0.0)
        return mean_of_images(kept.sum(dim=1) / (2 * count.clamp(min=1)), valid)


def aligned(values: Tensor, valid: Tensor, eps: float = 1e-6) -> Tensor:
    """Rows ``(B, N)`` less their valid median (the lower one), divided by their mean valid deviation from it."""
    count = valid.sum(dim=1, keepdim=True)
    ordered = values.where(valid, torch.inf).sort(dim=1).values
    middle = ordered.gather(1, ((count - 1) // 2).clamp(min=0))
    middle = middle.where(count > 0, 0.0)
    centered = (values - middle).where(valid, 0.0)
    return centered / (centered.abs().sum(dim=1, keepdim=True) / count.clamp(min=1)).clamp(min=eps)
