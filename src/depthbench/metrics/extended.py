"""Scores of pixels beyond the standard ones as torchmetrics classes; all of them: ``DepthScores(extended=True)``."""

from typing import Any

from depthbench.metrics import functional
from depthbench.metrics.pixel_pass import FINE_POWERS
from depthbench.metrics.scores import SingleScore


class _Extended(SingleScore):
    """One score of the extended sums."""

    def __init__(self, reduction: str = "image", strict: bool = True, **kwargs: Any) -> None:
        super().__init__(reduction, strict, extended=True, **kwargs)


class MAE(_Extended):
    """Mean absolute error, metres.

    Example:
        >>> import torch
        >>> from depthbench.metrics import MAE
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = MAE()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.6667
    """

    score = "MAE"


class InverseMAE(_Extended):
    """iMAE: mean absolute error of inverse depth, 1/km (KITTI's server, MDEC).

    Example:
        >>> import torch
        >>> from depthbench.metrics import InverseMAE
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = InverseMAE()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        72.2222
    """

    score = "iMAE"


class InverseRMSE(_Extended):
    """iRMSE: root mean squared error of inverse depth, 1/km (KITTI's server, MDEC; Marigold's in 1/m).

    Example:
        >>> import torch
        >>> from depthbench.metrics import InverseRMSE
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = InverseRMSE()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        100.4619
    """

    score = "iRMSE"


class LogMAE(_Extended):
    """100 times the mean absolute difference of natural logarithms (MDEC).

    Example:
        >>> import torch
        >>> from depthbench.metrics import LogMAE
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = LogMAE()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        20.9536
    """

    score = "LogMAE"


class FineDelta(_Extended):
    """Share of pixels whose ratio is below 1.25^0.5 (``delta0.5``), 1.25^0.125 (``delta0.125``) or 1.03 (``tau``).

    Example:
        >>> import torch
        >>> from depthbench.metrics import FineDelta
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = FineDelta("tau")
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.3333
    """

    higher_is_better = True

    def __init__(self, which: str = "delta0.5", reduction: str = "image", strict: bool = True, **kwargs: Any) -> None:
        super().__init__(reduction, strict, **kwargs)
        self.score = functional.definition_of({name: name for name in FINE_POWERS}, which, "FineDelta")


class DeltaAUC(_Extended):
    """Area under delta over its exponent (UniDepth's ``d_auc``), see :func:`~functional.delta_auc`.

    Example:
        >>> import torch
        >>> from depthbench.metrics import DeltaAUC
        >>> truth = torch.tensor([[2.0, 4.0], [5.0, 0.0]]).reshape(1, 1, 2, 2)  # metres, 0 = missing
        >>> prediction = torch.tensor([[3.0, 4.0], [4.0, 9.0]]).reshape(1, 1, 2, 2)
        >>> metric = DeltaAUC()
        >>> metric.update(prediction, truth)
        >>> round(metric.compute().item(), 4)
        0.8132
    """

    higher_is_better = True
    score = "d_auc"
