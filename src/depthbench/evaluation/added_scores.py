"""Scores that some images have besides the scores of their maps: a clip's at its first frame, a camera's at each."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from depthbench.evaluation.image_sums import array_sums
from depthbench.stats.image_sums import Array, PerImageSums

AddedScores = Mapping[str, Tensor]
"""``(N,)`` float64 by score, NaN where an image has none."""


def gathered(found: Mapping[str, Mapping[int, float]], count: int) -> dict[str, Tensor]:
    """Values by name and by the image's place, from all processes; every process gets the same.

    Args:
        found: of this process.
        count: number of images.
    """
    shares: list[Mapping[str, Mapping[int, float]]] = [found]
    if dist.is_available() and dist.is_initialized():
        shares = [found] * dist.get_world_size()
        dist.all_gather_object(shares, found)
    every = {name: torch.full((count,), torch.nan, dtype=torch.float64) for name in found}
    for share in shares:
        for name, values in share.items():
            for place, value in values.items():
                every[name][place] = value
    return every


def added_sums(score: str, values: Tensor, names: Sequence[str], seed: int) -> PerImageSums:
    """The images that have the score; resamples of the others would have none."""
    known = values.isfinite()

    def read(totals: Array, images: int) -> dict[str, Array]:
        with np.errstate(invalid="ignore"):
            return {score: totals[..., 0] / totals[..., 1]}

    own = torch.stack([values[known], torch.ones(int(known.sum()), dtype=torch.float64)], 1)
    listed = [name for name, has in zip(names, known.tolist(), strict=True) if has]
    return array_sums(own, read, own[:, 1], listed, seed)
