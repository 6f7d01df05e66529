"""The base of the losses on maps: shapes checked, float32 outside autocast, holes neutral, one reduction."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses.across_processes import global_max
from depthbench.losses.reduction import REDUCERS, Reducer, Reduction, check_reduction, reducer
from depthbench.maps import at_least_float32, check_maps
from depthbench.output_kinds import DETERMINED, LeftOpen

T = TypeVar("T")
Variant = str
VARIANTS = ("paper", "released")  # as in the text, or as in the authors' code


class MapLoss(nn.Module):
    """A loss between two maps ``(B, C, H, W)`` of one size; subclasses implement :meth:`measure`.

    Args:
        reduction: ``pixel``, ``image`` or ``holes_as_zero_error``; see :mod:`depthbench.losses.reduction`. Also a class
            of one's own, made as :class:`~depthbench.losses.reduction.Reducer` is.

    Example:
        >>> import torch
        >>> class Absolute(MapLoss):
        ...     def measure(self, prediction, target, valid):
        ...         return self.reduce((prediction - target).abs(), valid)
        >>> Absolute()(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
        tensor(1.)
    """

    reductions: tuple[str, ...] = tuple(REDUCERS)

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Changes of a perfect prediction that the loss does not see; the kind of output and its scores depend on them.

        A subclass that ignores scale or shift says so; :class:`~depthbench.testing.LossChecks` tries it.
        """
        return DETERMINED

    def __init__(self, reduction: Reduction = "pixel") -> None:
        super().__init__()
        self.reduction = check_reduction(reduction, self.reductions)

    def over(self, like: Tensor, valid: Tensor | None) -> Reducer:
        """The reducer of maps of this shape and mask."""
        return reducer(self.reduction)(like, valid)

    def reduce(self, values: Tensor, valid: Tensor | None) -> Tensor:
        """The scalar of an error map."""
        return self.over(values, valid)(values)

    def over_sums(self, totals: Tensor, counts: Tensor | int) -> Tensor:
        """The scalar of errors that are summed per image, ``(B,)``, over ``counts`` pixels each."""
        return reducer(self.reduction).of_sums(totals, counts)

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the scalar loss.

        Args:
            prediction: ``(B, C, H, W)``, metres (or the network's space, where the configuration says so).
            target: same shape and unit.
            valid: bool mask of the same shape; None means that all pixels count.

        Raises:
            UserError: shapes differ, or a value is impossible for this loss.
        """
        return in_float32(self.measure, prediction, target, valid)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """The arithmetic of the loss on maps prepared by :func:`in_float32`: a scalar."""
        raise NotImplementedError


def left_open(loss: nn.Module) -> frozenset[LeftOpen]:
    """Changes that a loss does not see (:attr:`MapLoss.leaves_open`); none where it does not declare any."""
    found: frozenset[LeftOpen] = getattr(loss, "leaves_open", DETERMINED)
    return found


def set_reduction(loss: nn.Module, reduction: Reduction) -> None:
    """Set the reduction of a loss and of all losses inside it.

    Raises:
        UserError: if a part can't be reduced so.
    """
    for part in loss.modules():
        allowed: tuple[str, ...] | None = getattr(part, "reductions", None)
        if allowed is not None:
            part.reduction = check_reduction(reduction, allowed)  # type: ignore[assignment]


def in_float32(
    measure: Callable[[Tensor, Tensor, Tensor | None], T], prediction: Tensor, target: Tensor, valid: Tensor | None
) -> T:
    """Call ``measure`` with checked maps in float32 (float64 stays), autocast off, every hole filled with 1.

    The error of a hole is then exactly zero, and no log, root or quotient can overflow there.
    """
    check_maps(prediction, target, valid)
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, target = at_least_float32(prediction), at_least_float32(target)
        if valid is not None:
            prediction, target = prediction.where(valid, 1.0), target.where(valid, 1.0)
        return measure(prediction, target, valid)


def log_difference(prediction: Tensor, target: Tensor, min_prediction: float | None) -> Tensor:
    """D = ln d - ln g of depths in metres.

    Args:
        prediction: d.
        target: g.
        min_prediction: metres; predictions below it count as it, and get no gradient. None refuses predictions that
            are not positive.

    Raises:
        UserError: a true depth is not positive; or a prediction isn't (without ``min_prediction``), or none is
            above it. To know, a GPU has to be waited for once.
    """
    lowest = 0.0 if min_prediction is None else min_prediction
    low = prediction.detach() <= lowest
    # All processes refuse together: one that waits for the others would wait for ever.
    flags = torch.stack([(target <= 0).any(), low.any(), (~low).any()])
    bad_target, any_low, any_above = global_max(flags).tolist()
    bad_prediction = any_low if min_prediction is None else not any_above
    if bad_target:
        raise UserError(f"A log loss got a true depth of {smallest(target):.3g} m; mask it or repair the data.")
    if bad_prediction:
        raise UserError(
            f"A log loss got a predicted depth of {smallest(prediction):.3g} m; choose a depth space that is "
            "positive by construction (LogDepth or TanhDepth), or a loss without a logarithm."
        )
    return (prediction if min_prediction is None else prediction.clamp(min=min_prediction)).log() - target.log()


def smallest(values: Tensor) -> float:
    """The smallest value in the batches of all processes."""
    least = values.detach().min() if values.numel() else values.new_tensor(torch.inf)
    return -global_max(-least).item()


def any_of_batch(mask: Tensor) -> bool:
    """Whether an element is true in the batch of any process; a GPU has to be waited for once."""
    return bool(global_max(mask.any()))


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise a :class:`UserError` that names them."""
    if value not in allowed:
        raise UserError(f"{name} is {value!r}, but must be one of: {', '.join(allowed)}.")
    return value


def check_fraction(name: str, value: float) -> float:
    """Return ``value`` if it lies between 0 and 1, else raise a :class:`UserError`."""
    if not 0 <= value <= 1:
        raise UserError(f"{name} is {value}, but must lie between 0 and 1.")
    return value


def check_positive(name: str, value: float) -> float:
    """Return ``value`` if it is above zero, else raise a :class:`UserError`."""
    if not value > 0:
        raise UserError(f"{name} is {value}, but must be above 0.")
    return value
