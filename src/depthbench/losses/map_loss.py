"""What every loss on maps shares: shapes checked, float32 outside autocast, holes neutral, masked means."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.maps import check_maps

T = TypeVar("T")
Variant = str
VARIANTS = ("paper", "released")  # what the text says, or what the authors' code does


class MapLoss(nn.Module):
    """A loss between two maps ``(B, C, H, W)`` of one size; subclasses implement :meth:`measure`."""

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


def at_least_float32(values: Tensor) -> Tensor:
    """At least float32: halves are widened, float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the valid pixels of the whole batch; 0 with gradient 0 where there are none."""
    if valid is None:
        return values.mean()
    return values.where(valid, 0.0).sum() / valid.sum().clamp(min=1)


def mean_per_image(values: Tensor, valid: Tensor | None) -> Tensor:
    """:func:`mean` of each image: ``(B, C, H, W) -> (B,)``."""
    if valid is None:
        return values.mean(dim=(1, 2, 3))
    return values.where(valid, 0.0).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3)).clamp(min=1)


def mean_of_images(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of per-image values ``(B,)`` over the images that have a valid pixel."""
    if valid is None:
        return values.mean()
    present = valid.flatten(1).any(dim=1)
    return values.where(present, 0.0).sum() / present.sum().clamp(min=1)


def log_difference(prediction: Tensor, target: Tensor, floor: float | None) -> Tensor:
    """D = ln d - ln g of depths in metres.

    Args:
        prediction: d.
        target: g.
        floor: predictions below it count as it, and get no gradient; None refuses predictions that are not positive.

    Raises:
        UserError: a true depth is not positive; or a prediction isn't (without a floor), or none is above the floor.
            To know, a GPU has to be waited for once.
    """
    low = prediction.detach() <= (0.0 if floor is None else floor)
    bad_target, bad_prediction = torch.stack([(target <= 0).any(), low.any() if floor is None else low.all()]).tolist()
    if bad_target:
        raise UserError(f"A log loss got a true depth of {target.min().item():.3g} m; mask it or repair the data.")
    if bad_prediction:
        raise UserError(
            f"A log loss got a predicted depth of {prediction.min().item():.3g} m; choose a depth space that is "
            "positive by construction (model.space Log or Bounded), or a loss without a logarithm."
        )
    return (prediction if floor is None else prediction.clamp(min=floor)).log() - target.log()


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
