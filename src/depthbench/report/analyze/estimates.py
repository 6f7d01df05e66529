"""Intervals, paired tests, and the best rows. No row is best without a test.

The statistics come from :mod:`depthbench.stats`; this module brings rows of runs into their form.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from depthbench.report.analyze.study import Cell
from depthbench.report.read.runs import Run
from depthbench.stats.crossed import Estimate, SeedRow, Tested, better, compare_rows, estimates, over_seeds
from depthbench.stats.directions import higher_is_better
from depthbench.stats.image_scores import ImageForm, form_of
from depthbench.stats.image_sums import PerImageSums

Values = NDArray[np.float64]
Names = tuple[str, ...]


@dataclass(frozen=True)
class RowComparison:
    """One paired test of two rows; ``p`` is adjusted for its whole family.

    ``seeds`` are the numbers of seeds of each row that take part; ``(1, 1)`` makes it a statement about the trained
    networks.
    """

    a: Cell
    b: Cell
    tested: Tested

    @property
    def difference(self) -> float:
        """Score of ``a`` minus score of ``b``."""
        return self.tested.difference.value

    @property
    def p(self) -> float:
        """Adjusted p-value."""
        return self.tested.p_adjusted

    @property
    def images(self) -> int:
        """Number of images that both rows were tested on."""
        return self.tested.images

    @property
    def seeds(self) -> tuple[int, int]:
        """Number of seeds of each row."""
        return self.tested.seeds


def seed_scores(cell: Cell, protocol: str, metric: str) -> list[float]:
    """The score of each seed, or its time (``seconds_per_image``): papers' tables have both.

    Runs of one seed are repetitions: their mean is one score.
    """
    found = []
    for runs in cell.by_seed.values():
        scores = ({**run.times, **run.scores.get(protocol, {})}.get(metric) for run in runs)
        finite = [score for score in scores if score is not None and np.isfinite(score)]
        if finite:
            found.append(float(np.mean(finite)))
    return found


def image_names(cell: Cell, protocol: str, metric: str) -> Names:
    """Names of the images for which every run of a row has a score, sorted; empty where one has none."""
    known = []
    for run in cell.scored:
        table = run.per_image.get(protocol, {})
        if metric not in table:
            return ()
        known.append({str(name) for name in table["name"][np.isfinite(table[metric])]})
    return tuple(sorted(set.intersection(*known))) if known else ()


def row_of(cell: Cell, protocol: str, metric: str, names: Names, shared: ImageForm | None = None) -> SeedRow:
    """Sums of each seed over these images; empty where the score can't be read from scores of images.

    A protocol that pools pixels gives SILog no interval rather than a wrong one.

    Args:
        cell: the row.
        protocol: by name.
        metric: by name.
        names: of the images.
        shared: the form of all rows that are compared (:func:`shared_form`); None for the row's own.
    """
    if len(names) < 2:
        return {}
    own = form_of(_recorded(cell, protocol, metric))
    if own is None:
        return {}
    form = shared or own
    row: dict[Hashable, PerImageSums] = {}
    for seed, runs in cell.by_seed.items():
        tables = [_columns(run, protocol, metric, names) for run in runs]
        pixels = tables[0][1] if form.pooled else np.ones(len(names))
        scores = np.mean([values**form.power for values, _ in tables], axis=0)
        row[seed] = form.sums(metric, scores, pixels, names)
    return row


def shared_form(cells: Iterable[Cell], protocol: str, metric: str) -> ImageForm | None:
    """The form that gives the recorded scores of all rows: a protocol has one; None where none does.

    Rows whose scores no form gives do not count.
    """
    every = [_recorded(cell, protocol, metric) for cell in {id(cell): cell for cell in cells}.values()]
    return form_of([one for recorded in every if form_of(recorded) for one in recorded])


def _recorded(cell: Cell, protocol: str, metric: str) -> list[tuple[Values, Values, float]]:
    """Scores and pixels of the images of each run, and its score; empty if a run lacks the score."""
    recorded = []
    for run in cell.scored:
        table, score = run.per_image.get(protocol, {}), run.scores.get(protocol, {}).get(metric)
        if score is None or metric not in table:
            return []
        recorded.append((table[metric], table.get("pixels", np.ones(len(table[metric]))), score))
    return recorded


def _columns(run: Run, protocol: str, metric: str, names: Names) -> tuple[Values, Values]:
    """Scores and pixels of these images."""
    table = run.per_image[protocol]
    place = {str(name): index for index, name in enumerate(table["name"])}
    chosen = [place[name] for name in names]
    pixels = table.get("pixels", np.ones(len(table["name"])))
    return table[metric][chosen], pixels[chosen]


def estimate_of(cell: Cell, protocol: str, metric: str) -> Estimate | None:
    """Mean over seeds and its 95 % interval: over seeds and test images, or over images where there is one seed.

    Over seeds alone (Student's t) if the score can't be read from scores of images.
    """
    scores = seed_scores(cell, protocol, metric)
    if not scores:
        return None
    row = row_of(cell, protocol, metric, image_names(cell, protocol, metric))
    found = estimates(row)[metric] if len(row) == len(scores) else over_seeds(scores)
    return found._replace(value=float(np.mean(scores)))


def compare_cells(groups: Sequence[Sequence[Cell]], protocol: str, metric: str) -> list[list[RowComparison]]:
    """Paired tests of all pairs of rows within each group, better row first; one family over all groups."""
    pairs = [list(combinations(rank(cells, protocol, metric), 2)) for cells in groups]
    testable, rows = [], []
    make = _RowMaker(protocol, metric, chain.from_iterable(groups))
    for place, group in enumerate(pairs):
        for a, b in group:
            first, second = make.both(a, b)
            if first and second:
                testable.append((place, a, b))
                rows.append((first, second))
    found: list[list[RowComparison]] = [[] for _ in groups]
    for (place, a, b), tested in zip(testable, compare_rows(rows), strict=True):
        found[place].append(RowComparison(a, b, tested[metric]))
    return found


class _RowMaker:
    """Rows of pairs over the images that both have; equal rows are made once, so that resamples are shared."""

    def __init__(self, protocol: str, metric: str, cells: Iterable[Cell]) -> None:
        self.protocol, self.metric = protocol, metric
        self.form = shared_form(cells, protocol, metric)
        self._names: dict[int, Names] = {}
        self._rows: dict[tuple[int, Names], SeedRow] = {}

    def both(self, a: Cell, b: Cell) -> tuple[SeedRow, SeedRow]:
        first, second = self._names_of(a), self._names_of(b)
        common = first if first == second else tuple(sorted(set(first) & set(second)))
        return self._row(a, common), self._row(b, common)

    def _names_of(self, cell: Cell) -> Names:
        if id(cell) not in self._names:
            self._names[id(cell)] = image_names(cell, self.protocol, self.metric)
        return self._names[id(cell)]

    def _row(self, cell: Cell, names: Names) -> SeedRow:
        key = id(cell), names
        if key not in self._rows:
            self._rows[key] = row_of(cell, self.protocol, self.metric, names, self.form)
        return self._rows[key]


def compare_pairs(pairs: Sequence[tuple[Cell, Cell]], protocol: str, metric: str) -> list[Tested | None]:
    """Tests of given pairs; None where two rows share no scores of single images."""
    make = _RowMaker(protocol, metric, chain.from_iterable(pairs))
    rows = [make.both(a, b) for a, b in pairs]
    tested = iter(compare_rows([pair for pair in rows if pair[0] and pair[1]]))
    return [next(tested)[metric] if pair[0] and pair[1] else None for pair in rows]


def rank(cells: Sequence[Cell], protocol: str, metric: str) -> list[Cell]:
    """The rows that have a score, best first."""
    scored = [(float(np.mean(scores)), cell) for cell in cells if (scores := seed_scores(cell, protocol, metric))]
    sign = -1 if higher_is_better(metric) else 1
    return [cell for _, cell in sorted(scored, key=lambda item: sign * item[0])]


def winner(cells: Sequence[Cell], protocol: str, metric: str, comparisons: Sequence[RowComparison]) -> Cell | None:
    """The best row if it differs from every other one after correction, else None."""
    ranked = rank(cells, protocol, metric)
    own = [pair for pair in comparisons if ranked and pair.a is ranked[0]]
    beaten = [pair for pair in own if is_better(pair, metric)]
    return ranked[0] if len(ranked) > 1 and len(beaten) == len(ranked) - 1 else None


def is_better(pair: RowComparison, metric: str) -> bool:
    """Whether the first row is better than the second beyond chance."""
    return better(pair.tested, higher_is_better(metric)) == 1
