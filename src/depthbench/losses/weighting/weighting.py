"""Weights of the terms of a loss, and their changes from period to period."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses.map_loss import VARIANTS, Variant, check_choice
from depthbench.losses.reduction import any_image, mean_of_terms
from depthbench.losses.weighting.rebalancing import LambdaSchedule, LinearLambda, initial_weights, rebalanced_weights


class Weighting(nn.Module):
    """Turns terms ``(B, K)`` into a scalar: the weighted sum of each term's mean over the images that have it."""

    weights: Tensor

    def start(self, names: Sequence[str]) -> None:
        """Learn which terms there are; called once, by :class:`WeightedTerms`. The default: equal weights 1/K."""
        self.register_buffer("weights", torch.full((len(names),), 1 / len(names), dtype=torch.float64))

    def forward(self, terms: Tensor, present: Tensor | None = None) -> Tensor:
        """Return the loss of ``terms (B, K)``.

        Args:
            terms: per image.
            present: of the same shape: which of them exist (bool), or over how many pixels each runs (float), where
                the mean is to run over pixels and not over images.
        """
        return (self.weights.to(terms) * mean_of_terms(terms, present)).sum()

    def update(self, epoch: int, losses: Tensor) -> None:
        """Take note of a period that is over: its epoch (from 0) and the mean of each term ``(K,)``."""


class Uniform(Weighting):
    """Equal weights 1/K (lee2020, table 5 a).

    Example:
        >>> import torch
        >>> from depthbench.losses import Uniform
        >>> weighting = Uniform()
        >>> weighting.start(["D/0", "r/0"])
        >>> weighting(torch.tensor([[1.0, 3.0]]))
        tensor(2.)
    """


class Fixed(Weighting):
    """Weights by hand.

    Args:
        weights: for each term by name, or one for all terms of a kind (``D`` for ``D/0``, ``D/1``, ...).
        default: of the terms that are not named.

    Example:
        >>> import torch
        >>> from depthbench.losses import Fixed
        >>> weighting = Fixed({"D": 1.0, "r/0": 0.5})
        >>> weighting.start(["D/0", "r/0"])
        >>> weighting(torch.tensor([[1.0, 3.0]]))
        tensor(2.5000)
    """

    def __init__(self, weights: Mapping[str, float], default: float = 0.0) -> None:
        super().__init__()
        self.given, self.default = dict(weights), default

    def start(self, names: Sequence[str]) -> None:
        """Look up each term."""
        unknown = set(self.given) - set(names) - {name.split("/")[0] for name in names}
        if unknown:
            raise UserError(f"Weights are given for {', '.join(sorted(unknown))}, which this loss space doesn't have.")
        found = [self.given.get(name, self.given.get(name.split("/")[0], self.default)) for name in names]
        self.register_buffer("weights", torch.tensor(found, dtype=torch.float64))


class Rebalance(Weighting):
    """Loss rebalancing (lee2020, section 3.2): equal weights in the first period, then balanced, then eq. 11.

    Args:
        schedule: λ by epoch; by default from 3 in the first to -3 in the fifth.
        initialize: balance the contributions after the first period (the "I" of table 5).
        variant: of :func:`initial_weights`.
        clamp: of :func:`rebalanced_weights`. The authors' code has [0.5, 2], as have all of our configurations; the
            paper has none, and keeps the weighted sum of the losses exactly.

    Example:
        >>> import torch
        >>> from depthbench.losses import Rebalance
        >>> weighting = Rebalance()
        >>> weighting.start(["D/0", "r/0"])
        >>> weighting.update(epoch=0, losses=torch.tensor([1.0, 3.0]))  # the first period is over
        >>> weighting.weights  # both now contribute equally
        tensor([2.0000, 0.6667], dtype=torch.float64)
    """

    previous: Tensor
    periods: Tensor

    def __init__(
        self,
        schedule: LambdaSchedule | None = None,
        initialize: bool = True,
        variant: Variant = "paper",
        clamp: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.schedule = schedule or LinearLambda()
        self.initialize = initialize
        self.variant = check_choice("variant", variant, VARIANTS)
        self.clamp: tuple[float, float] | None = None
        if clamp is not None:
            if len(clamp) != 2 or not clamp[0] <= 1 <= clamp[1]:
                raise UserError(f"clamp is {list(clamp)}, but must be two bounds around 1, such as [0.5, 2].")
            self.clamp = (clamp[0], clamp[1])

    def start(self, names: Sequence[str]) -> None:
        """Equal weights, and room for the losses of the last period."""
        super().start(names)
        self.register_buffer("previous", torch.full((len(names),), math.nan, dtype=torch.float64))
        self.register_buffer("periods", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, epoch: int, losses: Tensor) -> None:
        """Set the weights of the next period."""
        losses = losses.to(self.weights)
        if self.periods > 0:
            lambda_ = self.schedule(epoch)
            self.weights.copy_(rebalanced_weights(self.weights, self.previous, losses, lambda_, self.clamp))
        elif self.initialize:
            self.weights.copy_(initial_weights(losses, self.variant))
        # A term that was absent keeps its last known value to be compared with.
        self.previous.copy_(losses.where(losses.isfinite(), self.previous))
        self.periods += 1


class Uncertainty(Weighting):
    """Learned weights exp(-s), with s as a penalty: the task weighting of Kendall, Gal and Cipolla 2018.

    lee2020 compares with it in table 5 (e); its code doesn't have it. The s start at 0 and are parameters of the loss:
    the optimizer must get them too.

    Example:
        >>> import torch
        >>> from depthbench.losses import Uncertainty
        >>> weighting = Uncertainty()
        >>> weighting.start(["D/0", "r/0"])
        >>> weighting(torch.tensor([[1.0, 3.0]])).item()
        4.0
    """

    log_variance: nn.Parameter

    def start(self, names: Sequence[str]) -> None:
        """One s per term."""
        self.log_variance = nn.Parameter(torch.zeros(len(names)))

    @property
    def weights(self) -> Tensor:  # type: ignore[override]
        """exp(-s), ``(K,)``."""
        return torch.exp(-self.log_variance.detach())

    def forward(self, terms: Tensor, present: Tensor | None = None) -> Tensor:
        """Return Σ exp(-s) L + s over the terms that some image of the batch has."""
        seen = torch.ones_like(terms[0], dtype=torch.bool) if present is None else any_image(present > 0)
        s = self.log_variance.to(terms.dtype)
        return (torch.exp(-s) * mean_of_terms(terms, present) + s).where(seen, 0.0).sum()
