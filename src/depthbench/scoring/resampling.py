"""Intervals and tests for scores of any reduction, from the sums of each image.

A mean over images can be resampled from scores (:mod:`depthbench.metrics.statistics`); a score of pooled pixels or
of a mean MSE is a function of sums over images, so images are drawn and the score is read anew. For ``reduction:
image`` both are the same.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.metrics.functional import SCORES, means, read_out

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


def intervals(sums: Tensor, reduction: str, seed: int = 0) -> dict[str, Limits]:
    """95 % percentile bootstrap over images, by score; NaN where no image counts.

    Args:
        sums: ``(N, S)`` of each image.
        reduction: ``image``, ``pixel`` or ``mse_image``.
        seed: of the resamples.
    """
    return _limits(_resampled(_addends(_counted(sums), reduction), reduction, seed))


def difference(first: Tensor, second: Tensor, reduction: str, seed: int = 0) -> dict[str, Difference]:
    """Paired difference by score: bootstrap over images, and a two-sided permutation test.

    The test exchanges first and second image by image: all ways for up to 12 images, else random ones, of which the
    observed is one (Phipson and Smyth 2010).

    Raises:
        UserError: if the images differ.
    """
    if first.shape != second.shape or not torch.equal(first[:, 0], second[:, 0]):
        raise UserError("Paired scores must be of the same images with the same truth; score both on the same data.")
    a, b = (_addends(_counted(sums), reduction) for sums in (first, second))
    drawn, other = _resampled(a, reduction, seed), _resampled(b, reduction, seed)
    limits = _limits({name: drawn[name] - other[name] for name in drawn})
    p_values = _p_values(a, b, reduction, seed)
    observed, reference = (_read(addends.sum(0), reduction, len(addends)) for addends in (a, b))
    return {name: Difference(float(observed[name] - reference[name]), *limits[name], p_values[name]) for name in SCORES}


def _counted(sums: Tensor) -> Tensor:
    return sums[sums[:, 0] > 0].double()


def _addends(sums: Tensor, reduction: str) -> Tensor:
    """What is added over images: ``(N, K)``."""
    if reduction == "image":
        return torch.stack(list(read_out(sums).values()), -1)
    return sums if reduction == "pixel" else means(sums)


def _read(totals: Tensor, reduction: str, images: int) -> dict[str, Tensor]:
    """Scores from sums over images ``(..., K)``."""
    if reduction == "image":
        return {name: totals[..., column] / images for column, name in enumerate(SCORES)}
    return read_out(totals)


def _resampled(addends: Tensor, reduction: str, seed: int) -> dict[str, Tensor]:
    if not len(addends):
        return {name: torch.full((1,), torch.nan, dtype=torch.float64) for name in SCORES}
    return _read(_products(_draws(len(addends), seed), addends), reduction, len(addends))


def _limits(drawn: Mapping[str, Tensor]) -> dict[str, Limits]:
    with np.errstate(invalid="ignore"):  # infinities, told as they are
        found = {name: np.percentile(values.numpy(), [2.5, 97.5]) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _p_values(a: Tensor, b: Tensor, reduction: str, seed: int) -> dict[str, float]:
    images = len(a)
    if not images:
        return dict.fromkeys(SCORES, float("nan"))
    patterns = _patterns(images, seed)
    total, apart = (a + b).sum(0), _products(patterns, a - b)
    pair = [_read((total + sign * apart) / 2, reduction, images) for sign in (1, -1)]
    p_values = {}
    for name in SCORES:
        changes = (pair[0][name] - pair[1][name]).abs()
        # Sums of the same numbers in another order differ by rounding.
        slack = 1e-12 * (pair[0][name].abs() + pair[1][name].abs()).max()
        hits = (changes >= changes[0] - slack).double().mean()  # the first pattern exchanges nothing: the observed
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
