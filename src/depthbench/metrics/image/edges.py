"""Are depth edges where they should be: precision, recall and F1 (Hu et al. 2019; Alhashim and Wonka 2018)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import sobel, whole_neighborhood
from depthbench.metrics.image.image_metric import ImageMetric, count, inside_border, share


def edge_strength(depth: Tensor) -> Tensor:
    """Magnitude of the Sobel gradient, not normalized: metres, 4 times a step's height next to it."""
    dx, dy = sobel(depth)
    return (dx**2 + dy**2).sqrt()


class EdgeScores(ImageMetric):
    """Precision, recall and F1 of the pixels whose Sobel magnitude exceeds a threshold, per image, then averaged.

    Hu 2019 uses thresholds of 0.25, 0.5 and 1; Alhashim and Wonka 2018 use 0.5 (their code is not public).
    Precision is left out where nothing is predicted, recall where the truth has no edge, F1 where both; F1 is 0 where
    only one has edges. (Hu's code is NaN in all these.)

    Args:
        thresholds: metres, of the un-normalized magnitude; each gives ``edge_precision_0.5`` and so on.
        border: False: pixels whose 3x3 neighborhood is not wholly valid and inside the map are left out; True: only
            holes are, and the frame counts with zeros around it, as in Hu's released code.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import EdgeScores
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)  # a step of one metre
        >>> prediction = truth.roll(1, -1)  # a pixel to the right
        >>> metric = EdgeScores([0.5])
        >>> metric.update(prediction[..., 2:], truth[..., 2:])
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'edge_precision_0.5': 0.5, 'edge_recall_0.5': 0.5, 'edge_F1_0.5': 0.5, 'images': 1.0}
    """

    higher_is_better = True

    def __init__(self, thresholds: Sequence[float] = (0.25, 0.5, 1.0), border: bool = False, **kwargs: Any) -> None:
        kinds = ("precision", "recall", "F1")
        super().__init__([f"edge_{kind}_{threshold:g}" for threshold in thresholds for kind in kinds], **kwargs)
        if not thresholds or min(thresholds) <= 0:
            raise UserError(f"The thresholds of an edge must be positive, not {list(thresholds)}.")
        self.thresholds = tuple(thresholds)
        self.border = border

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        where = whole_neighborhood(valid)
        where = where if self.border else inside_border(where, 1)
        strengths = edge_strength(prediction), edge_strength(target)
        scores, defined = [], []
        for threshold in self.thresholds:
            found, wanted = ((strength > threshold) & where for strength in strengths)
            both, n_found, n_wanted = count(found & wanted), count(found), count(wanted)
            scores += [share(both, n_found), share(both, n_wanted), share(2 * both, n_found + n_wanted)]
            defined += [n_found > 0, n_wanted > 0, n_found + n_wanted > 0]
        return torch.stack(scores, 1), torch.stack(defined, 1)
