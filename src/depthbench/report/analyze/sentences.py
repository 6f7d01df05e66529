"""What may be said of the scores, in plain words, and how numbers are written."""

from collections.abc import Sequence

import numpy as np

from depthbench.report.analyze.estimates import LEVEL, Comparison, Estimate, is_better, rank, seed_scores
from depthbench.report.analyze.study import Cell, row_label, symbol


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
    better = [pair for pair in own if is_better(pair, metric)]
    same = [pair for pair in own if pair not in better]
    value = format_score(float(np.mean(seed_scores(best, protocol, metric))))
    found = []
    if better:
        rivals, size = _join([row_label(pair.b, group) for pair in better]), sample_text(better)
        found.append(f"{name} is better than {rivals}{where} ({symbol(metric)} {value}, {p_text(better)}, {size}).")
    if same:
        rivals = _join([row_label(pair.b, group) for pair in same])
        found.append(f"{name} and {rivals} can't be told apart{where} ({p_text(same)}, {sample_text(same)}).")
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
