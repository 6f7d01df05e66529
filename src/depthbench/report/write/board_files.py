"""A leaderboard as CSV, Markdown and LaTeX, and as blocks for model cards and benchmark sites."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from depthbench.files import csv_text, write_atomically
from depthbench.report.analyze.board import Ranked, RulesTable, SetTable
from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import METRICS, symbol
from depthbench.report.read.boards import ShownBoard
from depthbench.report.write.table_files import heading, latex_heading
from depthbench.report.write.text_tables import latex, to_latex_text, to_markdown_text
from depthbench.results.hub import model_index, verification_table
from depthbench.stats.ranks import alike
from depthbench.stats.wording import p_number

NOTHING = "–"

BESIDE = ("TAE", "fov_error")


def write_board_files(board: ShownBoard, tables: Sequence[RulesTable], folder: Path) -> None:
    """Every number as ``cells.csv``, tests as ``differences.csv``, ranks as ``ranks.csv``; tables by their rules."""
    texts = {"cells.csv": cells_csv(board), "ranks.csv": ranks_csv(tables), "differences.csv": differences_csv(tables)}
    for table in tables:
        stem = slug_of(table.rules)
        texts[f"{stem}.tex"] = rules_latex(table)
        texts[f"{stem}.md"] = rules_markdown(table)
    results = list(board.results.values())
    head, *rows = verification_table(results)
    texts["verify.md"] = to_markdown_text(head, len(head), rows, [])
    for name in dict.fromkeys(one.model.name for one in results):
        index = model_index(name, [one for one in results if one.model.name == name])
        block = {"model-index": index}
        texts[f"card-{slug_of(name)}.yaml"] = yaml.safe_dump(block, sort_keys=False, allow_unicode=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)


def cells_csv(board: ShownBoard) -> str:
    """A row for each number, and for each cell without one its reason."""
    head = ["model", "kind", "data", "protocol", "version", "sha256", "metric", "value", "low", "high", "images"]
    rows: list[list[object]] = [[*head, "missing", "state", "reason"]]
    for place, cell in enumerate(board.cells):
        one = board.results.get(place)
        if one is None:
            rows.append([cell.model, "", cell.data, cell.protocol, *[""] * 8, cell.state, cell.reason])
            continue
        start = [cell.model, str(one.model.kind), cell.data, cell.protocol, one.rules.version, one.rules.sha256]
        counts = [f"{one.scores.get(name, 0):.0f}" for name in ("images", "missing")]
        rows += [
            [*start, metric, one.scores[metric], *limits, *counts, cell.state, ""]
            for metric, limits in one.limits.items()
        ]
    return csv_text(rows)


def ranks_csv(tables: Sequence[RulesTable]) -> str:
    """Ranks by rules, set and model, then mean ranks; critical differences beside them."""
    rows: list[list[object]] = [
        ["rules", "data", "metric", "model", "rank", "low", "high", "models", "critical_difference", "p", "blocks"]
    ]
    for table in tables:
        for one in table.sets:
            rows += _rank_rows(table, one.data, one.ranked, one)
        if len(table.sets) > 1:
            rows += _rank_rows(table, "all", table.mean_ranks, table)
    return csv_text(rows)


def _rank_rows(
    table: RulesTable, data: str, ranked: dict[str, Ranked], of: SetTable | RulesTable
) -> list[list[object]]:
    test = of.test
    told = [test.critical, test.p_value, test.blocks] if test else ["", "", ""]
    start = [table.rules, data, table.metric]
    return [[*start, name, one.rank, *one.limits, len(ranked), *told] for name, one in ranked.items()]


def differences_csv(tables: Sequence[RulesTable]) -> str:
    """Every paired test, adjusted for all pairs of models of its rules and data set."""
    numbers = ["difference", "low", "high", "p", "p_adjusted", "images", "scenes"]
    rows: list[list[object]] = [["rules", "data", "metric", "first", "second", *numbers]]
    for table in tables:
        for one in table.sets:
            for (first, second), test in one.tests.items():
                start = [table.rules, one.data, table.metric, first, second]
                rows.append([*start, *test.difference, test.p_adjusted, test.images, test.scenes or ""])
    return csv_text(rows)


def metrics_of(table: RulesTable, most: int = 2) -> list[str]:
    """The metrics of a table: AbsRel and delta1, as tables of today print them, where there are these.

    Scores of clips and cameras follow where all results have them.
    """
    known = [one.scores for part in table.sets for one in part.results.values()]
    found = [name for name in ("AbsRel", "delta1", *METRICS) if all(name in scores for scores in known)]
    beside = [name for name in BESIDE if all(name in scores for scores in known)]
    return [*list(dict.fromkeys(found))[:most], *beside] or [table.metric]


def rules_rows(table: RulesTable, bold: str, nothing: str = NOTHING) -> list[list[str]]:
    """Model, kind, two numbers for each set, and the mean rank with its interval; bold where a test shows it best."""
    rows = []
    for name in table.order:
        kind = table.kinds.get(name)
        row = [name, kind.words if kind else nothing]
        for one in table.sets:
            for metric in metrics_of(table):
                result = one.results.get(name)
                text = nothing if result is None else format_score(result.scores[metric])
                row.append(bold.format(text) if metric == table.metric and one.best == name else text)
        row.append(rank_text((table.mean_ranks if len(table.sets) > 1 else table.sets[0].ranked).get(name)))
        rows.append(row)
    return rows


def rank_text(ranked: Ranked | None) -> str:
    """``2 [1, 3]``."""
    if ranked is None:
        return NOTHING
    low, high = ranked.limits
    return f"{ranked.rank:.3g} [{low:.3g}, {high:.3g}]"


def rules_markdown(table: RulesTable) -> str:
    """A table for a README."""
    head = [f"{one.data} {heading(metric)}" for one in table.sets for metric in metrics_of(table)]
    return to_markdown_text(["model", "kind", *head, "rank"], 2, rules_rows(table, "**{}**"), [rules_caption(table)])


def rules_latex(table: RulesTable) -> str:
    """A ``booktabs`` table for a paper: sets above their metrics."""
    metrics = metrics_of(table)
    found = rules_rows(table, "\\textbf{{{}}}")
    rows = [[cell if cell.startswith("\\textbf") else latex(cell) for cell in row] for row in found]
    head = [latex_heading(metric) for _ in table.sets for metric in metrics]
    text = to_latex_text(["model", "kind", *head, "rank"], 2, [("", rows)], rules_caption(table))
    spans = "".join(f" & \\multicolumn{{{len(metrics)}}}{{c}}{{{latex(one.data)}}}" for one in table.sets)
    width = len(metrics)
    columns = [(3 + place * width, 2 + (place + 1) * width) for place in range(len(table.sets))]
    rule = "".join(f"\\cmidrule(lr){{{first}-{last}}}" for first, last in columns)
    return text.replace("\\toprule\n", f"\\toprule\n &{spans} & \\\\\n{rule}\n", 1)


def rules_caption(table: RulesTable) -> str:
    """Notes for the reader: rules, alignment, ranks, critical difference, and methods that do not differ."""
    versions = {one.rules.version: None for part in table.sets for one in part.results.values()}
    parts = [f"Rules {table.rules} (version {', '.join(map(str, versions))}), alignment {table.alignment}."]
    over = "sets and images (hierarchical bootstrap)" if len(table.sets) > 1 else "images (paired bootstrap)"
    parts.append(f"Rank by {symbol(table.metric)}, in brackets its 95 % interval over {over}.")
    parts.append("Bold: better than every other model in paired tests over images, adjusted for all pairs.")
    parts.append(critical_text(table))
    if left := sorted({name for one in table.sets for name in one.other}):
        parts.append(f"Not ranked, because scored on other images or by other rules: {', '.join(left)}.")
    return " ".join(filter(None, parts))


def critical_text(table: RulesTable) -> str:
    """Friedman's test and Nemenyi's critical difference in words."""
    test = table.test
    if test is None:
        return "" if len(table.sets) == 1 else "Too few sets or models for a critical difference of mean ranks."
    names = list(table.sets[0].sums) if len(table.sets) == 1 else list(table.complete)
    of = f"{test.blocks} {'sets' if len(table.sets) > 1 else 'images or scenes'}"
    told = f"Over {of}: Friedman p {p_number(test.p_value)}, critical difference of mean ranks {test.critical:.2f}"
    groups = [" = ".join(names[place] for place in group) for group in alike(test.mean_ranks, test.critical)]
    return f"{told}; not told apart: {'; '.join(groups)}." if groups else f"{told}."


def slug_of(text: str) -> str:
    """A part of a file's name."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or "table"
