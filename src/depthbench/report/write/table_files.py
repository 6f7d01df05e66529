"""Tables of results as CSV, Markdown and LaTeX."""

from depthbench.files import csv_text
from depthbench.report.analyze.estimates import seed_scores
from depthbench.report.analyze.sentences import estimate_text
from depthbench.report.analyze.study import Cell, row_label, symbol
from depthbench.report.analyze.table import Row, Table
from depthbench.report.write.text_tables import METRIC_TEX, latex, to_latex_text, to_markdown_text
from depthbench.stats.directions import higher_is_better


def to_csv(table: Table) -> str:
    """Every number in full, with the bounds of its interval."""
    header = ["protocol", "method", "images", "seeds"]
    for metric in table.metrics:
        header += [metric, f"{metric}_low", f"{metric}_high"]
    rows: list[list[object]] = [[*header, *table.others]]
    for row in (row for group in table.groups for row in group.rows):
        line: list[object] = [table.protocol, row.cell.method, row.cell.amount or "", len(row.cell.by_seed)]
        for metric in table.metrics:
            item = row.estimates[metric]
            line += [item.value, item.low, item.high] if item and item.over else [item.value if item else "", "", ""]
        line += [_mean(row.cell, table.protocol, metric) for metric in table.others]
        rows.append(line)
    return csv_text(rows)


def _mean(cell: Cell, protocol: str, metric: str) -> float | str:
    scores = seed_scores(cell, protocol, metric)
    return sum(scores) / len(scores) if scores else ""


def comparisons_csv(table: Table) -> str:
    """Every paired test of the primary metric, adjusted for all pairs of the table."""
    numbers_of = ["difference", "low", "high", "p", "p_adjusted", "images", "scenes", "seeds_a", "seeds_b"]
    rows: list[list[object]] = [["protocol", "metric", "group", "a", "b", *numbers_of]]
    for group in table.groups:
        for pair in group.comparisons:
            names = [row_label(pair.a, group.title), row_label(pair.b, group.title)]
            numbers = [*pair.tested.difference, pair.p, pair.images, pair.tested.scenes or "", *pair.seeds]
            rows.append([table.protocol, table.primary, group.title, *names, *numbers])
    return csv_text(rows)


def to_markdown(table: Table, caption: str) -> str:
    """A table for a README, bold only where a test shows a best row."""
    header = ["trained on", "method", "seeds", *(heading(metric) for metric in table.metrics)]
    rows = [
        [
            group.title or "–",
            row.label,
            str(len(row.cell.by_seed)),
            *(_score(row, table.protocol, key, "**{}**") for key in table.metrics),
        ]
        for group in table.groups
        for row in group.rows
    ]
    said = [f"- {sentence}" for group in table.groups for sentence in group.sentences]
    return to_markdown_text(header, 2, rows, [*said, "", f"{table.brackets} {caption}"])


def to_latex(table: Table, caption: str) -> str:
    """A ``booktabs`` table for a paper."""
    groups = [
        (
            group.title,
            [
                [
                    latex(row.label),
                    str(len(row.cell.by_seed)),
                    *(_score(row, table.protocol, key, "\\textbf{{{}}}") for key in table.metrics),
                ]
                for row in group.rows
            ],
        )
        for group in table.groups
    ]
    header = ["method", "seeds", *(latex_heading(metric) for metric in table.metrics)]
    return to_latex_text(header, 1, groups, f"{table.brackets} {caption}")


def heading(metric: str) -> str:
    """A metric with the direction in which it is better."""
    return f"{symbol(metric)} {'↑' if higher_is_better(metric) else '↓'}"


def latex_heading(metric: str) -> str:
    """The same in LaTeX."""
    return f"{METRIC_TEX.get(metric) or latex(symbol(metric))} {latex(heading(metric)[-1])}"


def _score(row: Row, protocol: str, metric: str, bold: str) -> str:
    """``0.183 [0.176, 0.190]``, with the mean in bold where a test shows it best."""
    item = row.estimates[metric]
    if item is None:
        return row.missing(protocol, metric)
    value, _, interval = estimate_text(item).partition(" ")
    return " ".join(filter(None, (bold.format(value) if metric in row.best else value, interval)))
