"""Losses that forgive, in part, a wrong global scale. D = ln d - ln g."""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import sobel, whole_neighborhood
from depthbench.losses.across_processes import global_count
from depthbench.losses.map_loss import (
    VARIANTS,
    MapLoss,
    Variant,
    check_choice,
    check_fraction,
    check_positive,
    log_difference,
)
from depthbench.losses.reduction import OVER_IMAGES, Reduction
from depthbench.output_kinds import DETERMINED, LeftOpen


class Eigen(MapLoss):
    """The scale-invariant loss of Eigen et al. 2014: mean(D²) - λ mean(D)², per image (carvalho2018, table 1).

    Args:
        lambda_: λ in [0, 1]; 0.5 in both papers.
        min_prediction: metres; see :func:`depthbench.losses.map_loss.log_difference`.
        variant: ``released`` is D3-Net's code, whose scale term is divided by n² twice over, n the number of pixels of
            the batch, so that it vanishes.
        reduction: the units of the means: each image, or the batch. None is the variant's own: ``image``, or
            ``holes_as_zero_error``.

    Example:
        >>> import torch
        >>> from depthbench.losses import Eigen
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> Eigen()(prediction, target)
        tensor(0.0249)
        >>> Eigen()(3 * target, target)  # half of a wrong scale is forgiven
        tensor(0.6035)
    """

    def __init__(
        self,
        lambda_: float = 0.5,
        min_prediction: float | None = None,
        variant: Variant = "paper",
        reduction: Reduction | None = None,
    ) -> None:
        super().__init__(reduction or ("holes_as_zero_error" if variant == "released" else "image"))
        self.variant = check_choice("variant", variant, VARIANTS)
        self.lambda_, self.min_prediction = check_fraction("lambda_", lambda_), min_prediction

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """The scale with λ = 1, where the means run over the pixels that are there."""
        whole = self.lambda_ == 1 and self.variant == "paper" and self.reduction != "holes_as_zero_error"
        return frozenset({"scale"}) if whole else DETERMINED

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Value of the loss in the chosen variant."""
        return self.of_difference(log_difference(prediction, target, self.min_prediction), valid)

    def of_difference(self, difference: Tensor, valid: Tensor | None) -> Tensor:
        """The loss of a given map D."""
        over = self.over(difference, valid)
        shift = over.means(difference)
        if self.variant == "released":
            shift = shift / global_count(difference.numel(), difference.device)
        return over.mean(over.means(difference.square()) - self.lambda_ * shift.square())


class EigenGrad(Eigen):
    """:class:`Eigen` plus the mean of (∂x D)² + (∂y D)² (Eigen and Fergus 2015; carvalho2018, table 1).

    The derivative is the Sobel operator of D3-Net's code (not normalized, zeros around the image). ``paper`` takes it
    where the 3x3 neighborhood is valid; ``released`` at every valid pixel, with D = 0 in holes seen by their neighbors.

    Example:
        >>> import torch
        >>> from depthbench.losses import EigenGrad
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> EigenGrad()(prediction, target)
        tensor(0.1743)
    """

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Nothing: beside the zeros around the map the gradient is that of D itself."""
        return DETERMINED

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Scale-invariant term plus gradient term."""
        difference = log_difference(prediction, target, self.min_prediction)
        dx, dy = sobel(difference)
        where = valid if valid is None or self.variant == "released" else whole_neighborhood(valid)
        return self.of_difference(difference, valid) + self.reduce(dx.square() + dy.square(), where)


class SILog(MapLoss):
    """scale · √(mean(D²) - λ mean(D)²), per image (BTS: λ 0.85, scale 10; with ``root=False`` its square's form).

    Args:
        lambda_: λ in [0, 1]: 1 is the variance of D, 0 the plain mean square.
        scale: factor.
        root: take the square root.
        eps: keeps the root's derivative finite at a perfect prediction.
        min_prediction: metres; see :func:`depthbench.losses.map_loss.log_difference`.
        reduction: the units of the means: ``image``, or the batch: ``pixel`` (BTS's code).

    Example:
        >>> import torch
        >>> from depthbench.losses import SILog
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> SILog()(prediction, target)
        tensor(1.5779)
    """

    reductions = OVER_IMAGES

    def __init__(
        self,
        lambda_: float = 0.85,
        scale: float = 10.0,
        root: bool = True,
        eps: float = 1e-8,
        min_prediction: float | None = None,
        reduction: Reduction = "image",
    ) -> None:
        super().__init__(reduction)
        self.lambda_, self.scale = check_fraction("lambda_", lambda_), check_positive("scale", scale)
        self.root, self.eps, self.min_prediction = root, eps, min_prediction

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """The scale with λ = 1."""
        return frozenset({"scale"}) if self.lambda_ == 1 else DETERMINED

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """The value of each image, or of the batch."""
        difference = log_difference(prediction, target, self.min_prediction)
        over = self.over(difference, valid)
        shift = over.means(difference)
        # Variance about the mean first: the difference of two large squares would cancel in float32.
        variance = over.means((difference - shift.view(-1, 1, 1, 1)).square())
        value = variance + (1 - self.lambda_) * shift.square()
        return self.scale * over.mean((value + self.eps).sqrt() if self.root else value)


class ScaleShiftInvariant(MapLoss):
    """MiDaS's trimmed L1 between maps brought to median 0 and mean deviation 1 (Ranftl et al. 2020, eq. 5 to 8).

    Args:
        trim: share in [0, 1) of each image's largest residuals that is left out; 0.2 in MiDaS.
        reduction: of the residuals, which are brought to one scale and shift per image in any case: ``image`` or
            ``pixel``.

    As in MiDaS the sum is divided by twice the number of valid pixels, the left-out ones included.

    Example:
        >>> import torch
        >>> from depthbench.losses import ScaleShiftInvariant
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> ScaleShiftInvariant()(prediction, target)
        tensor(0.2286)
        >>> ScaleShiftInvariant()(3 * target + 1, target)
        tensor(0.)
    """

    reductions = OVER_IMAGES

    def __init__(self, trim: float = 0.2, reduction: Reduction = "image") -> None:
        super().__init__(reduction)
        if not 0 <= trim < 1:
            raise UserError(f"trim is {trim}, but must be at least 0 and below 1.")
        self.trim = trim

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Scale and shift."""
        return frozenset({"scale", "shift"})

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Half the mean residual."""
        mask = torch.ones_like(target, dtype=torch.bool) if valid is None else valid
        mask = mask.flatten(1)
        residual = (aligned(prediction.flatten(1), mask) - aligned(target.flatten(1), mask)).abs()
        count = mask.sum(dim=1)
        keep = (count - (self.trim * count).long()).view(-1, 1)
        # Holes sort to the end, behind the residuals that are left out.
        order = residual.detach().where(mask, torch.inf).argsort(dim=1)
        kept = residual.gather(1, order).where(torch.arange(mask.shape[1], device=mask.device) < keep, 0.0)
        return self.over_sums(kept.sum(dim=1), 2 * count)


def aligned(values: Tensor, valid: Tensor, eps: float = 1e-6) -> Tensor:
    """Rows ``(B, N)`` less their valid median (the lower one), divided by their mean valid deviation from it."""
    count = valid.sum(dim=1, keepdim=True)
    ordered = values.where(valid, torch.inf).sort(dim=1).values
    middle = ordered.gather(1, ((count - 1) // 2).clamp(min=0))
    middle = middle.where(count > 0, 0.0)
    centered = (values - middle).where(valid, 0.0)
    return centered / (centered.abs().sum(dim=1, keepdim=True) / count.clamp(min=1)).clamp(min=eps)
