"""A paper's tables with our numbers beside: as HTML, CSV, Markdown and LaTeX."""

from collections.abc import Iterable, Sequence

from depthbench.files import csv_text
from depthbench.report.analyze.published_tables import Exhibit, Line
from depthbench.report.analyze.sentences import estimate_text, format_score
from depthbench.report.analyze.table import intervals_text
from depthbench.report.draw.style import html
from depthbench.report.write.table_files import heading, latex_heading
from depthbench.report.write.text_tables import latex, to_latex_text, to_markdown_text

NONE = "–"


def render_exhibits(exhibits: Sequence[Exhibit], key: str, where: str, caption: str) -> str:
    """A data set's section: every exhibit with a run, the first one open; ``where`` names the runs' data and scale."""
    if not exhibits:
        return ""
    parts = [f'<section id="{key}-published"><h2>Published numbers</h2>']
    for index, exhibit in enumerate(exhibits):
        title = html(f"{exhibit.paper}, {exhibit.name}")
        opened = " open" if index == 0 else ""
        parts.append(f"<details{opened}><summary>{title}</summary>{_table(exhibit, where, caption)}</details>")
    return "".join([*parts, "</section>"])


def _table(exhibit: Exhibit, where: str, caption: str) -> str:
    names = ["Seeds", *(f"{heading(metric)} {whose}" for metric in exhibit.metrics for whose in ("published", where))]
    head = '<th scope="col" class="text"><button type="button">Row</button></th>'
    head += "".join(f'<th scope="col"><button type="button">{html(name)}</button></th>' for name in names)
    body = "".join(f"<tr>{_cells(line, exhibit.metrics)}</tr>" for line in exhibit.lines)
    return (
        f'<p>{html(exhibit.sentence)}</p><div class="framed scroll"><table class="published"><thead><tr>{head}</tr>'
        f'</thead><tbody>{body}</tbody></table></div><p class="caption">{html(_caption(exhibit, caption))}</p>'
    )


def _cells(line: Line, metrics: Iterable[str]) -> str:
    title = f' title="{html("; ".join(line.notes))}"' if line.notes else ""
    cells = [f'<td class="text"{title}>{html(line.label)}</td>', f"<td>{line.seeds or NONE}</td>"]
    for metric in metrics:
        value, item = line.published.get(metric), line.here.get(metric)
        cells.append(f'<td data-value="{"" if value is None else value}">{_number(value)}</td>')
        ours = f'<td data-value="{item.value}">{format_score(item.value)}' if item else f'<td data-value="">{NONE}'
        bounds = f"{format_score(item.low)}–{format_score(item.high)}" if item and item.over else ""
        cells.append(f'{ours}<span class="interval">{bounds}</span></td>' if bounds else f"{ours}</td>")
    return "".join(cells)


def _number(value: float | None) -> str:
    return NONE if value is None else format_score(value)


def _caption(exhibit: Exhibit, caption: str) -> str:
    timed = any(metric.startswith("seconds") for metric in exhibit.metrics)
    machine = " Times are those of the machine named under Runs." if timed else ""
    over = {item.over for line in exhibit.lines for item in line.here.values() if item.over}
    intervals = f" {intervals_text(over, 'With it')}" if over else ""
    return (
        f"Published: {exhibit.paper}, {exhibit.name}. Beside it the mean over our seeds.{intervals}{machine} {caption}"
    )


def exhibits_csv(exhibits: Iterable[Exhibit]) -> str:
    """One line per number, in full."""
    rows: list[list[object]] = [
        ["paper", "exhibit", "row", "metric", "published", "here", "low", "high", "interval_over", "seeds", "note"]
    ]
    for exhibit in exhibits:
        for line in exhibit.lines:
            for metric, value in line.published.items():
                item = line.here.get(metric)
                ours = [item.value, item.low, item.high, item.over] if item else [""] * 4
                start = [exhibit.paper, exhibit.name, line.label, metric, value]
                rows.append([*start, *ours, line.seeds, "; ".join(line.notes)])
    return csv_text(rows)


def exhibits_markdown(exhibits: Iterable[Exhibit], where: str, caption: str) -> str:
    """A Markdown table per exhibit: ``published / here [interval]``."""
    parts = []
    for exhibit in exhibits:
        header = ["row", "seeds", *(f"{heading(metric)} published / {where}" for metric in exhibit.metrics)]
        rows = [[line.label, str(line.seeds or NONE), *_pairs(line, exhibit.metrics)] for line in exhibit.lines]
        notes = [exhibit.sentence, "", _caption(exhibit, caption)]
        parts.append(f"### {exhibit.paper}, {exhibit.name}\n\n{to_markdown_text(header, 1, rows, notes)}")
    return "\n".join(parts)


def exhibits_latex(exhibits: Iterable[Exhibit], where: str, caption: str) -> str:
    """A LaTeX table per exhibit."""
    parts = []
    for exhibit in exhibits:
        header = [
            "row",
            "seeds",
            *(f"{latex_heading(metric)} published / {latex(where)}" for metric in exhibit.metrics),
        ]
        rows = [
            [latex(text) for text in (line.label, str(line.seeds or NONE), *_pairs(line, exhibit.metrics))]
            for line in exhibit.lines
        ]
        parts.append(to_latex_text(header, 1, [("", rows)], f"{exhibit.sentence} {_caption(exhibit, caption)}"))
    return "\n".join(parts)


def _pairs(line: Line, metrics: Iterable[str]) -> list[str]:
    ours = {metric: estimate_text(item) for metric, item in line.here.items()}
    return [f"{_number(line.published.get(metric))} / {ours.get(metric, NONE)}" for metric in metrics]
