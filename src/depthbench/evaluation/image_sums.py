"""Sums of each image for each kind of score, and how scores are read from their total."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from depthbench.metrics.functional import means, of_pixels, read_out, scores_by_columns
from depthbench.metrics.image.image_metric import image_scores
from depthbench.stats.image_sums import Array, PerImageSums, Read, scenes_of


def depth_sums(sums: Tensor, reduction: str, names: Sequence[str] = (), seed: int = 0) -> PerImageSums:
    """Units of the standard scores, from ``masked_sums`` ``(N, S)``; ``image``, ``pixel`` or ``mse_image``."""
    if reduction == "image":
        scores = torch.stack(list(read_out(sums).values()), -1)
        known = tuple(scores_by_columns(sums.shape[1]))
        return array_sums(scores, partial(_means_of_scores, names=known), sums[:, 0], names, seed)
    if reduction == "mse_image":
        pixels = sums[:, 0]
        sums = of_pixels(means(sums), pixels.sum() / (pixels > 0).sum())  # as many of each image: all weigh the same
        return array_sums(sums, _read_out, pixels, names, seed)
    return array_sums(sums, _read_out, sums[:, 0], names, seed)


def structure_sums(sums: Tensor, metrics: Sequence[str], names: Sequence[str] = (), seed: int = 0) -> PerImageSums:
    """Units of scores of structure, from :class:`~depthbench.protocols.Structure`'s sums ``(N, 2 K + 1)``."""

    def read(totals: Array, images: int) -> dict[str, Array]:
        return _as_arrays(image_scores(torch.from_numpy(totals), metrics))

    return array_sums(sums, read, sums[:, -1], names, seed)


def array_sums(values: Tensor, read: Read, pixels: Tensor, names: Sequence[str], seed: int) -> PerImageSums:
    """Units in the order of the names: the bootstrap draws the same images in whatever order a data set lists them."""
    order = np.argsort(np.array(names, dtype=str), kind="stable") if names else np.arange(len(values))
    listed = tuple(names[index] for index in order) if names else ()
    return PerImageSums(values.numpy()[order], read, pixels.numpy()[order], scenes_of(listed), listed, seed)


def _means_of_scores(totals: Array, images: int, names: Sequence[str]) -> dict[str, Array]:
    return {name: totals[..., column] / images for column, name in enumerate(names)}


def _read_out(totals: Array, images: int) -> dict[str, Array]:
    return _as_arrays(read_out(torch.from_numpy(totals)))


def _as_arrays(scores: Mapping[str, Tensor]) -> dict[str, Array]:
    return {name: values.numpy() for name, values in scores.items()}
