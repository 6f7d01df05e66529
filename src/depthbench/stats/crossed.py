"""Scores and differences over seeds and images: is it the method, or the luck of a seed or of the test images?

A row holds one network per seed, all tested on the same images. Seeds and images are crossed random effects: another
seed and other images would give other scores. The error of a mean over both is the sum of two parts,

    sqrt(var(seeds' scores) / S) * t(S - 1)   and   sqrt(bootstrap variance over images) * t(images - 1),

each a Student variable of its own (Behrens and Fisher, :mod:`depthbench.stats.behrens_fisher`); images are whole
scenes where these are known, and the score may be any that is read from sums over images. Both variances hold the
scatter of seed by image, as in the min F' of Clark (1973, "The language-as-fixed-effect fallacy"), which errs on the
side of too few findings. Rows that share seeds are paired by seed: the seeds' scores are then differences, whose
variance holds only the effects of a seed that two rows don't share. The larger p of a test over seeds and a test over
images is no such test: with effects of equal size it rejects too often (docs/statistics.md).

Sign flips over seeds would be exact, but have 2^S patterns: with three seeds no p-value below 0.25. A plain crossed
bootstrap of three seeds has two thirds of their variance and is too narrow (simulated: docs/statistics.md), therefore
seeds get Student's t and images the bootstrap. With one seed there is nothing to say about seeds: intervals and tests
are over images, for the trained networks.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from depthbench.errors import UserError
from depthbench.stats.behrens_fisher import Part, half_width, tail, two_sided
from depthbench.stats.image_sums import Array, PerImageSums, check_paired
from depthbench.stats.intervals import (
    LEVEL,
    bootstrap_error,
    bootstrap_limits,
    intervals,
    mean_over,
)
from depthbench.stats.multiple_comparisons import holm, max_t
from depthbench.stats.permutation import Exchanges

SeedRow = Mapping[Hashable, PerImageSums]
"""One network's sums by seed."""


class Estimate(NamedTuple):
    """A mean over seeds with its 95 % interval; ``over`` names its units: ``seeds and images`` or ``images``."""

    value: float
    low: float
    high: float
    over: str


class Difference(NamedTuple):
    """First minus second, the limits of its 95 % interval, and the p-value of no difference."""

    value: float
    low: float
    high: float
    p_value: float


class Tested(NamedTuple):
    """One difference among a family of them.

    Attributes:
        difference: with its own interval and p-value.
        p_adjusted: p-value among the whole family.
        images: number of images.
        scenes: number of scenes, 0 where they are not known.
        seeds: number of seeds of each row; ``(1, 1)`` makes it a statement about the trained networks.
        parts: standard errors of the difference over seeds and images, with their degrees of freedom.
    """

    difference: Difference
    p_adjusted: float
    images: int
    scenes: int
    seeds: tuple[int, int]
    parts: tuple[Part, ...]


class _Pair(NamedTuple):
    """Networks of two rows that are compared; seed by seed if ``paired``."""

    first: tuple[PerImageSums, ...]
    second: tuple[PerImageSums, ...]
    paired: bool

    @property
    def networks(self) -> bool:
        """Whether there is one network on each side, so that nothing can be said about seeds."""
        return len(self.first) == 1


def estimates(row: SeedRow) -> dict[str, Estimate]:
    """Scores of a row with 95 % intervals: over seeds and images, or over images where there is one seed."""
    networks = list(row.values())
    if len(networks) == 1:
        limits = intervals(networks[0])
        return {name: Estimate(networks[0].scores[name], *limits[name], "images") for name in limits}
    found = {}
    for name in networks[0].scores:
        by_seed = np.array([network.scores[name] for network in networks])
        drawn = mean_over([network.resampled for network in networks], name)
        parts = _over_seeds(by_seed), _over_images(drawn, networks[0].units)
        value = float(by_seed.mean())
        found[name] = Estimate(value, *limits_around(value, parts), "seeds and images")
    return found


def over_seeds(scores: Sequence[float]) -> Estimate:
    """Student's interval of scores by seed, for scores that can't be read from images; a point for one seed."""
    values = np.asarray(scores, np.float64)
    value = float(values.mean())
    if len(values) < 2:
        return Estimate(value, value, value, "")
    return Estimate(value, *limits_around(value, [_over_seeds(values)]), "seeds")


def compare_rows(pairs: Sequence[tuple[SeedRow, SeedRow]]) -> list[dict[str, Tested]]:
    """Differences of pairs of rows; p-values of each score adjusted for all pairs.

    Seeds that both rows have are paired; rows that share fewer than two, but have two or more each, are compared with
    independent seeds (Welch); with one seed on either side, one network of each is compared over images.

    The family-wise error is at most 5 % for each score: by max-T where all pairs are single networks on the same
    images, else by Holm over all pairs.

    Raises:
        UserError: if a row is empty, or the images of two rows differ.
    """
    chosen = [_choose(first, second) for first, second in pairs]
    exchanges = Exchanges()
    alike = all(pair.networks for pair in chosen) and len({_images_of(pair.first[0]) for pair in chosen}) < 2
    flips = [exchanges.differences(pair.first[0], pair.second[0]) if pair.networks else {} for pair in chosen]
    names = list(chosen[0].first[0].scores) if chosen else []
    results: list[dict[str, Tested]] = [{} for _ in chosen]
    for name in names:
        exchanged = [flip[name] for flip in flips if flip]
        if alike:
            raw, adjusted = max_t(exchanged)
        else:  # pairs on other images have other exchanges: each has its own p-value
            raw, adjusted = [max_t([one])[0][0] for one in exchanged], []
        tests = iter(raw)
        found = [_difference(pair, name, next(tests) if pair.networks else None) for pair in chosen]
        if not alike:
            adjusted = holm([row.difference.p_value for row in found])
        for result, row, p_adjusted in zip(results, found, adjusted, strict=True):
            result[name] = row._replace(p_adjusted=p_adjusted)
    return results


def equivalence_p(tested: Tested, margin: float) -> float:
    """p-value of "the difference is as large as the margin": two one-sided tests (Schuirmann 1987)."""
    return tail(margin - abs(tested.difference.value), tested.parts)


def beyond_p(tested: Tested, margin: float) -> float:
    """Two-sided p-value of "the difference is no larger than the margin"."""
    return min(1.0, 2 * tail(abs(tested.difference.value) - margin, tested.parts))


def _choose(first: SeedRow, second: SeedRow) -> _Pair:
    if not first or not second:
        raise UserError("A row without any network can't be compared.")
    common = [seed for seed in first if seed in second]
    if len(common) > 1 or (common and min(len(first), len(second)) == 1):
        pair = _Pair(tuple(first[seed] for seed in common), tuple(second[seed] for seed in common), True)
    elif min(len(first), len(second)) > 1:
        pair = _Pair(tuple(first.values()), tuple(second.values()), False)
    else:
        pair = _Pair((next(iter(first.values())),), (next(iter(second.values())),), False)
    for other in (*pair.first[1:], *pair.second):
        check_paired(pair.first[0], other)
    return pair


def _images_of(sums: PerImageSums) -> tuple[int, tuple[str, ...]]:
    return sums.images, sums.names


def _difference(pair: _Pair, name: str, p_value: float | None) -> Tested:
    """One pair under one score: by exchanged images if ``p_value`` is given, else over seeds and images."""
    first, second = ([network.scores[name] for network in side] for side in (pair.first, pair.second))
    value = float(np.mean(first) - np.mean(second))
    drawn = _drawn(pair, name)
    reference = pair.first[0]
    images, scenes = reference.images, 0 if reference.scenes is None else reference.units
    if p_value is not None:
        left = pair.first[0].leave_one_out[name] - pair.second[0].leave_one_out[name] if images else None
        difference = Difference(value, *bootstrap_limits(drawn, value, left), p_value)
        return Tested(difference, p_value, images, scenes, (1, 1), (_over_images(drawn, reference.units),))
    parts = (*_seed_parts(np.array(first), np.array(second), pair.paired), _over_images(drawn, reference.units))
    p_value = two_sided(value, parts)
    difference = Difference(value, *limits_around(value, parts), p_value)
    return Tested(difference, p_value, images, scenes, (len(first), len(second)), parts)


def _drawn(pair: _Pair, name: str) -> Array:
    with np.errstate(invalid="ignore"):  # infinite scores
        return mean_over([network.resampled for network in pair.first], name) - mean_over(
            [network.resampled for network in pair.second], name
        )


def _seed_parts(first: Array, second: Array, paired: bool) -> tuple[Part]:
    """Error of the difference due to seeds."""
    if paired:
        return (_over_seeds(first - second),)
    # Two variances in one part: the fewer degrees of freedom are on the safe side (Mickey and Brown 1966).
    a, b = _over_seeds(first), _over_seeds(second)
    return (Part(math.hypot(a.error, b.error), min(a.freedom, b.freedom)),)


def _over_seeds(values: Array) -> Part:
    with np.errstate(invalid="ignore"):
        return Part(float(np.std(values, ddof=1) / np.sqrt(len(values))), len(values) - 1)


def _over_images(drawn: Array, units: int) -> Part:
    return Part(bootstrap_error(drawn, units), max(units - 1, 1))


def limits_around(value: float, parts: Sequence[Part]) -> tuple[float, float]:
    """95 % interval of a value with these errors."""
    half = half_width(parts, LEVEL)
    return value - half, value + half


def better(tested: Tested, higher_is_better: bool) -> int:
    """1 if the first row is better beyond chance, -1 if the second is, 0 if they can't be told apart."""
    if not tested.p_adjusted < LEVEL or not tested.difference.value:
        return 0
    return 1 if (tested.difference.value > 0) == higher_is_better else -1
