"""Losses made of named parts, which report the value of each part."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses.map_loss import left_open, set_reduction
from depthbench.losses.period_means import PeriodMeans, PeriodSummary, Reduce
from depthbench.losses.reduction import OVER_IMAGES, Reduction, check_reduction, mean_of_terms
from depthbench.losses.space.loss_space import LossSpace
from depthbench.losses.weighting.weighting import Weighting
from depthbench.maps import at_least_float32
from depthbench.output_kinds import DETERMINED, LeftOpen


class WeightedSum(nn.Module):
    """Σ weight · loss.

    Args:
        terms: by name, each with a ``weight`` and a ``loss`` (a module ``(prediction, target, valid) -> scalar``).
        reduction: of all terms; None leaves each its own.

    Attributes:
        parts: after each call, the value of each loss before its weight (detached).
        names: of the terms.

    Example:
        >>> import torch
        >>> from depthbench.losses import L1, L2, WeightedSum
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> loss = WeightedSum({"l1": {"weight": 1, "loss": L1()}, "l2": {"weight": 0.1, "loss": L2()}})
        >>> loss(prediction, target)
        tensor(0.4062)
        >>> loss.parts
        {'l1': tensor(0.3750), 'l2': tensor(0.3125)}
    """

    def __init__(self, terms: Mapping[str, Mapping[str, Any]], reduction: Reduction | None = None) -> None:
        super().__init__()
        if not terms:
            raise UserError("A weighted sum needs at least one term.")
        for name, term in terms.items():
            if set(term) != {"weight", "loss"}:
                raise UserError(f"The term {name} must have exactly the keys weight and loss, not {sorted(term)}.")
        self.names = list(terms)
        self.weights = {name: float(term["weight"]) for name, term in terms.items()}
        self.losses = nn.ModuleDict({name: term["loss"] for name, term in terms.items()})
        self.meter = PeriodMeans(len(self.names))
        self.parts: dict[str, Tensor] = {}
        if reduction is not None:
            set_reduction(self, reduction)

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Changes that no term sees; terms of weight 0 do not count."""
        terms = [left_open(self.losses[name]) for name in self.names if self.weights[name]]
        return frozenset.intersection(*terms) if terms else DETERMINED

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """The sum; it takes the arguments of its terms."""
        values = {name: loss(prediction, target, valid) for name, loss in self.losses.items()}
        self.parts = {name: value.detach() for name, value in values.items()}
        if self.training:
            stacked = torch.stack([self.parts[name] for name in self.names])
            self.meter.add(stacked.expand(len(prediction), -1))  # a batch counts by its images
        return torch.stack([self.weights[name] * value for name, value in values.items()]).sum()

    def end_period(self, epoch: int, reduce: Reduce | None = None) -> PeriodSummary:
        """End a period: the mean of each term, from sums over all images (and processes, by ``reduce``)."""
        number, losses = self.meter.close(reduce)
        return PeriodSummary(number, self.names, losses, losses.new_tensor(list(self.weights.values())))


class WeightedTerms(nn.Module):
    """A loss space under a weighting (lee2020, eq. 2).

    Args:
        space: the terms.
        weighting: how they are weighted.
        reduction: ``image``: a term is its mean over the images that have it, each by its own pixels; ``pixel``: over
            all pixels of the batch. Periods are counted by images in any case.

    Attributes:
        parts: after each call, the mean of each term, before its weight (detached).
        names: of the terms.

    Example:
        >>> import torch
        >>> from depthbench.losses import LossSpace, Rebalance, WeightedTerms
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> loss = WeightedTerms(LossSpace(kinds=["D", "r", "c"], scales=[0]), Rebalance())
        >>> loss(prediction, target)
        tensor(0.6250)
        >>> loss.names
        ['D/0', 'r/0', 'c/0']
        >>> loss.end_period(epoch=0).losses
        tensor([0.3750, 0.7500, 0.7500], dtype=torch.float64)
    """

    reductions = OVER_IMAGES

    def __init__(self, space: LossSpace, weighting: Weighting, reduction: Reduction = "image") -> None:
        super().__init__()
        self.reduction = check_reduction(reduction, self.reductions)
        self.space, self.weighting = space, weighting
        self.names = list(space.names)
        weighting.start(self.names)
        self.meter = PeriodMeans(len(self.names))
        self.parts: dict[str, Tensor] = {}

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Changes that no term sees; terms of weight 0 do not count."""
        weights = self.weighting.weights.tolist()
        return self.space.left_open([name for name, weight in zip(self.names, weights, strict=True) if weight])

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the weighted sum of the reduced terms; arguments as of :class:`LossSpace`."""
        terms, counts = self.space.with_counts(prediction, target, valid)
        if self.training:
            self.meter.add(terms, counts > 0)
        weights = counts > 0 if self.reduction == "image" else counts
        self.parts = dict(zip(self.names, mean_of_terms(terms.detach(), weights).unbind(), strict=True))
        with torch.autocast(terms.device.type, enabled=False):
            value: Tensor = self.weighting(at_least_float32(terms), weights)
        return value

    def end_period(self, epoch: int, reduce: Reduce | None = None) -> PeriodSummary:
        """End a period, and let the weighting take note of it.

        Args:
            epoch: from 0.
            reduce: sums a tensor over all processes.

        Returns:
            The means of the period and the weights that were in force in it.
        """
        number, losses = self.meter.close(reduce)
        trace = PeriodSummary(number, self.names, losses, self.weighting.weights.detach().clone())
        self.weighting.update(epoch, losses)
        return trace
