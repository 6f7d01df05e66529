"""The verdicts of a study under habits of the field: one seed, tests over images alone, the best epoch on the test.

A study of many matched seeds shows the findings that its authors would have had with one of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from depthbench.report.analyze.estimates import compare_cells, rank, seed_scores
from depthbench.report.analyze.study import Cell
from depthbench.report.read.runs import Run
from depthbench.stats.crossed import better
from depthbench.stats.directions import higher_is_better

Signs = dict[tuple[str, str], int]
"""By the names of two rows: 1 if the first is better beyond chance, -1 if the second is, 0 if neither."""


@dataclass(frozen=True)
class OneSeedHabit:
    """Findings of single seeds, tested over images alone, beside the findings of all seeds and images.

    Attributes:
        pairs: of rows.
        seeds: that all rows have.
        all_seeds: pairs that are told apart by all seeds and images.
        one_seed: pairs that a single seed tells apart, on average over the seeds.
        opposed: pairs that two seeds tell apart in opposite directions.
        unconfirmed: findings of single seeds in the direction that all seeds and images do not find, as a share of
            the findings of single seeds.
        orders: different orders of the rows among the seeds.
        firsts: rows that are first with some seed, with the number of seeds; the most first, equal ones by name.
    """

    pairs: int
    seeds: int
    all_seeds: int
    one_seed: float
    opposed: tuple[tuple[str, str], ...]
    unconfirmed: float
    orders: int
    firsts: dict[str, int]


@dataclass(frozen=True)
class BestEpoch:
    """A row by the score of its last epoch and by its best one, both of frames watched during training.

    Attributes:
        row: its name.
        last: mean score of the last epoch over seeds.
        best: mean of the best scores of all epochs.
    """

    row: str
    last: float
    best: float


def one_seed_habit(cells: Sequence[Cell], protocol: str, metric: str) -> OneSeedHabit | None:
    """Compare the findings of each seed alone with the findings of all seeds.

    Args:
        cells: rows of one study at one amount of data.
        protocol: under which the runs were scored.
        metric: that is compared.

    Returns:
        The comparison over the seeds that all rows have; None with fewer than two of them or of the rows.
    """
    rows = [cell for cell in cells if seed_scores(cell, protocol, metric)]
    common = set.intersection(*(set(cell.by_seed) for cell in rows)) if rows else set()
    seeds = sorted(common, key=lambda seed: (len(seed), seed))
    if min(len(rows), len(seeds)) < 2:
        return None
    whole = _signs([cell.with_seeds(seeds) for cell in rows], protocol, metric)
    single = [[cell.with_seeds([seed]) for cell in rows] for seed in seeds]
    each = [_signs(one, protocol, metric) for one in single]
    orders = [tuple(cell.method for cell in rank(one, protocol, metric)) for one in single]
    found = [(pair, sign) for signs in each for pair, sign in signs.items() if sign]
    opposed = [pair for pair in whole if {1, -1} <= {signs[pair] for signs in each}]
    return OneSeedHabit(
        pairs=len(whole),
        seeds=len(seeds),
        all_seeds=sum(map(bool, whole.values())),
        one_seed=len(found) / len(seeds),
        opposed=tuple(opposed),
        unconfirmed=sum(whole[pair] != sign for pair, sign in found) / len(found) if found else 0.0,
        orders=len(set(orders)),
        firsts=counted(order[0] for order in orders),
    )


def counted(names: Iterable[str]) -> dict[str, int]:
    """Count each name: the most frequent first, equal ones in the order of their names.

    Example:
        >>> from depthbench.report.analyze.habits import counted
        >>> list(counted(["b", "c", "a", "c"]).items())
        [('c', 2), ('a', 1), ('b', 1)]
    """
    counts = Counter(names)
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}


def _signs(cells: Sequence[Cell], protocol: str, metric: str) -> Signs:
    higher = higher_is_better(metric)
    ((*tests,),) = compare_cells([cells], protocol, metric)
    found = {(test.a.method, test.b.method): better(test.tested, higher) for test in tests}
    names = [cell.method for cell in cells]
    both = ((pair, pair[::-1]) for pair in combinations(names, 2))
    return {pair: found[pair] if pair in found else -found.get(other, 0) for pair, other in both}


def best_epochs(cells: Sequence[Cell], metric: str) -> list[BestEpoch]:
    """Rows by the last and by the best epoch's score of the frames that training watched.

    Where these are test frames, the second is the habit of choosing an epoch by the test.

    Args:
        cells: rows of one study.
        metric: logged as ``val/METRIC``.

    Returns:
        The rows all of whose runs logged it, in their order.
    """
    pick = np.max if higher_is_better(metric) else np.min
    found = []
    for cell in cells:
        curves = [_curve(run, metric) for run in cell.scored]
        if curves and all(len(curve) for curve in curves):
            last, best = (float(np.mean(values)) for values in zip(*((c[-1], pick(c)) for c in curves), strict=True))
            found.append(BestEpoch(cell.method, last, best))
    return found


def _curve(run: Run, metric: str) -> np.ndarray:
    values = run.history.get(f"val/{metric}", ((), ()))[1]
    return np.asarray(values, np.float64)
