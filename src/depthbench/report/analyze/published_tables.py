"""Published numbers beside ours: the tables of a paper, row by row, with what the runs at hand give."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from scipy import stats

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.report.analyze.estimates import estimate
from depthbench.report.analyze.study import Cell, Study, images_text, symbol
from depthbench.report.read.runs import Run
from depthbench.stats.crossed import Estimate
from depthbench.stats.wording import p_text

COLUMNS = ("exhibit", "row", "select", "metric", "value", "note")
ENOUGH_ROWS = 4


@dataclass(frozen=True)
class Number:
    """One number of a paper; ``select`` holds the overrides that make the run it belongs to, empty for none."""

    exhibit: str
    row: str
    select: Mapping[str, Any]
    metric: str
    value: float
    note: str


@dataclass(frozen=True)
class Line:
    """A row of a paper's table with our row beside it, where there is one."""

    label: str
    published: Mapping[str, float]
    here: Mapping[str, Estimate]
    seeds: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Exhibit:
    """A table or figure of a paper; ``sentence`` says whether our rows come in its order, where that can be told."""

    paper: str
    name: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    sentence: str


def paper_of(run: Run) -> str:
    """The paper whose study a run belongs to (``experiment=PAPER/STUDY``), or nothing."""
    return str(run.choices.get("experiment") or "").partition("/")[0]


def published_files(runs: Iterable[Run], given: Iterable[Path] = ()) -> list[Path]:
    """Each paper's ``published.csv``: of the studies that the runs belong to, and those given."""
    folder = config_dir() / "experiment"
    known = (folder / paper / "published.csv" for paper in sorted({paper_of(run) for run in runs} - {""}))
    return list(dict.fromkeys(path.resolve() for path in [*given, *filter(Path.is_file, known)]))


def read_published(path: Path) -> list[Number]:
    """Read the numbers of a paper.

    Raises:
        UserError: if the file is missing or lacks a column, or a value or an override in it can't be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV ({error}).") from error
    if rows and (lacking := set(COLUMNS) - set(rows[0])):
        raise UserError(f"{path} lacks the column {', '.join(sorted(lacking))}; it needs {','.join(COLUMNS)}.")
    numbers = []
    for place, row in enumerate(rows, 2):
        try:
            value = float(row["value"])
        except (TypeError, ValueError):
            raise UserError(f"{path}, line {place}: the value {row['value']!r} is no number.") from None
        try:
            select = _overrides(row["select"] or "")
        except yaml.YAMLError:
            raise UserError(f"{path}, line {place}: {row['select']!r} can't be read as key=value,key=value.") from None
        numbers.append(Number(row["exhibit"], row["row"], select, row["metric"], value, row["note"] or ""))
    return numbers


def _overrides(text: str) -> dict[str, Any]:
    """``loss=l1,data.size=[228,304]`` by key; commas in brackets belong to a value."""
    items = (item.partition("=") for item in re.split(r",(?![^\[]*\])", text) if item.strip())
    return {key.strip(): yaml.safe_load(value) for key, _, value in items}


def exhibits(study: Study, protocol: str, paper: str, numbers: Sequence[Number]) -> list[Exhibit]:
    """The paper's tables of which at least one row was run, in the paper's order."""
    found = []
    for name in dict.fromkeys(number.exhibit for number in numbers):
        here = [number for number in numbers if number.exhibit == name]
        metrics = tuple(dict.fromkeys(number.metric for number in here))
        lines = [line for row in dict.fromkeys(n.row for n in here) for line in _lines(study, protocol, row, here)]
        if any(line.here for line in lines):
            found.append(Exhibit(paper, name, metrics, tuple(lines), _order(paper, metrics[0], lines)))
    return found


def _lines(study: Study, protocol: str, row: str, numbers: Sequence[Number]) -> list[Line]:
    """A line per row of ours that the published row stands for, or one without numbers of ours."""
    by_select: dict[str, list[Number]] = {}
    for number in numbers:
        if number.row == row:
            by_select.setdefault(str(number.select), []).append(number)
    lines = []
    for group in by_select.values():
        published = {number.metric: number.value for number in group}
        notes = tuple(dict.fromkeys(number.note for number in group if number.note))
        cells = [cell for cell in study.cells if group[0].select and cell.scored and _selected(cell, group[0].select)]
        for cell in cells:
            label = row if len(cells) == 1 else f"{row}: {cell.method}, {images_text(cell.amount)}"
            here = {key: item for key in published if (item := estimate(cell, protocol, key))}
            lines.append(Line(label, published, here, len(cell.by_seed), notes))
        if not cells:
            lines.append(Line(row, published, {}, 0, notes))
    return lines


def _selected(cell: Cell, select: Mapping[str, Any]) -> bool:
    return all(_same(run.value(key), value) for run in cell.scored for key, value in select.items())


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) or str(value) == str(wanted)


def _order(paper: str, metric: str, lines: Sequence[Line]) -> str:
    """Whether rows come in the paper's order under its first metric (Kendall's rank correlation)."""
    pairs = [(line.published[metric], line.here[metric].value) for line in lines if metric in line.here]
    if len(pairs) < ENOUGH_ROWS:
        return f"With {len(pairs)} of {len(lines)} rows run, their order says nothing about {paper}'s."
    tau, p = stats.kendalltau(*zip(*pairs, strict=True))
    verdict = " no evidence of" if not p < 0.05 else "" if tau > 0 else " the reverse of"
    rows = f"By {symbol(metric)}, {len(pairs)} rows"
    return f"{rows} show{verdict} {paper}'s order (Kendall's τ {tau:.2f}, {p_text([p])})."
