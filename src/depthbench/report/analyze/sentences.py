"""Sentences that scores allow, and the format of numbers."""

from collections.abc import Sequence

import numpy as np

from depthbench.report.analyze.estimates import RowComparison, rank, seed_scores
from depthbench.report.analyze.study import Cell, row_label, symbol
from depthbench.stats.crossed import Estimate, Tested, better
from depthbench.stats.directions import higher_is_better
from depthbench.stats.wording import p_text


def sentences(
    group: str, cells: Sequence[Cell], protocol: str, metric: str, comparisons: Sequence[RowComparison]
) -> list[str]:
    """Sentences that the scores of a group of rows allow."""
    ranked = rank(cells, protocol, metric)
    where = f" at {group}" if group else ""
    if len(ranked) < 2:
        return _repetitions(cells, group)
    best = ranked[0]
    name = row_label(best, group)
    own = [pair for pair in comparisons if pair.a is best]
    if not own:
        said = f"No test between the rows{where}: they share no scores of single images."
        return [said, *_repetitions(cells, group)]
    signs = [better(pair.tested, higher_is_better(metric)) for pair in own]
    ahead, same, behind = ([pair for pair, sign in zip(own, signs, strict=True) if sign == one] for one in (1, 0, -1))
    value = format_score(float(np.mean(seed_scores(best, protocol, metric))))
    found = []
    if ahead:
        rivals = _join([row_label(pair.b, group) for pair in ahead])
        found.append(f"{name} is better than {rivals}{where} ({symbol(metric)} {value}, {_evidence(ahead)}).")
    if same:
        rivals = _join([row_label(pair.b, group) for pair in same])
        found.append(f"{name} and {rivals} can't be told apart{where} ({_evidence(same)}).")
    if behind:  # means are over all seeds of a row, tests over the seeds that two rows share
        rivals = _join([row_label(pair.b, group) for pair in behind])
        are = "is" if len(behind) == 1 else "are"
        found.append(
            f"On the seeds and images that they share, {rivals} {are} better than {name}{where} ({_evidence(behind)})."
        )
    return found + _repetitions(cells, group)


def _repetitions(cells: Sequence[Cell], group: str) -> list[str]:
    """Rows whose runs repeat a seed: replicates are seeds, so the repetitions count once."""
    found = []
    for cell in cells:
        for seed, runs in cell.by_seed.items():
            if len(runs) > 1:
                which = f"{row_label(cell, group)}{f' at {group}' if group else ''}"
                found.append(f"{which}: {len(runs)} runs of seed {seed} are averaged and count as one seed.")
    return found


def _evidence(pairs: Sequence[RowComparison]) -> str:
    return f"{p_text([pair.p for pair in pairs])}, {sample_text(pairs)}"


def sample_text(pairs: Sequence[RowComparison]) -> str:
    """``n = 3 seeds, 654 images of 215 scenes``, with the range where the pairs differ."""
    return count_text([pair.tested for pair in pairs])


def count_text(tests: Sequence[Tested]) -> str:
    """The same of tests."""
    seeds = [count for test in tests for count in test.seeds]
    images, scenes = [test.images for test in tests], [test.scenes for test in tests]
    of_scenes = f" of {_range(scenes)} scenes" if min(scenes) else ""
    return f"n = {_range(seeds)} seed{'s' if max(seeds) > 1 else ''}, {_range(images)} test images{of_scenes}"


def _range(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


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
