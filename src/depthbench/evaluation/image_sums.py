"""What is added over images for each kind of score, and how scores are read from the sums."""

from collections.abc import Sequence

import torch
from torch import Tensor

from depthbench.metrics.functional import SCORES, means, read_out
from depthbench.metrics.image.image_metric import image_scores
from depthbench.stats.image_sums import PerImageSums


def depth_sums(sums: Tensor, reduction: str) -> PerImageSums:
    """Of the standard scores, from ``masked_sums`` ``(N, S)``; ``image``, ``pixel`` or ``mse_image``."""
    if reduction == "image":
        scores = torch.stack(list(read_out(sums).values()), -1)
        return PerImageSums(scores, _means_of_scores, sums[:, 0])
    return PerImageSums(sums if reduction == "pixel" else means(sums), _read_out, sums[:, 0])


def structure_sums(sums: Tensor, names: Sequence[str]) -> PerImageSums:
    """Of scores of structure, from :class:`~depthbench.protocols.Structure`'s sums ``(N, 2 K + 1)``."""
    return PerImageSums(sums, lambda totals, images: image_scores(totals, names), sums[:, -1])


def _means_of_scores(totals: Tensor, images: int) -> dict[str, Tensor]:
    return {name: totals[..., column] / images for column, name in enumerate(SCORES)}


def _read_out(totals: Tensor, images: int) -> dict[str, Tensor]:
    return read_out(totals)
