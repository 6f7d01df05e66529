"""The page of a leaderboard: ranks with intervals, tables by rules, data set and kind, where each model is best."""

from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from depthbench.files import write_atomically
from depthbench.report.analyze.board import Extreme, RulesTable, SetTable, extremes, frames_apart, rules_tables
from depthbench.report.analyze.sentences import format_score
from depthbench.report.draw.plot import Figure
from depthbench.report.draw.rank_diagram import rank_diagram
from depthbench.report.draw.style import Look, html
from depthbench.report.read.boards import ShownBoard
from depthbench.report.write.board_files import (
    NOTHING,
    metrics_of,
    rank_text,
    rules_caption,
    slug_of,
    write_board_files,
)
from depthbench.report.write.board_gallery import render_panels
from depthbench.report.write.html_figures import render_figure
from depthbench.report.write.table_files import heading
from depthbench.results.board import State
from depthbench.stats.wording import p_number


def write_board(board: ShownBoard, output: Path, title: str | None = None, figures: bool = True) -> None:
    """Write the page, and beside it ``<name>_files/`` with tables, ranks, tests and blocks for model cards.

    Args:
        board: from :func:`~depthbench.report.read.boards.read_shown`.
        output: the HTML file; its folder must exist.
        title: the heading.
        figures: also write the diagrams of ranks as PNG and PDF.
    """
    tables = rules_tables(board.cells, board.results)
    models = list(dict.fromkeys(cell.model for cell in board.cells))
    look = Look(models)
    diagrams = {table.rules: figure for table in tables if (figure := _diagram(table, look))}
    write_atomically(output, render_board(board, tables, look, diagrams, title or _title(board)))
    files = output.with_name(f"{output.stem}_files")
    files.mkdir(exist_ok=True)
    write_board_files(board, tables, files)
    for rules, figure in diagrams.items() if figures else ():
        figure.save(files / f"{slug_of(rules)}-ranks", look)


def _title(board: ShownBoard) -> str:
    counts = [len({getattr(cell, key) for cell in board.cells}) for key in ("model", "data")]
    told = [f"{count} {name}{'s' * (count != 1)}" for count, name in zip(counts, ("model", "data set"), strict=True)]
    return " on ".join(told)


def _diagram(table: RulesTable, look: Look) -> Figure | None:
    """Draw mean ranks over sets, or over the images of a single one."""
    test = table.test
    if test is None:
        return None
    names = list(table.sets[0].sums) if len(table.sets) == 1 else list(table.complete)
    caption = (
        "Bars join models whose mean ranks differ by less than Nemenyi's critical difference, over "
        f"{test.blocks} {'data sets' if len(table.sets) > 1 else 'images or scenes'}."
    )
    draw = rank_diagram(names, test, look)
    size = 5.0, 1.2 + 0.3 * len(names)
    return Figure(f"{slug_of(table.rules)}-ranks", f"Ranks, {table.rules}", caption, (draw,), (), size)


def render_board(
    board: ShownBoard, tables: Sequence[RulesTable], look: Look, diagrams: dict[str, Figure], title: str
) -> str:
    """The whole page."""
    links = "".join(f'<a href="#{slug_of(table.rules)}">{html(table.rules)}</a>' for table in tables)
    parts = [f'<header><p class="eyebrow">depthbench leaderboard</p><h1>{html(title)}</h1>{_lead(board)}']
    parts.append(f"<nav>{links}<a href='#kinds'>By kind</a><a href='#where'>Best and worst</a></nav></header>")
    for table in tables:
        diagram = render_figure(diagrams[table.rules], look, "board") if table.rules in diagrams else ""
        parts += [_rules_section(table, look), diagram]
    parts += [_kinds(tables), _where(tables), render_panels(board.panels, "panels"), _empty(board), _footer(board)]
    folder = resources.files("depthbench.report.write")
    css, js, page = ((folder / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))
    return Template(page).substitute(title=html(title), css=css, js=js, body="\n".join(parts))


def _lead(board: ShownBoard) -> str:
    counts = Counter(cell.state for cell in board.cells)
    told = [f"{counts['done']} of {len(board.cells)} cells have numbers"]
    told += [f"{counts[state]} {words}" for state, words in _WHY.items() if counts[state]]
    return f'<p class="lead">{html("; ".join(told))}.</p>'


_WHY: dict[State, str] = {"empty": "can't be scored by their rules", "failed": "failed"}


def _rules_section(table: RulesTable, look: Look) -> str:
    metrics = metrics_of(table)
    sets = "".join(f'<th colspan="{len(metrics) + 1}">{html(one.data)}</th>' for one in table.sets)
    head = "".join(f"<th>{html(heading(metric))}</th>" for metric in metrics) + "<th>rank</th>"
    mean = '<th rowspan="2">mean rank</th>' if len(table.sets) > 1 else ""
    rows = "".join(_model_row(table, name, look, metrics) for name in table.order)
    return (
        f'<section id="{slug_of(table.rules)}"><h2>{html(table.rules)}</h2><div class="framed scroll">'
        f'<table class="scores"><thead><tr><th rowspan="2">Model</th>{sets}{mean}</tr><tr>{head * len(table.sets)}</tr>'
        f'</thead><tbody>{rows}</tbody></table></div><p class="caption">{html(rules_caption(table))}</p>{_tests(table)}'
        "</section>"
    )


def _model_row(table: RulesTable, name: str, look: Look, metrics: Sequence[str]) -> str:
    kind = table.kinds.get(name)
    told = f'<span class="interval">{html(kind.words)}</span>' if kind else ""
    cells = [f'<td><span class="name">{look.swatch(name)}{html(name)}</span>{told}</td>']
    for one in table.sets:
        result = one.results.get(name)
        if result is None:
            reason = one.absent.get(name, "not asked for")
            cells.append(f'<td colspan="{len(metrics) + 1}" title="{html(reason)}">{NOTHING}</td>')
            continue
        for metric in metrics:
            value, limits = format_score(result.scores[metric]), result.limits.get(metric)
            shown = f"<b>{value}</b>" if metric == one.metric and one.best == name else value
            between = "–".join(map(format_score, limits)) if limits else ""
            cells.append(f'<td>{shown}<span class="interval">{between}</span></td>')
        cells.append(f"<td>{html(rank_text(one.ranked.get(name)))}</td>")
    if len(table.sets) > 1:
        cells.append(f"<td>{html(rank_text(table.mean_ranks.get(name)))}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _tests(table: RulesTable) -> str:
    rows = []
    for one in table.sets:
        for (first, second), test in one.tests.items():
            value, low, high, _ = test.difference
            numbers = f"{value:+.4f}", f"[{low:+.4f}, {high:+.4f}]", p_number(test.p_adjusted)
            told = (one.data, f"{first} − {second}", *numbers)
            rows.append(f"<tr>{''.join(f'<td class=text>{html(cell)}</td>' for cell in told)}</tr>")
    if not rows:
        return ""
    names = ("Data", "Models", f"Difference in {table.metric}", "95 % interval", "p (adjusted)")
    head = "".join(f'<th class="text">{html(name)}</th>' for name in names)
    return (
        "<details><summary>All paired tests</summary><div class='framed scroll'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _kinds(tables: Sequence[RulesTable]) -> str:
    """List the models of each kind of output, and their number under every set of rules that serves it."""
    parts = ['<section id="kinds"><h2>By kind of output</h2>']
    kinds = list(dict.fromkeys(kind for table in tables for kind in table.kinds.values()))
    for kind in kinds:
        models = dict.fromkeys(name for table in tables for name in table.models if table.kinds.get(name) == kind)
        columns = [(table, one) for table in tables for one in table.sets if models.keys() & one.results.keys()]
        names = (f"{html(one.data)}<br>{html(table.rules)}<br>{html(one.metric)}" for table, one in columns)
        head = "".join(f"<th>{name}</th>" for name in names)
        rows = []
        for name in models:
            cells = "".join(f"<td>{_number(one, name)}</td>" for _, one in columns)
            rows.append(f"<tr><td>{html(name)}</td>{cells}</tr>")
        parts.append(
            f'<h3>{html(kind.words)}</h3><div class="framed scroll"><table><thead><tr><th>Model</th>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )
    return "".join([*parts, "</section>"])


def _number(table: SetTable, name: str) -> str:
    return format_score(table.results[name].scores[table.metric]) if name in table.results else NOTHING


def _where(tables: Sequence[RulesTable]) -> str:
    """The best and worst rank of each model, and the images on which it differs most from the others."""
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table.models):
        found = extremes(name, tables)
        best, worst = map(_extreme_text, found) if found else (NOTHING, NOTHING)
        ahead, behind = _frames_text(name, tables)
        cells = (name, best, worst, ahead, behind)
        columns = (f'<td class="text wrap">{html(cell)}</td>' for cell in cells)
        rows.append(f"<tr>{''.join(columns)}</tr>")
    names = ("Model", "Best rank", "Worst rank", "Images ahead of the others", "Images behind the others")
    head = "".join(f'<th class="text">{name}</th>' for name in names)
    note = "Images: the score minus the median of the other models, under the first rules and set with several models."
    return (
        f'<section id="where"><h2>Where each is best and worst</h2><div class="framed scroll"><table><thead><tr>{head}'
        f'</tr></thead><tbody>{"".join(rows)}</tbody></table></div><p class="caption">{note}</p></section>'
    )


def _extreme_text(one: Extreme) -> str:
    return f"{one.rank:g} of {one.models}: {one.data}, {one.rules}"


def _frames_text(name: str, tables: Sequence[RulesTable]) -> tuple[str, str]:
    for table in tables:
        for one in table.sets:
            ahead, behind = frames_apart(name, one)
            if ahead:
                texts = ["; ".join(f"{frame} ({apart:+.3f})" for frame, apart in frames) for frames in (ahead, behind)]
                return f"{one.data}: {texts[0]}", f"{one.data}: {texts[1]}"
    return NOTHING, NOTHING


def _empty(board: ShownBoard) -> str:
    """Cells without numbers, with their reason."""
    left = [cell for cell in board.cells if cell.state != "done"]
    if not left:
        return ""
    rows = "".join(
        f'<tr><td class="text">{html(cell.model)}</td><td class="text">{html(cell.data)}</td>'
        f'<td class="text">{html(cell.protocol)}</td><td class="text wrap">{html(cell.reason)}</td></tr>'
        for cell in left
    )
    return (
        f'<section id="empty"><details><summary>{len(left)} cells without numbers</summary><div class="framed scroll">'
        f"<table><tbody>{rows}</tbody></table></div></details></section>"
    )


def _footer(board: ShownBoard) -> str:
    codes = ", ".join(sorted({one.code for one in board.results.values()}))
    return f"<footer>Made from results of depthbench {html(codes)} by <code>depthbench report</code>.</footer>"
