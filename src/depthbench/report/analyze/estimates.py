"""What the scores show: intervals, paired tests, and who is best. Nothing is best without a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthbench.report.analyze.study import Cell, higher_is_better
from depthbench.stats.paired import bootstrap_mean, holm, sign_flip_tests

Values = NDArray[np.float64]
LEVEL = 0.05
ENOUGH_SEEDS = 3
ALL_PAIRS = 12


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval; ``over`` says of what: ``seeds``, ``images`` or nothing."""

    value: float
    low: float
    high: float
    over: str


@dataclass(frozen=True)
class Comparison:
    """One paired test of two rows; ``p`` is Holm-corrected over its family."""

    a: Cell
    b: Cell
    difference: float
    p: float
    images: int
    seeds: tuple[int, int]


def seed_scores(cell: Cell, protocol: str, metric: str) -> list[float]:
    """The score of each seed, or its time (``seconds_per_image``): papers' tables have both."""
    scores = ({**run.times, **run.scores.get(protocol, {})}.get(metric) for run in cell.scored)
    return [score for score in scores if score is not None and np.isfinite(score)]


def image_table(cell: Cell, protocol: str, metric: str) -> tuple[list[str], Values]:
    """Names of the test images and their scores ``(seeds, N)``; seeds that lack some of the images are left out."""
    tables = [run.per_image[protocol] for run in cell.scored if metric in run.per_image.get(protocol, {})]
    tables = [table for table in tables if np.array_equal(table["name"], tables[0]["name"])]
    names = [str(name) for name in tables[0]["name"]] if tables else []
    return names, np.array([table[metric] for table in tables], dtype=np.float64).reshape(len(tables), len(names))


def image_scores(cell: Cell, protocol: str, metric: str) -> dict[str, float]:
    """The score of each test image, averaged over the seeds."""
    names, table = image_table(cell, protocol, metric)
    mean = table.mean(0) if names else ()
    return {name: float(value) for name, value in zip(names, mean, strict=True) if np.isfinite(value)}


def power_of(values: Values, score: float) -> int | None:
    """1 if a score is the mean of its images, 2 if their root mean square, None where it pools pixels."""
    powers = (p for p in (1, 2) if len(values) > 1 and np.isclose(np.mean(values**p) ** (1 / p), score, rtol=2e-3))
    return next(powers, None)


def estimate(cell: Cell, protocol: str, metric: str) -> Estimate | None:
    """Mean and interval: over seeds (Student's t) where there are three or more, else over test images (bootstrap).

    Over images only where the images' mean, or root mean square, is the score itself; a protocol that pools
    pixels gets no interval rather than a wrong one.
    """
    scores = seed_scores(cell, protocol, metric)
    if not scores:
        return None
    mean = float(np.mean(scores))
    if len(scores) >= ENOUGH_SEEDS:
        half = float(stats.t.ppf(1 - LEVEL / 2, len(scores) - 1) * stats.sem(scores))
        return Estimate(mean, mean - half, mean + half, "seeds")
    values = np.array(list(image_scores(cell, protocol, metric).values()))
    power = power_of(values, mean)
    if power is None:
        return Estimate(mean, mean, mean, "")
    among = bootstrap_mean(values**power, resamples=2000)
    return Estimate(mean, max(among.low, 0.0) ** (1 / power), among.high ** (1 / power), "images")


def compare(cells: Sequence[Cell], protocol: str, metric: str) -> list[Comparison]:
    """Paired tests between rows, Holm-corrected together: all pairs, or best against the rest where rows are many."""
    ranked = rank(cells, protocol, metric)
    pairs = list(combinations(ranked, 2)) if len(ranked) <= ALL_PAIRS else [(ranked[0], cell) for cell in ranked[1:]]
    images = {id(cell): image_scores(cell, protocol, metric) for cell in ranked}
    tested = []
    for a, b in pairs:
        x, y = images[id(a)], images[id(b)]
        common = sorted(x.keys() & y.keys())
        if len(common) > 1:
            tested.append((a, b, np.array([x[name] - y[name] for name in common])))
    raw = [
        max(p, _over_seeds(a, b, protocol, metric))
        for p, (a, b, _) in zip(_over_images([row[2] for row in tested]), tested, strict=True)
    ]
    return [
        Comparison(a, b, float(np.mean(x)), float(p), len(x), (len(a.scored), len(b.scored)))
        for (a, b, x), p in zip(tested, holm(raw), strict=True)
    ]


def _over_images(differences: Sequence[Values]) -> list[float]:
    """p-values of sign-flip tests; those of equally many images are made together."""
    found = [1.0] * len(differences)
    for count in {len(row) for row in differences}:
        places = [place for place, row in enumerate(differences) if len(row) == count and np.any(row != 0)]
        if places:
            p_values = sign_flip_tests(np.stack([differences[place] for place in places]))
            for place, p in zip(places, p_values, strict=True):
                found[place] = float(p)
    return found


def _over_seeds(a: Cell, b: Cell, protocol: str, metric: str) -> float:
    """Where both rows have enough seeds, a difference must also stand out over seeds (Welch); else nothing to add."""
    seeds = [seed_scores(cell, protocol, metric) for cell in (a, b)]
    if min(len(scores) for scores in seeds) < ENOUGH_SEEDS:
        return 0.0
    if all(np.ptp(scores) == 0 for scores in seeds):
        return 0.0 if seeds[0] != seeds[1] else 1.0
    return float(stats.ttest_ind(*seeds, equal_var=False).pvalue)


def rank(cells: Sequence[Cell], protocol: str, metric: str) -> list[Cell]:
    """The rows that have a score, best first."""
    scored = [(float(np.mean(scores)), cell) for cell in cells if (scores := seed_scores(cell, protocol, metric))]
    sign = -1 if higher_is_better(metric) else 1
    return [cell for _, cell in sorted(scored, key=lambda item: sign * item[0])]


def winner(cells: Sequence[Cell], protocol: str, metric: str, comparisons: Sequence[Comparison]) -> Cell | None:
    """The best row if it differs from every other one after correction, else None."""
    ranked = rank(cells, protocol, metric)
    own = [pair for pair in comparisons if ranked and pair.a is ranked[0]]
    beaten = [pair for pair in own if is_better(pair, metric)]
    return ranked[0] if len(ranked) > 1 and len(beaten) == len(ranked) - 1 else None


def is_better(pair: Comparison, metric: str) -> bool:
    """Whether the first row is better than the second beyond chance."""
    return pair.p < LEVEL and _in_front(pair, metric)


def _in_front(pair: Comparison, metric: str) -> bool:
    return pair.difference > 0 if higher_is_better(metric) else pair.difference < 0
