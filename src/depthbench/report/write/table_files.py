"""Tables of results as CSV, Markdown and LaTeX."""

from depthbench.report.analyze.estimates import seed_scores
from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import Cell, higher_is_better, row_label, symbol
from depthbench.report.analyze.table import Row, Table
from depthbench.report.write.text_tables import METRIC_TEX, latex, to_csv_text, to_latex_text, to_markdown_text


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
    return to_csv_text(rows)


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
    return to_csv_text(rows)


def to_markdown(table: Table, caption: str) -> str:
    """A table for a README, bold only where a test shows a best row."""
    header = ["data", "method", "seeds", *(heading(metric) for metric in table.metrics)]
    rows = [
        [
            group.title or "–",
            row.label,
            str(len(row.cell.by_seed)),
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
