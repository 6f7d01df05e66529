"""Losses that look at one pixel at a time. e = prediction - target."""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.across_processes import global_max
from depthbench.losses.map_loss import (
    VARIANTS,
    MapLoss,
    Variant,
    any_of_batch,
    check_choice,
    check_positive,
    log_difference,
    smallest,
)
from depthbench.losses.reduction import Reduction


class Pointwise(MapLoss):
    """Reduction of a per-pixel error; subclasses implement :meth:`error`.

    ``reduction="pixel"``, the default, is the papers' mean over the valid pixels; ``"holes_as_zero_error"`` is what
    D3-Net's code does with a mask; ``"image"`` gives each image the same weight.
    """

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """The reduced error map."""
        return self.reduce(self.error(prediction, target), valid)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The error map, of the shape of its arguments."""
        raise NotImplementedError


class L1(Pointwise):
    """Mean of |e| (carvalho2018, table 1).

    Example:
        >>> import torch
        >>> from depthbench.losses import L1
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> L1()(prediction, target)
        tensor(0.3750)
        >>> L1(reduction="image")(prediction, target, target < 4)  # a mask: 4 m and more is left out
        tensor(0.1667)
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error."""
        return (prediction - target).abs()


class L2(Pointwise):
    """Mean of e² (carvalho2018, table 1).

    Example:
        >>> import torch
        >>> from depthbench.losses import L2
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> L2()(prediction, target)
        tensor(0.3125)
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The squared error."""
        return (prediction - target).square()


class RelativeL1(Pointwise):
    """Mean of |e| / g: the metric AbsRel as a loss.

    Its best single answer to an uncertain depth lies below the median, so it trades RMSE for AbsRel.

    Example:
        >>> import torch
        >>> from depthbench.losses import RelativeL1
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> RelativeL1()(prediction, target)
        tensor(0.1125)
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error over the depth."""
        if any_of_batch(target <= 0):
            raise UserError(f"AbsRel divides by a true depth of {smallest(target):.3g} m; mask such depths.")
        return (prediction - target).abs() / target


class _Threshold(Pointwise):
    """A loss with a threshold c between its two regimes.

    Args:
        c: a share of the largest valid |e|, recomputed at each step and detached; with ``fixed``, metres.
        threshold: ``batch`` (one c for the batch of all processes: Laina et al., and D3-Net's code), ``image`` (one c
            per image), or ``fixed``.
        reduction: see :class:`Pointwise`.
    """

    def __init__(self, c: float = 0.2, threshold: str = "batch", reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.threshold = check_choice("threshold", threshold, ("batch", "image", "fixed"))
        self.c = check_positive("c", c)
        if threshold != "fixed" and c > 1:
            raise UserError(f"c is {c}, but as a share of the largest error it must be at most 1.")

    def limit(self, absolute: Tensor) -> Tensor:
        """The threshold in metres: a scalar or ``(B, 1, 1, 1)``."""
        if self.threshold == "fixed":
            return torch.full_like(absolute[:1, :1, :1, :1], self.c)
        largest = absolute.detach().amax(dim=(1, 2, 3), keepdim=True)
        if self.threshold == "image":
            return self.c * largest
        return self.c * global_max(largest.amax() if len(largest) else largest.new_zeros(()))


class Huber(_Threshold):
    """e²/2 up to c, then c²/2 + c(|e| - c) (carvalho2018, table 1).

    Example:
        >>> import torch
        >>> from depthbench.losses import Huber
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> Huber()(prediction, target)
        tensor(0.0650)
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Quadratic, then linear."""
        absolute = (prediction - target).abs()
        c = self.limit(absolute)
        small = torch.minimum(absolute, c)
        return small * (absolute - 0.5 * small)


class BerHu(_Threshold):
    """|e| up to c, then (e² + c²)/(2c): the reverse Huber of Laina et al. (carvalho2018, table 1).

    Example:
        >>> import torch
        >>> from depthbench.losses import BerHu
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> BerHu()(prediction, target)
        tensor(0.8312)
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Linear, then quadratic."""
        absolute = (prediction - target).abs()
        # A perfect prediction has c = 0; the quadratic branch is then never taken, but must stay finite.
        c = self.limit(absolute).clamp(min=torch.finfo(absolute.dtype).tiny)
        return torch.where(absolute <= c, absolute, (absolute.square() + c.square()) / (2 * c))


class Cauchy(MapLoss):
    """ln(1 + e²), a robust loss that D3-Net's code offers beside the paper's.

    Args:
        variant: ``paper`` is the mean of ln(1 + e²) (the M-estimator); ``released`` is ln(1 + mean e²).
        reduction: the units of the means; None is the variant's own: ``pixel``, or ``holes_as_zero_error``.

    Example:
        >>> import torch
        >>> from depthbench.losses import Cauchy
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> Cauchy()(prediction, target)
        tensor(0.2291)
    """

    def __init__(self, variant: Variant = "paper", reduction: Reduction | None = None) -> None:
        super().__init__(reduction or ("holes_as_zero_error" if variant == "released" else "pixel"))
        self.variant = check_choice("variant", variant, VARIANTS)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Log of each pixel, or of the mean."""
        square = (prediction - target).square()
        over = self.over(square, valid)
        return over.mean(over.means(square).log1p()) if self.variant == "released" else over(square.log1p())


class LogL1(Pointwise):
    """Mean of |ln d - ln g| (offered by D3-Net's code).

    Args:
        min_prediction: metres; see :func:`depthbench.losses.map_loss.log_difference`.
        reduction: see :class:`Pointwise`.

    Example:
        >>> import torch
        >>> from depthbench.losses import LogL1
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> LogL1()(prediction, target)
        tensor(0.1116)
    """

    def __init__(self, min_prediction: float | None = None, reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.min_prediction = min_prediction

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error of the logarithms."""
        return log_difference(prediction, target, self.min_prediction).abs()


class LogError(Pointwise):
    """Mean of ln(|e| + α): Hu et al., l_depth, in mehrzadeh2020 section 2.3.1. Its minimum is ln α.

    mehrzadeh2020 prints F(||d - d*||²) with F(x) = ln(x + α), a square that Hu et al.'s text and code don't have; here
    it is theirs.

    Args:
        alpha: α > 0; 0.5 in the released code.
        reduction: see :class:`Pointwise`.

    Example:
        >>> import torch
        >>> from depthbench.losses import LogError
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> LogError()(prediction, target)
        tensor(-0.2452)
    """

    def __init__(self, alpha: float = 0.5, reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.alpha = check_positive("alpha", alpha)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Damped error."""
        return ((prediction - target).abs() + self.alpha).log()


class DepthBalancedEuclidean(Pointwise):
    """Depth-balanced Euclidean: half the mean of (γ(d) - γ(g))², γ(y) = a1 y + a2/2 y² (mehrzadeh2020, section 2.3.1).

    The square is that of its source (Lee et al., CVPR 2018); mehrzadeh2020 prints the bare difference.
    With a1 = 1.5, a2 = -0.1 the function γ rises only up to 15 m.

    Args:
        a1: of γ, per metre.
        a2: of γ, per square metre.
        reduction: see :class:`Pointwise`.

    Example:
        >>> import torch
        >>> from depthbench.losses import DepthBalancedEuclidean
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> DepthBalancedEuclidean()(prediction, target)
        tensor(0.1886)
    """

    def __init__(self, a1: float = 1.5, a2: float = -0.1, reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.a1, self.a2 = a1, a2

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Half the squared difference of γ, factored to keep precision."""
        gamma = (prediction - target) * (self.a1 + 0.5 * self.a2 * (prediction + target))
        return 0.5 * gamma.square()


class SquareRoot(Pointwise):
    """Mean of |√d - √g|: mehrzadeh2020's "depth priority" (section 2.3.1).

    Args:
        min_prediction: metres; predictions below it count as it and get no gradient. The paper doesn't say what it does
            where the network's linear output is negative, so this is our choice.
        reduction: see :class:`Pointwise`.

    Example:
        >>> import torch
        >>> from depthbench.losses import SquareRoot
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> SquareRoot()(prediction, target)
        tensor(0.1007)
    """

    def __init__(self, min_prediction: float = 1e-3, reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.min_prediction = check_positive("min_prediction", min_prediction)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error of the roots."""
        if any_of_batch(target < 0):
            raise UserError(f"The square-root loss got a true depth of {smallest(target):.3g} m; depths are >= 0.")
        return (prediction.clamp(min=self.min_prediction).sqrt() - target.sqrt()).abs()
