"""Intervals and tests for scores of any reduction, from the sums of each image.

A mean over images can be resampled from scores (:mod:`depthbench.stats.paired`); a score of pooled pixels or
of a mean MSE is a function of sums over images, so images are drawn and the score is read anew. For ``reduction:
image`` both are the same.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depthbench.errors import UserError

RESAMPLES = 2_000
PERMUTATIONS = 10_000
_CHUNK = 500

Limits = tuple[float, float]


class Difference(NamedTuple):
    """First minus second by score, the limits of its 95 % interval, and the p-value of no difference."""

    value: float
    low: float
    high: float
    p_value: float


class PerImageSums(NamedTuple):
    """What is added over images, and how scores are read from what was added.

    Attributes:
        values: ``(N, K)`` float64, of images that have a valid pixel.
        read: from sums ``(..., K)`` over so many images to scores ``(...)`` by name.
        pixels: how many valid ones each image has: only equal images can be paired.
    """

    values: Tensor
    read: Callable[[Tensor, int], Mapping[str, Tensor]]
    pixels: Tensor


def intervals(addends: PerImageSums, seed: int = 0) -> dict[str, Limits]:
    """95 % percentile bootstrap over images, by score; NaN where no image counts.

    Args:
        addends: of each image.
        seed: of the resamples.
    """
    return _limits(_resampled(addends, seed))


def difference(first: PerImageSums, second: PerImageSums, seed: int = 0) -> dict[str, Difference]:
    """Paired difference by score: bootstrap over images, and a two-sided permutation test.

    The test exchanges first and second image by image: all ways for up to 12 images, else random ones, of which the
    observed is one (Phipson and Smyth 2010).

    Raises:
        UserError: if the images differ.
    """
    if not torch.equal(first.pixels, second.pixels):
        raise UserError("Paired scores must be of the same images with the same truth; score both on the same data.")
    drawn, other = _resampled(first, seed), _resampled(second, seed)
    limits = _limits({name: drawn[name] - other[name] for name in drawn})
    p_values = _p_values(first, second, seed)
    observed, reference = (one.read(one.values.sum(0), len(one.values)) for one in (first, second))
    return {name: Difference(float(observed[name] - reference[name]), *limits[name], p_values[name]) for name in drawn}


def _resampled(addends: PerImageSums, seed: int) -> Mapping[str, Tensor]:
    images = len(addends.values)
    drawn = _products(_draws(images, seed), addends.values) if images else addends.values.sum(0)[None] * torch.nan
    return addends.read(drawn, images)


def _limits(drawn: Mapping[str, Tensor]) -> dict[str, Limits]:
    with np.errstate(invalid="ignore"):  # infinities, told as they are
        found = {name: np.percentile(values.numpy(), [2.5, 97.5]) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _p_values(first: PerImageSums, second: PerImageSums, seed: int) -> dict[str, float]:
    a, b, images = first.values, second.values, len(first.values)
    if not images:
        return dict.fromkeys(first.read(a.sum(0), 0), float("nan"))
    patterns = _patterns(images, seed)
    total, apart = (a + b).sum(0), _products(patterns, a - b)
    pair = [first.read((total + sign * apart) / 2, images) for sign in (1, -1)]
    p_values = {}
    for name in pair[0]:
        changes = (pair[0][name] - pair[1][name]).abs()
        # Sums of the same numbers in another order differ by rounding.
        slack = 1e-12 * (pair[0][name].abs() + pair[1][name].abs()).nan_to_num().max()
        # The first pattern exchanges nothing: the observed. What has no score after an exchange counts against it.
        hits = (~(changes < changes[0] - slack)).double().mean()
        p_values[name] = float(hits) if changes[0].isfinite() else float("nan")
    return p_values


def _products(weights: Tensor, addends: Tensor) -> Tensor:
    """``weights @ addends`` without all weights in float64 at once."""
    return torch.cat([part.double() @ addends for part in torch.split(weights, _CHUNK)])


@lru_cache(maxsize=4)
def _draws(images: int, seed: int) -> Tensor:
    """How often each image is drawn: ``(RESAMPLES, N)``."""
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.multinomial(images, np.full(images, 1 / images), RESAMPLES).astype(np.int16))


@lru_cache(maxsize=4)
def _patterns(images: int, seed: int) -> Tensor:
    """Signs ``(P, N)``, the first all positive: every pattern for up to 12 images, else random ones."""
    if images <= 12:
        bits = (np.arange(2**images)[:, None] >> np.arange(images)) & 1
    else:
        bits = np.random.default_rng(seed).integers(2, size=(PERMUTATIONS + 1, images), dtype=np.int8)
        bits[0] = 0
    return torch.from_numpy((1 - 2 * bits).astype(np.int8))
