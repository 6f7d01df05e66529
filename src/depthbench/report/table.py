"""The table of results: one row per method and amount of data, and the same as CSV, Markdown and LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass

from depthbench.report.evidence import Comparison, Estimate, compare, estimate, seed_scores, winner
from depthbench.report.grid import METRIC_TEX, latex, to_csv_text, to_latex_text, to_markdown_text
from depthbench.report.study import METRICS, Cell, Study, higher_is_better, row_label, symbol
from depthbench.report.words import format_score, sentences

SHOWN = ("AbsRel", "RMSE", "delta1")


@dataclass(frozen=True)
class Row:
    """One row: its estimates by metric, and the metrics in which a test shows it best."""

    label: str
    cell: Cell
    estimates: dict[str, Estimate | None]
    best: frozenset[str]


@dataclass(frozen=True)
class Group:
    """Rows that are compared with each other, and what may be said of them."""

    title: str
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


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
        """What the intervals are over."""
        found = {item.over for group in self.groups for row in group.rows for item in row.estimates.values() if item}
        return frozenset(found - {""})

    @property
    def shown(self) -> list[str]:
        """The metrics of figures."""
        return [metric for metric in SHOWN if metric in self.metrics] or list(self.metrics[:3])

    @property
    def bars(self) -> str:
        """What the error bars of a figure are."""
        kinds = {"seeds": "seeds", "images": "test images (the runs' own seeds are fixed)"}
        over = " or ".join(kinds[kind] for kind in sorted(self.over))
        return f"Bars: 95 % intervals over {over}." if over else "No intervals: there are no scores of single images."


def build_table(study: Study, protocol: str) -> Table | None:
    """Estimates, tests and sentences of a study; None where nothing was scored."""
    found = study.metrics(protocol)
    if not found:
        return None
    shown = tuple(metric for metric in found if metric in METRICS) or found
    primary = "AbsRel" if "AbsRel" in shown else shown[0]
    groups = tuple(_group(title, cells, protocol, shown, primary) for title, cells in study.groups(protocol).items())
    return Table(protocol, shown, tuple(metric for metric in found if metric not in shown), groups)


def _group(title: str, cells: Sequence[Cell], protocol: str, metrics: Sequence[str], primary: str) -> Group:
    tests = {metric: compare(cells, protocol, metric) for metric in metrics}
    best = {metric: winner(cells, protocol, metric, tests[metric]) for metric in metrics}
    rows = tuple(
        Row(
            label=row_label(cell, title),
            cell=cell,
            estimates={metric: estimate(cell, protocol, metric) for metric in metrics},
            best=frozenset(metric for metric in metrics if best[metric] is cell),
        )
        for cell in cells
    )
    said = tuple(sentences(title, cells, protocol, primary, tests[primary]))
    return Group(title, rows, said, tuple(tests[primary]))


def to_csv(table: Table) -> str:
    """Every number in full, with the bounds of its interval."""
    header = ["protocol", "method", "images", "seeds"]
    for metric in table.metrics:
        header += [metric, f"{metric}_low", f"{metric}_high"]
    rows: list[list[object]] = [[*header, *table.others]]
    for row in (row for group in table.groups for row in group.rows):
        line: list[object] = [table.protocol, row.cell.method, row.cell.amount or "", len(row.cell.scored)]
        for metric in table.metrics:
            item = row.estimates[metric]
            line += [item.value, item.low, item.high] if item and item.over else [item.value if item else "", "", ""]
        line += [_mean(row.cell, table.protocol, metric) for metric in table.others]
        rows.append(line)
    return to_csv_text(rows)


def _mean(cell: Cell, protocol: str, metric: str) -> float | str:
    scores = seed_scores(cell, protocol, metric)
    return sum(scores) / len(scores) if scores else ""


def comparisons_csv(table: Table) -> str:
    """Every paired test of the primary metric, Holm-corrected within its group."""
    numbers_of = ["mean_difference", "p_holm", "images", "seeds_a", "seeds_b"]
    rows: list[list[object]] = [["protocol", "metric", "group", "a", "b", *numbers_of]]
    for group in table.groups:
        for pair in group.comparisons:
            names = [row_label(pair.a, group.title), row_label(pair.b, group.title)]
            numbers = [pair.difference, pair.p, pair.images, *pair.seeds]
            rows.append([table.protocol, table.primary, group.title, *names, *numbers])
    return to_csv_text(rows)


def to_markdown(table: Table, caption: str) -> str:
    """A table for a README, bold only where a test shows a best row."""
    header = ["data", "method", "seeds", *(heading(metric) for metric in table.metrics)]
    rows = [
        [
            group.title or "–",
            row.label,
            str(len(row.cell.scored)),
            *(_score(row, key, "**{}**") for key in table.metrics),
        ]
        for group in table.groups
        for row in group.rows
    ]
    said = [f"- {sentence}" for group in table.groups for sentence in group.sentences]
    return to_markdown_text(header, 2, rows, [*said, "", caption])


def to_latex(table: Table, caption: str) -> str:
    """A ``booktabs`` table for a paper."""
    groups = [
        (
            group.title,
            [[latex(row.label), *(_score(row, key, "\\textbf{{{}}}") for key in table.metrics)] for row in group.rows],
        )
        for group in table.groups
    ]
    return to_latex_text(["method", *(latex_heading(metric) for metric in table.metrics)], 1, groups, caption)


def heading(metric: str) -> str:
    """A metric with the direction in which it is better."""
    return f"{symbol(metric)} {'↑' if higher_is_better(metric) else '↓'}"


def latex_heading(metric: str) -> str:
    """The same in LaTeX."""
    return f"{METRIC_TEX.get(metric) or latex(symbol(metric))} {latex(heading(metric)[-1])}"


def _score(row: Row, metric: str, bold: str) -> str:
    item = row.estimates[metric]
    text = format_score(item.value) if item else "–"
    return bold.format(text) if metric in row.best else text
