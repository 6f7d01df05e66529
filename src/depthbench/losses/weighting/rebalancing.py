"""The arithmetic of loss weights (lee2020, section 3.2), as pure functions, and schedules of λ."""

from collections.abc import Callable

from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.map_loss import VARIANTS, Variant, check_choice

LambdaSchedule = Callable[[int], float]  # epoch, from 0, to λ


def initial_weights(losses: Tensor, variant: Variant = "paper") -> Tensor:
    """Weights that give every loss the same contribution (lee2020, eq. 9).

    Args:
        losses: ``(K,)``, the mean of each loss over a period under equal weights 1/K.
        variant: ``paper``: the mean of the losses, divided by each. ``released``: 1/K of that, so that the total stays
            what it was under equal weights; eq. 9 as printed makes it K times larger.

    Returns:
        ``(K,)``. A loss that is 0 (or unknown: NaN) can't be balanced and keeps 1/K.
    """
    check_choice("variant", variant, VARIANTS)
    equal = 1 / len(losses)
    known = losses > 0
    total = (losses.where(known, 0.0) * equal).sum()
    balanced = total / losses.where(known, 1.0) * (equal if variant == "released" else 1.0)
    return balanced.where(known, equal)


def rebalanced_weights(
    weights: Tensor,
    previous_losses: Tensor,
    losses: Tensor,
    lambda_: float,
    clamp: tuple[float, float] | None = None,
) -> Tensor:
    """Weights for the next period: w (1 - λ ΔP/P), P the share of a loss in the total (lee2020, eq. 11).

    λ = 0 keeps the weights, λ = 1 keeps each contribution w P, and the total is the same under new and old weights.

    Args:
        weights: ``(K,)`` in force during the period.
        previous_losses: ``(K,)`` means of the period before.
        losses: ``(K,)`` means of the period.
        lambda_: λ; above 0 favors losses that fall quickly.
        clamp: bounds of the factor w'/w: (0.5, 2) in the authors' code, absent in the paper. It gives up the exact
            conservation of the total; without it a large λ can turn a weight negative.

    Returns:
        ``(K,)``. A loss that is 0 or unknown (NaN) in either period keeps its weight and is left out of the totals.
    """
    known = (losses > 0) & (previous_losses > 0)
    now, before = losses.where(known, 1.0), previous_losses.where(known, 1.0)
    share = weights.where(known, 0.0)
    # P(t-1)/P(t), both totals under the weights in force.
    ratio = (before / (share * before).sum()) * ((share * now).sum() / now)
    factor = 1 + lambda_ * (ratio - 1)
    if clamp is not None:
        factor = factor.clamp(*clamp)
    return (weights * factor).where(known, weights)


class ConstantLambda:
    """The same λ always."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, epoch: int) -> float:
        """λ of an epoch."""
        return self.value


class LinearLambda:
    """λ on a line from ``start`` in the first epoch to ``end`` in the epoch number ``epochs``, and so on from there.

    lee2020 goes from 3 to -3 "until the fifth epoch": 3, 1.5, 0, -1.5, -3, -3, ...; its code has the same steps.
    """

    def __init__(self, start: float = 3.0, end: float = -3.0, epochs: int = 5) -> None:
        if epochs < 2:
            raise UserError(f"epochs is {epochs}, but a slope takes at least 2.")
        self.start, self.end, self.epochs = start, end, epochs

    def __call__(self, epoch: int) -> float:
        """λ of an epoch."""
        return self.start + (self.end - self.start) * min(epoch / (self.epochs - 1), 1.0)


class SteppedLambda:
    """``start`` plus ``step`` per epoch, not below (above, for a rising one) ``end``: lee2020's code."""

    def __init__(self, start: float = 3.0, step: float = -1.5, end: float = -3.0) -> None:
        self.start, self.step, self.end = start, step, end

    def __call__(self, epoch: int) -> float:
        """λ of an epoch."""
        value = self.start + self.step * epoch
        return max(value, self.end) if self.step < 0 else min(value, self.end)
