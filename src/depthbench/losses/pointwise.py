"""Losses that look at one pixel at a time. e = prediction - target."""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.map_loss import VARIANTS, MapLoss, Variant, check_choice, check_positive, log_difference, mean


class Pointwise(MapLoss):
    """Mean of a per-pixel error; subclasses implement :meth:`error`.

    Args:
        variant: ``paper`` averages over the valid pixels. ``released`` does what D3-Net's code does with a mask:
            a hole counts as a pixel without error, so the mean runs over all pixels.
    """

    def __init__(self, variant: Variant = "paper") -> None:
        super().__init__()
        self.variant = check_choice("variant", variant, VARIANTS)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean of the error map."""
        # Holes hold equal values in both maps, so that their error is 0 already.
        return mean(self.error(prediction, target), valid if self.variant == "paper" else None)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The error map, of the shape of its arguments."""
        raise NotImplementedError


class L1(Pointwise):
    """Mean of |e| (carvalho2018, table 1)."""

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error."""
        return (prediction - target).abs()


class L2(Pointwise):
    """Mean of e² (carvalho2018, table 1)."""

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The squared error."""
        return (prediction - target).square()


class RelativeL1(Pointwise):
    """Mean of |e| / g: the metric AbsRel as a loss.

    Its best single answer to an uncertain depth lies below the median, so it trades RMSE for AbsRel.
    """

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error over the depth."""
        if bool((target <= 0).any()):
            raise UserError(
                f"AbsRel divides by a true depth of {target.min().item():.3g} m; mask what is not positive."
            )
        return (prediction - target).abs() / target


class _Threshold(Pointwise):
    """A loss with a threshold c between its two regimes.

    Args:
        c: a share of the largest valid |e|, recomputed at each step and detached; with ``fixed``, metres.
        threshold: ``batch`` (one c for all pixels: Laina et al., and D3-Net's code), ``image`` (one c per image), or
            ``fixed``.
        variant: see :class:`Pointwise`.
    """

    def __init__(self, c: float = 0.2, threshold: str = "batch", variant: Variant = "paper") -> None:
        super().__init__(variant)
        self.threshold = check_choice("threshold", threshold, ("batch", "image", "fixed"))
        self.c = check_positive("c", c)
        if threshold != "fixed" and c > 1:
            raise UserError(f"c is {c}, but as a share of the largest error it must be at most 1.")

    def limit(self, absolute: Tensor) -> Tensor:
        """The threshold in metres: a scalar or ``(B, 1, 1, 1)``."""
        if self.threshold == "fixed":
            return torch.full_like(absolute[:1, :1, :1, :1], self.c)
        largest = absolute.detach().amax(dim=(1, 2, 3), keepdim=True)
        return self.c * (largest.amax() if self.threshold == "batch" else largest)


class Huber(_Threshold):
    """e²/2 up to c, then c²/2 + c(|e| - c) (carvalho2018, table 1)."""

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Quadratic, then linear."""
        absolute = (prediction - target).abs()
        c = self.limit(absolute)
        small = torch.minimum(absolute, c)
        return small * (absolute - 0.5 * small)


class BerHu(_Threshold):
    """|e| up to c, then (e² + c²)/(2c): the reverse Huber of Laina et al. (carvalho2018, table 1)."""

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Linear, then quadratic."""
        absolute = (prediction - target).abs()
        # A perfect prediction has c = 0; the quadratic branch is then never taken, but must stay finite.
        c = self.limit(absolute).clamp(min=torch.finfo(absolute.dtype).tiny)
        return torch.where(absolute <= c, absolute, (absolute.square() + c.square()) / (2 * c))


class Cauchy(Pointwise):
    """ln(1 + e²), a robust loss that D3-Net's code offers beside the paper's.

    ``paper`` is the mean of ln(1 + e²) (the M-estimator); ``released`` is ln(1 + mean e²) over all pixels.
    """

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Log of each pixel, or of the mean."""
        square = (prediction - target).square()
        return square.mean().log1p() if self.variant == "released" else mean(square.log1p(), valid)


class LogL1(Pointwise):
    """Mean of |ln d - ln g| (offered by D3-Net's code).

    Args:
        floor: of predictions in metres; see :func:`depthbench.losses.map_loss.log_difference`.
        variant: see :class:`Pointwise`.
    """

    def __init__(self, floor: float | None = None, variant: Variant = "paper") -> None:
        super().__init__(variant)
        self.floor = floor

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error of the logarithms."""
        return log_difference(prediction, target, self.floor).abs()


class LogError(Pointwise):
    """Mean of ln(|e| + α): Hu et al., l_depth, in mehrzadeh2020 section 2.3.1. Its minimum is ln α.

    Args:
        alpha: α > 0; 0.5 in the released code.
    """

    def __init__(self, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = check_positive("alpha", alpha)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Damped error."""
        return ((prediction - target).abs() + self.alpha).log()


class DepthBalancedEuclidean(Pointwise):
    """Depth-balanced Euclidean: half the mean of (γ(d) - γ(g))², γ(y) = a1 y + a2/2 y² (mehrzadeh2020, section 2.3.1).

    The square is that of its source (Lee et al., CVPR 2018); mehrzadeh2020 prints the bare difference.
    With a1 = 1.5, a2 = -0.1 the function γ rises only up to 15 m.
    """

    def __init__(self, a1: float = 1.5, a2: float = -0.1) -> None:
        super().__init__()
        self.a1, self.a2 = a1, a2

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Half the squared difference of γ, factored to keep precision."""
        gamma = (prediction - target) * (self.a1 + 0.5 * self.a2 * (prediction + target))
        return 0.5 * gamma.square()


class SquareRoot(Pointwise):
    """Mean of |√d - √g|: mehrzadeh2020's "depth priority" (section 2.3.1).

    Args:
        floor: predictions below it (metres) count as it and get no gradient; the paper doesn't say what it does where
            the network's linear output is negative, so this is our choice.
    """

    def __init__(self, floor: float = 1e-3) -> None:
        super().__init__()
        self.floor = check_positive("floor", floor)

    def error(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The absolute error of the roots."""
        if bool((target < 0).any()):
            raise UserError(f"The square-root loss got a true depth of {target.min().item():.3g} m; depths are >= 0.")
        return (prediction.clamp(min=self.floor).sqrt() - target.sqrt()).abs()
