"""The table of results as HTML: sentences first, then numbers, with their tests folded away."""

from depthbench.report.analyze.estimates import RowComparison
from depthbench.report.analyze.sentences import format_score, sample_text
from depthbench.report.analyze.study import row_label, symbol
from depthbench.report.analyze.table import Group, Row, Table
from depthbench.report.draw.style import Look, html
from depthbench.stats.directions import higher_is_better
from depthbench.stats.wording import p_number


def render_table(table: Table, look: Look, caption: str, downloads: str) -> str:
    """Findings, tools, table, caption and tests of one protocol."""
    said = "".join(f"<li>{html(text)}</li>" for group in table.groups for text in group.sentences)
    search = '<input type="search" placeholder="Filter rows" aria-label="Filter rows">'
    toggle = '<label><input type="checkbox" checked> intervals</label>'
    head = "".join(_head(metric) for metric in table.metrics)
    columns = len(table.metrics) + 2
    bodies = "".join(_body(group, table, look, columns) for group in table.groups)
    first = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in ("Method", "Seeds"))
    return (
        f'<ul class="findings">{said}</ul>'
        f'<div class="tools">{search}{toggle}<span class="files">Download {downloads}</span></div>'
        f'<div class="framed scroll"><table class="scores"><thead><tr>{first}{head}</tr></thead>{bodies}</table></div>'
        f'<p class="caption">{html(_legend(table))} {html(caption)}</p>{_tests(table)}'
    )


def _head(metric: str) -> str:
    up = higher_is_better(metric)
    arrow, words = ("↑", "higher is better") if up else ("↓", "lower is better")
    order = "descending" if up else "ascending"
    title = f'<button type="button" title="{html(metric)}: {words}">{html(symbol(metric))}</button>'
    return f'<th scope="col" data-first="{order}">{title} <span class="dir">{arrow}</span></th>'


def _body(group: Group, table: Table, look: Look, columns: int) -> str:
    title = (
        f'<tr class="group"><th colspan="{columns}" scope="rowgroup">{html(group.title)}</th></tr>'
        if group.title
        else ""
    )
    return f"<tbody>{title}{''.join(_row(row, group, table, look) for row in group.rows)}</tbody>"


def _row(row: Row, group: Group, table: Table, look: Look) -> str:
    name = f'<span class="name">{look.swatch(row.cell.method)}{html(row.label)}</span>'
    cells = "".join(_cell(row, table.protocol, metric) for metric in table.metrics)
    seeds = len(row.cell.by_seed)
    return (
        f'<tr data-filter="{html(f"{row.label} {group.title}")}"><td>{name}</td>'
        f'<td data-value="{seeds}">{seeds}</td>{cells}</tr>'
    )


def _cell(row: Row, protocol: str, metric: str) -> str:
    item, best = row.estimates[metric], metric in row.best
    if item is None:
        return f'<td data-value="">{row.missing(protocol, metric)}</td>'
    value = format_score(item.value)
    shown = f'<b title="better than every other row, p &lt; 0.05">{value}</b>' if best else value
    interval = f'<span class="interval">{format_score(item.low)}–{format_score(item.high)}</span>' if item.over else ""
    return f'<td data-value="{item.value!r}">{shown}{interval}</td>'


def _legend(table: Table) -> str:
    counts = [len(row.cell.by_seed) for group in table.groups for row in group.rows]
    kinds = {
        "seeds and images": "over seeds and test images",
        "images": "over test images (bootstrap), for the networks as trained",
        "seeds": "over seeds (Student's t)",
    }
    over = "; ".join(words for kind, words in kinds.items() if kind in table.over)
    parts = ["Mean over seeds."] if max(counts, default=0) > 1 else []
    parts += [f"Small: 95 % interval {over}."] if over else []
    parts.append(
        "Bold*: better than every other row of its group in a paired test; of tables whose rows are equal, at most 5 % "
        "have a bold number in a column. Without such evidence nothing is bold."
    )
    if counts and max(counts) == 1:
        parts.append(
            "With one seed a test compares trained networks; it does not show whether another seed would give the "
            "same order."
        )
    return " ".join(parts)


def _tests(table: Table) -> str:
    rows = "".join(_test(pair, group) for group in table.groups for pair in group.comparisons)
    if not rows:
        return ""
    names = ("Rows", "", f"Difference in {symbol(table.primary)}", "95 % interval", "p (adjusted)", "Sample")
    head = "".join(f'<th scope="col" class="text">{html(name)}</th>' for name in names)
    note = (
        "Paired tests of all pairs of rows within each group, adjusted for all of them (intervals are of each pair "
        "alone). Rows with one seed: images are exchanged (sign flips, max-T). Rows with two seeds or more: paired by "
        "seed, Student's t over seeds and images, Holm."
    )
    return (
        "<details><summary>All paired tests</summary><div class='framed scroll'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='caption'>{html(note)}</p></details>"
    )


def _test(pair: RowComparison, group: Group) -> str:
    names = f"{row_label(pair.a, group.title)} against {row_label(pair.b, group.title)}"
    value, low, high, _ = pair.tested.difference
    interval = f"[{low:+.4f}, {high:+.4f}]"
    cells = (names, group.title, f"{value:+.4f}", interval, p_number(pair.p), sample_text([pair]))
    return f"<tr>{''.join(f'<td class=text>{html(cell)}</td>' for cell in cells)}</tr>"
