"""What the scores allow to be said: intervals, paired tests, and plain sentences. Nothing is best without a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthbench.metrics.statistics import bootstrap_mean, holm, sign_flip_test
from depthbench.report.study import Cell, higher_is_better, row_label, symbol

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
    """The score of each seed."""
    scores = (run.scores.get(protocol, {}).get(metric) for run in cell.scored)
    return [score for score in scores if score is not None and np.isfinite(score)]


def image_scores(cell: Cell, protocol: str, metric: str) -> dict[str, float]:
    """The score of each test image, averaged over the seeds that have all of them."""
    tables = [run.per_image[protocol] for run in cell.scored if metric in run.per_image.get(protocol, {})]
    if not tables:
        return {}
    names = tables[0]["name"]
    tables = [table for table in tables if np.array_equal(table["name"], names)]
    mean = np.mean([table[metric] for table in tables], axis=0)
    return {str(name): float(value) for name, value in zip(names, mean, strict=True) if np.isfinite(value)}


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
    for power in (1, 2):
        if len(values) > 1 and np.isclose(np.mean(values**power) ** (1 / power), mean, rtol=2e-3):
            among = bootstrap_mean(values**power, resamples=2000)
            return Estimate(mean, max(among.low, 0.0) ** (1 / power), among.high ** (1 / power), "images")
    return Estimate(mean, mean, mean, "")


def compare(cells: Sequence[Cell], protocol: str, metric: str) -> list[Comparison]:
    """Paired tests between rows, Holm-corrected together: all pairs, or best against the rest where rows are many."""
    ranked = rank(cells, protocol, metric)
    pairs = list(combinations(ranked, 2)) if len(ranked) <= ALL_PAIRS else [(ranked[0], cell) for cell in ranked[1:]]
    images = {id(cell): image_scores(cell, protocol, metric) for cell in ranked}
    raw = []
    for a, b in pairs:
        common = sorted(images[id(a)].keys() & images[id(b)].keys())
        if len(common) > 1:
            x, y = (np.array([images[id(cell)][name] for name in common]) for cell in (a, b))
            raw.append((a, b, x, y, _p_value(a, b, protocol, metric, x, y)))
    if not raw:
        return []
    adjusted = holm([row[-1] for row in raw])
    return [
        Comparison(a, b, float(np.mean(x - y)), float(p), len(x), (len(a.scored), len(b.scored)))
        for (a, b, x, y, _), p in zip(raw, adjusted, strict=True)
    ]


def _p_value(a: Cell, b: Cell, protocol: str, metric: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Over images; where both rows have enough seeds, a difference must also stand out over seeds (Welch)."""
    p = sign_flip_test(x, y) if np.any(x != y) else 1.0
    seeds = [seed_scores(cell, protocol, metric) for cell in (a, b)]
    if min(len(scores) for scores in seeds) < ENOUGH_SEEDS:
        return p
    if all(np.ptp(scores) == 0 for scores in seeds):
        return p if seeds[0] != seeds[1] else 1.0
    return max(p, float(stats.ttest_ind(*seeds, equal_var=False).pvalue))


def rank(cells: Sequence[Cell], protocol: str, metric: str) -> list[Cell]:
    """The rows that have a score, best first."""
    scored = [(float(np.mean(scores)), cell) for cell in cells if (scores := seed_scores(cell, protocol, metric))]
    sign = -1 if higher_is_better(metric) else 1
    return [cell for _, cell in sorted(scored, key=lambda item: sign * item[0])]


def winner(cells: Sequence[Cell], protocol: str, metric: str, comparisons: Sequence[Comparison]) -> Cell | None:
    """The best row if it differs from every other one after correction, else None."""
    ranked = rank(cells, protocol, metric)
    own = [pair for pair in comparisons if ranked and pair.a is ranked[0]]
    beaten = [pair for pair in own if pair.p < LEVEL and _better(pair, metric)]
    return ranked[0] if len(ranked) > 1 and len(beaten) == len(ranked) - 1 else None


def _better(pair: Comparison, metric: str) -> bool:
    return pair.difference > 0 if higher_is_better(metric) else pair.difference < 0


def sentences(
    group: str, cells: Sequence[Cell], protocol: str, metric: str, comparisons: Sequence[Comparison]
) -> list[str]:
    """What may be said of a group of rows, in plain words."""
    ranked = rank(cells, protocol, metric)
    where = f" at {group}" if group else ""
    if len(ranked) < 2:
        return []
    best = ranked[0]
    name = row_label(best, group)
    own = [pair for pair in comparisons if pair.a is best]
    if not own:
        return [f"No test between the rows{where}: they share no scores of single images."]
    better = [pair for pair in own if pair.p < LEVEL and _better(pair, metric)]
    same = [pair for pair in own if pair not in better]
    value = format_score(float(np.mean(seed_scores(best, protocol, metric))))
    found = []
    if better:
        rivals, size = _join([row_label(pair.b, group) for pair in better]), sample_text(better)
        found.append(f"{name} is better than {rivals}{where} ({symbol(metric)} {value}, {p_text(better)}, {size}).")
    if same:
        rivals = _join([row_label(pair.b, group) for pair in same])
        found.append(f"{name} and {rivals} do not differ{where} ({p_text(same)}, {sample_text(same)}).")
    return found


def sample_text(pairs: Sequence[Comparison]) -> str:
    """``n = 3 seeds, 654 images``, with the range where the pairs differ."""
    seeds = [count for pair in pairs for count in pair.seeds]
    images = [pair.images for pair in pairs]
    return f"n = {_range(seeds)} seed{'s' if max(seeds) > 1 else ''}, {_range(images)} images"


def _range(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def p_text(pairs: Sequence[Comparison]) -> str:
    """``p = 0.4``, or the bound that holds for all: ``p < 0.001``, ``p ≤ 0.02``, ``p ≥ 0.4``."""
    values = [pair.p for pair in pairs]
    if max(values) < 0.001:
        return "p < 0.001"
    if len(values) == 1:
        return f"p = {values[0]:.1g}" if values[0] < 0.995 else "p = 1"
    if max(values) < LEVEL:
        return f"p ≤ {np.ceil(max(values) * 1000) / 1000:g}"
    return f"p ≥ {np.floor(min(values) * 1000) / 1000:g}" if min(values) < 0.995 else "p = 1"


def _join(names: Sequence[str], most: int = 8) -> str:
    if len(names) > most:
        return f"{len(names)} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def format_score(value: float) -> str:
    """Three digits after the point, fewer for large errors."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def estimate_text(item: Estimate) -> str:
    """``0.183 [0.176, 0.190]``."""
    bounds = f" [{format_score(item.low)}, {format_score(item.high)}]" if item.over else ""
    return f"{format_score(item.value)}{bounds}"
