"""Optimization of a network: an optimizer and a schedule of its learning rate over the whole training."""

import fnmatch
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from depthbench.errors import UserError
from depthbench.models import parameter_groups

Schedule = Callable[[float], float]
Continued = Literal["restart", "stretch", "hold"]


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
        factors: on the learning rate, by names of parts of the network (``decoder``) or patterns of parameter names
            (``*.bias``); of several that match, the first holds. 0 freezes. Not together with ``encoder_factor``.
        begun: steps that were done before a finished training goes on.
        continued: its schedule from there: ``restart`` goes through it over the added steps, ``stretch`` is where it
            would be had all steps been planned from the beginning, ``hold`` stays at its end.

    Raises:
        UserError: if a factor is negative, or both kinds of factors are given.
    """

    optimizer: Callable[[Iterable[Any]], Optimizer]
    schedule: Schedule
    encoder_factor: float = 1.0
    factors: Mapping[str, float] | None = None
    begun: int = 0
    continued: Continued = "restart"

    def __post_init__(self) -> None:
        if self.encoder_factor < 0:
            raise UserError(f"optim.encoder_factor is {self.encoder_factor}, but must not be negative.")
        for pattern, factor in (self.factors or {}).items():
            if factor < 0:
                raise UserError(f"optim.factors has {factor} for {pattern}, but a factor must not be negative.")
        if self.factors and self.encoder_factor != 1:
            raise UserError("optim.factors and optim.encoder_factor can't go together; name the encoder in factors.")

    def after(self, steps: int, continued: Continued) -> Self:
        """This optimization for a training that goes on after ``steps`` steps."""
        return replace(self, begun=steps, continued=continued)

    def groups(self, net: nn.Module, loss: nn.Module) -> list[Any]:
        """Trainable parameters of a network and its loss, in groups if the encoder has its own rate.

        Raises:
            UserError: if they should, but there is no encoder, or no rate to take a share of.
        """
        if self.encoder_factor == 1 and not self.factors:
            return trainable(net) + trainable(loss)
        rate = getattr(self.optimizer, "keywords", {}).get("lr")
        if rate is None:
            raise UserError("Factors on the learning rate need optim.optimizer.lr, which is not given.")
        if self.factors:
            groups = groups_by_name(net, rate, self.factors)
        else:
            groups = parameter_groups(net, rate, self.encoder_factor)
        return [*groups, {"params": trainable(loss)}] if trainable(loss) else groups

    def build(self, parameters: Iterable[Any], steps: int) -> tuple[Optimizer, LambdaLR]:
        """The optimizer and a scheduler to be stepped after each of ``steps`` optimizer steps."""
        optimizer = self.optimizer(parameters)

        def factor(step: int) -> float:  # a plain function: torch keeps no trace of it in checkpoints
            return self.schedule(self._progress(step, steps))

        return optimizer, LambdaLR(optimizer, factor)

    def _progress(self, step: int, steps: int) -> float:
        """The share of the schedule at a step."""
        if not self.begun or self.continued == "stretch":
            return step / max(1, steps)
        if self.continued == "hold":
            return 1.0
        return (step - self.begun) / max(1, steps - self.begun)


def groups_by_name(net: nn.Module, lr: float, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    """Groups of an optimizer, one for each factor on the learning rate; frozen parameters are left out.

    Args:
        net: the network.
        lr: its learning rate.
        factors: by patterns of parameter names; parameters that none matches have factor 1, those with 0 are frozen.

    Raises:
        UserError: if a pattern matches no parameter, or nothing is left to train.
    """
    by_factor: dict[float, list[nn.Parameter]] = {}
    used = set()
    for name, parameter in net.named_parameters():
        pattern = next((one for one in factors if fnmatch.fnmatchcase(name, one) or name.startswith(f"{one}.")), None)
        used.add(pattern)
        factor = 1.0 if pattern is None else float(factors[pattern])
        if factor == 0:
            parameter.requires_grad_(False)
        elif parameter.requires_grad:
            by_factor.setdefault(factor, []).append(parameter)
    for pattern in factors:
        if pattern not in used:
            tops = ", ".join(sorted({name.partition(".")[0] for name, _ in net.named_parameters()}))
            raise UserError(f"optim.factors: {pattern} matches no parameter of the network; try one of {tops}.")
    if not by_factor:
        raise UserError("optim.factors freezes all parameters; there is nothing to train.")
    return [{"params": found, "lr": lr * factor} for factor, found in by_factor.items()]


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
