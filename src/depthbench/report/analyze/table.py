"""The table of results: one row per method and amount of data, and the same as CSV, Markdown and LaTeX."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from depthbench.report.analyze.estimates import RowComparison, compare_cells, estimate_of, winner
from depthbench.report.analyze.sentences import sentences
from depthbench.report.analyze.study import METRICS, Cell, Study, row_label
from depthbench.stats.crossed import Estimate

SHOWN = ("AbsRel", "RMSE", "delta1")


@dataclass(frozen=True)
class Row:
    """One row: its estimates by metric, and the metrics in which a test shows it best."""

    label: str
    cell: Cell
    estimates: dict[str, Estimate | None]
    best: frozenset[str]

    def missing(self, protocol: str, metric: str) -> str:
        """The sign for a missing score: ``NaN`` where it is not a number, a dash where there is none."""
        scored = any(metric in run.scores.get(protocol, {}) for run in self.cell.scored)
        return "NaN" if scored else "–"


@dataclass(frozen=True)
class Group:
    """Rows that are compared with each other, and the statements that the tests support."""

    title: str
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    comparisons: tuple[RowComparison, ...]


@dataclass(frozen=True)
class Table:
    """All results of a study under one protocol: the usual metrics to be read, the others in the CSV alone."""

    protocol: str
    metrics: tuple[str, ...]
    others: tuple[str, ...]
    groups: tuple[Group, ...]

    @property
    def primary(self) -> str:
        """The metric of the sentences and figures: AbsRel where there is one."""
        return "AbsRel" if "AbsRel" in self.metrics else self.metrics[0]

    @property
    def over(self) -> frozenset[str]:
        """The units (seeds, images) that intervals are over."""
        found = {item.over for group in self.groups for row in group.rows for item in row.estimates.values() if item}
        return frozenset(found - {""})

    @property
    def shown(self) -> list[str]:
        """The metrics of figures."""
        return [metric for metric in SHOWN if metric in self.metrics] or list(self.metrics[:3])

    @property
    def bars(self) -> str:
        """Description of the error bars of a figure."""
        return intervals_text(self.over, "Bars")

    @property
    def brackets(self) -> str:
        """Description of the brackets in a Markdown or LaTeX table."""
        return f"Means over seeds. {intervals_text(self.over, 'In brackets')}"


def intervals_text(over: Iterable[str], where: str) -> str:
    """A sentence about the units (seeds, images) that intervals of a figure or table are over."""
    kinds = {"seeds": "seeds", "images": "test images (the runs' own seeds are fixed)"}
    kinds["seeds and images"] = "seeds and test images"
    told = " or ".join(kinds[kind] for kind in sorted(over))
    return f"{where}: 95 % intervals over {told}." if told else "No intervals: there are no scores of single images."


def build_table(study: Study, protocol: str) -> Table | None:
    """Estimates, tests and sentences of a study; None where nothing was scored."""
    found = study.metrics(protocol)
    if not found:
        return None
    shown = tuple(metric for metric in found if metric in METRICS) or found
    primary = "AbsRel" if "AbsRel" in shown else shown[0]
    groups = study.groups(protocol)
    # One family per metric: all pairs of rows that stand in one group, over all groups.
    tests = {metric: compare_cells(list(groups.values()), protocol, metric) for metric in shown}
    built = tuple(
        _group(title, cells, protocol, primary, {metric: tests[metric][place] for metric in shown})
        for place, (title, cells) in enumerate(groups.items())
    )
    return Table(protocol, shown, tuple(metric for metric in found if metric not in shown), built)


def _group(
    title: str, cells: Sequence[Cell], protocol: str, primary: str, tests: Mapping[str, list[RowComparison]]
) -> Group:
    best = {metric: winner(cells, protocol, metric, tests[metric]) for metric in tests}
    rows = tuple(
        Row(
            label=row_label(cell, title),
            cell=cell,
            estimates={metric: estimate_of(cell, protocol, metric) for metric in tests},
            best=frozenset(metric for metric in tests if best[metric] is cell),
        )
        for cell in cells
    )
    said = tuple(sentences(title, cells, protocol, primary, tests[primary]))
    return Group(title, rows, said, tuple(tests[primary]))
