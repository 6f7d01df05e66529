"""The standard metrics as torchmetrics classes over one shared state."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from depthbench.errors import UserError
from depthbench.metrics import functional
from depthbench.metrics.pixel_sums import COLUMNS, EXTENDED_COLUMNS, masked_sums

REDUCTIONS = ("image", "pixel", "mse_image")
_STATES = ("sums", "means", "scores", "images")

States = tuple[Tensor, Tensor, Tensor, Tensor]
"""Sums over images of sums, of per-image means and of per-image scores; images counted, and without a valid pixel."""


def batch_states(sums: Tensor, scores: Tensor | None = None) -> States:
    """Sums of a batch for the state of :class:`DepthMetric`; any number of protocols at once.

    Args:
        sums: ``masked_sums`` ``(..., B, S)``.
        scores: of each image ``(..., B, SCORES)``, where they are already there.

    Example:
        >>> import torch
        >>> from depthbench.metrics.scores import batch_states
        >>> sums = torch.tensor([[4.0] * 12, [0.0] * 12])  # the second image has no valid pixel
        >>> [state[0].item() for state in batch_states(sums)]
        [4.0, 1.0, 1.0, 1]
    """
    counted = sums[..., :1] > 0
    if scores is None:
        scores = torch.stack(list(functional.read_out(sums).values()), -1)
    return (
        sums.sum(-2),
        torch.where(counted, functional.means(sums), 0.0).sum(-2),
        torch.where(counted, scores, 0.0).sum(-2),
        torch.cat([counted.sum(-2), (~counted).sum(-2)], -1),
    )


def _pooled(sums: Tensor, means: Tensor, reduction: str) -> Tensor:
    """Sums over all images from which a score is read: of all pixels, or with each image weighing the same."""
    return sums if reduction == "pixel" else functional.of_pixels(means, sums[0])


def read_states(states: Sequence[Tensor], reduction: str = "image") -> dict[str, Tensor]:
    """Every score of a state and the counts of :class:`DepthScores`.

    Args:
        states: :data:`States` of one protocol, each ``(N,)``.
        reduction: as for :class:`DepthMetric`.

    Example:
        >>> import torch
        >>> from depthbench.metrics.scores import batch_states, read_states
        >>> found = read_states(batch_states(torch.tensor([[4.0] * 12, [0.0] * 12])))
        >>> found["AbsRel"].item(), int(found["images"]), int(found["images_empty"])
        (1.0, 1, 1)
    """
    sums, means, scores, (counted, empty) = states
    definitions = functional.scores_by_columns(len(sums))
    if reduction == "image":
        found = dict(zip(definitions, scores / counted, strict=True))
    else:
        pooled = _pooled(sums, means, reduction)
        found = {name: score(pooled) for name, score in definitions.items()}
    return found | {"images": counted, "images_empty": empty, "pixels": sums[0], "nonfinite": sums[1]}


class DepthMetric(Metric):
    """The state that all standard metrics read: sums of sums, of per-image means and of per-image scores.

    ``update(prediction, target, valid=None)`` takes maps ``(B, 1, H, W)`` in metres; see
    :func:`~depthbench.metrics.pixel_sums.masked_sums`. Nothing waits for the device before ``compute``. States are
    float64 sums, which stay float64 under ``.half()``, are exact over any number of processes, and are shared
    between the metrics of a ``MetricCollection``.

    An image without a valid pixel is counted but not averaged in. If no image has one, the result is NaN.

    Args:
        reduction: ``image``: mean of per-image scores (BTS, AdaBins, Lee and Kim); ``pixel``: all valid pixels of all
            images pooled (DenseDepth, FCRN); ``mse_image``: read from the mean of per-image means, so that RMSE is
            the root of the mean MSE (Hu 2019).
        strict: delta with ``<``; False for ``<=``.
        extended: whether the sums of ``functional.EXTENDED_SCORES`` are taken, too.
        **kwargs: torchmetrics options.

    Raises:
        UserError: for an unknown reduction.

    Example:
        Several metrics in a collection share one pass over the pixels:

        >>> import torch
        >>> from torchmetrics import MetricCollection
        >>> from depthbench.metrics import AbsRel, Delta
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metrics = MetricCollection([AbsRel(), Delta()])
        >>> metrics.update(prediction, truth)
        >>> {name: round(value.item(), 4) for name, value in metrics.compute().items()}
        {'AbsRel': 0.2333, 'Delta': 0.3333}
    """

    is_differentiable = False
    higher_is_better: bool | None = False
    full_state_update = False

    def __init__(self, reduction: str = "image", strict: bool = True, extended: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if reduction not in REDUCTIONS:
            raise UserError(f"Unknown reduction '{reduction}'; choose one of {', '.join(REDUCTIONS)}.")
        self.reduction = reduction
        self.strict, self.extended = strict, extended
        # A MetricCollection merges states that are equal after the first batch, as strict and inclusive ones may be
        # by chance; different names keep them apart.
        self._suffix = "" if strict else "_inclusive"
        columns = len(EXTENDED_COLUMNS if extended else COLUMNS)
        self._scores = functional.scores_by_columns(columns)
        widths = (columns, columns, len(self._scores), 2)
        for name, width in zip(_STATES, widths, strict=True):
            self.add_state(name + self._suffix, torch.zeros(width, dtype=torch.float64), dist_reduce_fx="sum")

    def state(self, name: str) -> Tensor:
        """One of ``sums``, ``means``, ``scores``, ``images`` (counted, without a valid pixel)."""
        found: Tensor = getattr(self, name + self._suffix)
        return found

    def update(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Add a batch."""
        self.add(masked_sums(prediction, target, valid, strict=self.strict, extended=self.extended))

    def per_image(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
        """Scores of each image ``(B,)`` with this metric's comparison (NaN without a valid pixel); no state changes."""
        return functional.per_image(prediction, target, valid, strict=self.strict, extended=self.extended)

    @torch.no_grad()
    def add(self, sums: Tensor, scores: Tensor | None = None) -> None:
        """Add a batch whose ``masked_sums`` ``(B, S)`` are already there, perhaps also its scores ``(B, SCORES)``."""
        self._computed = None
        self._update_count = max(self._update_count, 1)
        for name, addition in zip(_STATES, batch_states(sums, scores), strict=True):
            setattr(self, name + self._suffix, self.state(name) + addition)

    def read(self, name: str) -> Tensor:
        """The score of this name (a key of ``functional.SCORES``) under this metric's reduction."""
        if self.reduction == "image":
            return self.state("scores")[list(self._scores).index(name)] / self.state("images")[0]
        return self._scores[name](_pooled(self.state("sums"), self.state("means"), self.reduction))


class DepthScores(DepthMetric):
    """All standard scores from one state; arguments as for :class:`DepthMetric`.

    Example:
        >>> import torch
        >>> from depthbench.metrics import DepthScores
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = DepthScores(reduction="pixel")
        >>> metric.update(prediction, truth)
        >>> scores = metric.compute()
        >>> round(scores["AbsRel"].item(), 4), int(scores["images"]), int(scores["pixels"])
        (0.2333, 1, 3)
    """

    higher_is_better = None

    def compute(self) -> dict[str, Tensor]:
        """Every score of ``functional.SCORES``, extended ones where asked for; ``images`` averaged, ``images_empty``
        without a valid pixel, ``pixels`` and ``nonfinite`` (valid pixels whose relative error is NaN or infinite).
        """  # noqa: D205
        return read_states([self.state(name) for name in _STATES], self.reduction)


class SingleScore(DepthMetric):
    """One score."""

    score: str

    def compute(self) -> Tensor:
        """The score, a float64 scalar."""
        return self.read(self.score)


class Delta(SingleScore):
    """Share of pixels with ``max(p / t, t / p) < 1.25^power``; further arguments as for :class:`DepthMetric`.

    Example:
        >>> import torch
        >>> from depthbench.metrics import Delta
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = Delta(power=1)
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.3333
    """

    higher_is_better = True

    def __init__(self, power: int = 1, reduction: str = "image", strict: bool = True, **kwargs: Any) -> None:
        super().__init__(reduction, strict, **kwargs)
        if power not in (1, 2, 3):
            raise UserError(f"Delta exists for the powers 1, 2 and 3, not {power}.")
        self.score = f"delta{power}"


class AbsRel(SingleScore):
    """Mean of ``|p - t| / t``.

    Example:
        >>> import torch
        >>> from depthbench.metrics import AbsRel
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = AbsRel()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.2333
    """

    score = "AbsRel"


class SqRel(SingleScore):
    """Mean of ``(p - t)^2 / t`` (``usual``) or ``(p - t)^2 / t^2`` (``textbook``).

    Example:
        >>> import torch
        >>> from depthbench.metrics import SqRel
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = SqRel(definition="textbook")
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.0967
    """

    def __init__(self, definition: str = "usual", reduction: str = "image", strict: bool = True, **kwargs: Any) -> None:
        super().__init__(reduction, strict, **kwargs)
        functional.definition_of(functional.SQ_REL, definition, "SqRel")
        self.score = "SqRel" if definition == "usual" else f"SqRel_{definition}"


class RMSE(SingleScore):
    """Root of the mean squared error: √(mean((p - t)²)), metres.

    Example:
        >>> import torch
        >>> from depthbench.metrics import RMSE
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = RMSE(reduction="pixel")
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.8165
    """

    score = "RMSE"


class RMSELog(SingleScore):
    """Root of the mean squared difference of natural logarithms: √(mean(L²)), L = ln p - ln t.

    Example:
        >>> import torch
        >>> from depthbench.metrics import RMSELog
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = RMSELog()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.2672
    """

    score = "RMSElog"


class RMSESI(SingleScore):
    """RMSElog with the global scale removed (Lee and Kim 2020): √(mean(L²) - mean(L)²), L = ln p - ln t.

    Example:
        >>> import torch
        >>> from depthbench.metrics import RMSESI
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = RMSESI()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.2602
    """

    score = "RMSE_si"


class Log10(SingleScore):
    """Mean absolute difference of decimal logarithms: mean |log10 p - log10 t|.

    Example:
        >>> import torch
        >>> from depthbench.metrics import Log10
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = Log10()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.091
    """

    score = "log10"


class SILog(SingleScore):
    """Scale-invariant error of the logarithm (Eigen et al. 2014): 100 √(mean(L²) - mean(L)²), L = ln p - ln t.

    Args:
        definition: a key of ``functional.SILOG``; ``bts`` is the formula above.
        reduction: as for :class:`DepthMetric`.
        strict: as for :class:`DepthMetric`.
        **kwargs: of torchmetrics.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SILog
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = SILog(definition="eigen2014")
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.0696
    """

    def __init__(self, definition: str = "bts", reduction: str = "image", strict: bool = True, **kwargs: Any) -> None:
        super().__init__(reduction, strict, **kwargs)
        functional.definition_of(functional.SILOG, definition, "SILog")
        self.score = "SILog" if definition == "bts" else f"SILog_{definition}"
