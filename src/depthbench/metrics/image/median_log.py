"""The median error of the logarithm, which no sum over pixels gives."""

from typing import Any

import torch
from torch import Tensor

from depthbench.medians import masked_median
from depthbench.metrics.image.image_metric import ImageMetric


class MedianLogError(ImageMetric):
    """UniDepth's ``medianlog``: 100 times the size of the (lower) median of ``ln prediction - ln truth``.

    A prediction at or behind the camera makes an error of minus infinity.

    Example:
        >>> import torch
        >>> from depthbench.metrics import MedianLogError
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> metric = MedianLogError()
        >>> metric.update(1.1 * truth, truth)
        >>> round(metric.compute()["medianlog"].item(), 3)
        9.531
    """

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["medianlog"], **kwargs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        error = torch.log(prediction.double().clamp(min=0) / target.double())
        median = masked_median(error, valid, "lower").abs()
        return 100 * median[:, None], valid.flatten(1).any(1, keepdim=True)
