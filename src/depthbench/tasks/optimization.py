"""How a network is optimized: an optimizer and a schedule of its learning rate over the whole training."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from depthbench.errors import UserError
from depthbench.models import parameter_groups

Schedule = Callable[[float], float]


@dataclass
class Constant:
    """The learning rate as it is (carvalho2018, lee2020)."""

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at a share of training in [0, 1]."""
        return 1.0


@dataclass
class OneCycle:
    """Cosine up from ``1 / start`` of the learning rate to all of it, then cosine down to ``1 / end``."""

    warmup: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at a share of training in [0, 1]."""
        if progress < self.warmup:
            return _cosine(1 / self.start, 1.0, progress / self.warmup)
        return _cosine(1.0, 1 / self.end, (progress - self.warmup) / (1 - self.warmup))


@dataclass
class Steps:
    """Multiply by ``factor`` at each of the given shares of training (mehrzadeh2020: x0.1 at epoch ends)."""

    at: tuple[float, ...] = (0.5,)
    factor: float = 0.1

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at a share of training in [0, 1]."""
        return float(self.factor ** sum(progress >= share for share in self.at))


@dataclass
class Polynomial:
    """``(1 - progress) ** power`` down to a share ``end`` of the learning rate (BTS: 0.9 and 0.1)."""

    power: float = 0.9
    end: float = 0.1

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at a share of training in [0, 1]."""
        return float((1 - self.end) * (1 - min(progress, 1.0)) ** self.power + self.end)


def _cosine(a: float, b: float, share: float) -> float:
    return b + (a - b) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


@dataclass
class Optimization:
    """An optimizer and its schedule.

    Attributes:
        optimizer: given parameters, makes the optimizer (a partial of a ``torch.optim`` class).
        schedule: the factor on the learning rate as a function of the share of training done.
        encoder_factor: on the learning rate of encoders, for weights that have been trained before; all five papers
            have one rate for everything.

    Raises:
        UserError: if the factor is negative.
    """

    optimizer: Callable[[Iterable[Any]], Optimizer]
    schedule: Schedule
    encoder_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.encoder_factor < 0:
            raise UserError(f"optim.encoder_factor is {self.encoder_factor}, but must not be negative.")

    def groups(self, net: nn.Module, loss: nn.Module) -> list[Any]:
        """What is to be optimized of a network and its loss; in groups where encoders have a rate of their own.

        Raises:
            UserError: if they should, but there is no encoder, or no rate to take a share of.
        """
        if self.encoder_factor == 1:
            return trainable(net) + trainable(loss)
        rate = getattr(self.optimizer, "keywords", {}).get("lr")
        if rate is None:
            raise UserError("optim.encoder_factor is a factor on optim.optimizer.lr, which is not given.")
        groups = parameter_groups(net, rate, self.encoder_factor)
        return [*groups, {"params": trainable(loss)}] if trainable(loss) else groups

    def build(self, parameters: Iterable[Any], steps: int) -> tuple[Optimizer, LambdaLR]:
        """The optimizer and a scheduler to be stepped after each of ``steps`` optimizer steps."""
        optimizer = self.optimizer(parameters)

        def factor(step: int) -> float:  # a plain function: torch keeps no trace of it in checkpoints
            return self.schedule(step / max(1, steps))

        return optimizer, LambdaLR(optimizer, factor)


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
