"""The public comparison of methods from scores of single images."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthbench.errors import UserError
from depthbench.stats.crossed import SeedRow, Tested, better, compare_rows
from depthbench.stats.image_sums import PerImageSums, of_means

ByMethod = Mapping[str, ArrayLike | Mapping[Hashable, ArrayLike]]


class Comparison(NamedTuple):
    """One pair of methods.

    Attributes:
        first: name of a method.
        second: name of another.
        difference: mean score of the first minus that of the second.
        low: lower limit of its 95 % interval.
        high: upper limit.
        p_value: two-sided, of this pair alone.
        p_adjusted: among all pairs: the chance of any false finding among them is at most 5 % below 0.05.
        better: name of the method that is better at ``p_adjusted < 0.05``, or None where they can't be told apart.
        images: number of images.
        scenes: number of scenes, 0 where they are not known.
        seeds: number of seeds of each method; ``(1, 1)`` makes it a statement about these two trained networks.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    better: str | None
    images: int
    scenes: int
    seeds: tuple[int, int]


def compare(
    scores: ByMethod, *, higher_is_better: bool = False, scenes: Sequence[Hashable] | None = None
) -> list[Comparison]:
    """All pairs of methods that were scored on the same images, in the same order.

    Methods with two seeds or more are compared over seeds and images (:mod:`depthbench.stats.crossed`), paired by the
    seeds that they share; methods with one seed over images, as trained.

    Args:
        scores: ``{method: {seed: (N,)}}``, or ``{method: (N,)}`` for one network each: one number per image.
        higher_is_better: True for shares such as delta1, False for errors.
        scenes: ``(N,)`` scene of each image, where images of one scene are not independent.

    Returns:
        One comparison per pair, in the order of the methods.

    Raises:
        UserError: for fewer than two methods, scores that are not one finite number per image, or different images.

    Example:
        >>> from depthbench.stats import compare
        >>> shift = [0.010, 0.020, 0.012, 0.018, 0.015, 0.016, 0.011, 0.014]
        >>> good = [0.10, 0.12, 0.09, 0.15, 0.11, 0.13, 0.10, 0.12]
        >>> bad = [score + more for score, more in zip(good, shift)]
        >>> pair, = compare({"good": good, "bad": bad})
        >>> pair.better, round(pair.difference, 4), pair.p_adjusted
        ('good', -0.0145, 0.0078125)
    """
    if len(scores) < 2:
        raise UserError(f"A comparison takes two methods or more, not {len(scores)}.")
    codes = _codes(scenes)
    rows = {method: _row(method, given, codes) for method, given in scores.items()}
    pairs = list(combinations(rows, 2))
    tested = compare_rows([(rows[first], rows[second]) for first, second in pairs])
    return [
        _comparison(first, second, row["score"], higher_is_better)
        for (first, second), row in zip(pairs, tested, strict=True)
    ]


def _comparison(first: str, second: str, tested: Tested, higher_is_better: bool) -> Comparison:
    name = {1: first, -1: second, 0: None}[better(tested, higher_is_better)]
    return Comparison(
        first, second, *tested.difference, tested.p_adjusted, name, tested.images, tested.scenes, tested.seeds
    )


def _codes(scenes: Sequence[Hashable] | None) -> NDArray[np.intp] | None:
    if scenes is None:
        return None
    numbers = {scene: number for number, scene in enumerate(dict.fromkeys(scenes))}
    return np.array([numbers[scene] for scene in scenes], dtype=np.intp)


def _row(method: str, given: ArrayLike | Mapping[Hashable, ArrayLike], scenes: NDArray[np.intp] | None) -> SeedRow:
    by_seed = given if isinstance(given, Mapping) else {0: given}
    if not by_seed:
        raise UserError(f"{method} has no scores.")
    return {seed: _sums(method, values, scenes) for seed, values in by_seed.items()}


def _sums(method: str, values: ArrayLike, scenes: NDArray[np.intp] | None) -> PerImageSums:
    scores = np.asarray(values, np.float64)
    if scores.ndim != 1 or not scores.size:
        raise UserError(f"Scores of {method} must be one number per image, not of shape {scores.shape}.")
    if not np.isfinite(scores).all():
        raise UserError(f"Some scores of {method} are not finite; leave those images out of every method.")
    if scenes is not None and len(scenes) != len(scores):
        raise UserError(
            f"{method} has {len(scores)} scores, but {len(scenes)} scenes are given; give one of each per image."
        )
    return of_means(scores, scenes=scenes)
