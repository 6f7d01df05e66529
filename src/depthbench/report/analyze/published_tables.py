"""Published numbers beside ours: the tables of a paper, row by row, with the scores of the runs at hand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scipy import stats

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.input_files import read_table
from depthbench.report.analyze.estimates import estimate_of
from depthbench.report.analyze.selection import read_selection, selected
from depthbench.report.analyze.study import Cell, Study, images_text, symbol
from depthbench.report.read.runs import Run
from depthbench.stats.crossed import Estimate
from depthbench.stats.wording import p_text

PROTOCOL = "protocol"  # in `select`: the protocol under which our row is scored
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
class Paper:
    """A paper's numbers, beside which its own studies' runs stand.

    Where the user ``given`` the file, runs that belong to no paper's study may stand there, too.
    """

    name: str
    numbers: tuple[Number, ...]
    given: bool = False

    def own(self, study: Study) -> Study:
        """The rows of a study, each with the runs that count for this paper."""
        cells = (replace(cell, runs=tuple(run for run in cell.runs if self._owns(run))) for cell in study.cells)
        return replace(study, cells=tuple(cell for cell in cells if cell.runs))

    def _owns(self, run: Run) -> bool:
        study = paper_of(run)
        return study == self.name or (self.given and not shipped_numbers(study).is_file())


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
    """A table or figure of a paper; ``sentence`` says whether our rows come in its order, if the data decide."""

    paper: str
    name: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    sentence: str


def paper_of(run: Run) -> str:
    """The paper whose study a run belongs to (``experiment=PAPER/STUDY``), or nothing."""
    return str(run.choices.get("experiment") or "").partition("/")[0]


def shipped_numbers(paper: str) -> Path:
    """The file of published numbers that comes with a paper's studies."""
    return config_dir() / "experiment" / (paper or "none") / "published.csv"


def read_papers(runs: Iterable[Run], given: Iterable[Path] = ()) -> list[Paper]:
    """The numbers of each paper: of the studies that the runs belong to, and those given.

    Raises:
        UserError: if a file can't be read.
    """
    asked = list(dict.fromkeys(path.resolve() for path in given))
    known = [shipped_numbers(paper).resolve() for paper in sorted({paper_of(run) for run in runs} - {""})]
    files: dict[str, list[Path]] = {}
    for path in dict.fromkeys([*asked, *filter(Path.is_file, known)]):
        files.setdefault(path.parent.name, []).append(path)
    return [
        Paper(name, tuple(n for path in paths for n in read_published(path)), any(path in asked for path in paths))
        for name, paths in files.items()
    ]


def read_published(path: Path) -> list[Number]:
    """Read the numbers of a paper.

    Raises:
        UserError: if the file is missing or lacks a column, or a value or an override in it can't be read.
    """
    header, *lines = read_table(path) or [[]]
    rows = [dict(zip_longest(header, line[: len(header)])) for line in lines if line]
    if rows and (lacking := set(COLUMNS) - set(rows[0])):
        raise UserError(f"{path} lacks the column {', '.join(sorted(lacking))}; it needs {','.join(COLUMNS)}.")
    numbers = []
    for place, row in enumerate(rows, 2):
        try:
            value = float(row["value"])
        except (TypeError, ValueError):
            raise UserError(f"{path}, line {place}: the value {row['value']!r} is not a number.") from None
        try:
            select = read_selection(row["select"]) if row["select"] else {}
        except ValueError:
            raise UserError(f"{path}, line {place}: {row['select']!r} can't be read as key=value,key=value.") from None
        numbers.append(Number(row["exhibit"], row["row"], select, row["metric"], value, row["note"] or ""))
    return numbers


def exhibits(study: Study, paper: Paper) -> list[Exhibit]:
    """The paper's tables of which at least one row was run, in the paper's order."""
    own = paper.own(study)
    cells, protocol = own.cells, chosen_protocol(own)
    found = []
    for name in dict.fromkeys(number.exhibit for number in paper.numbers):
        here = [number for number in paper.numbers if number.exhibit == name]
        metrics = columns(here)
        lines = [line for row in dict.fromkeys(n.row for n in here) for line in _lines(cells, protocol, row, here)]
        if any(line.here for line in lines):
            found.append(Exhibit(paper.name, name, metrics, tuple(lines), _order(paper.name, metrics[0], lines)))
    return found


def columns(numbers: Iterable[Number]) -> tuple[str, ...]:
    """The metrics of a table in the paper's order: that of its rows, none of which need have them all."""
    rows: dict[str, list[str]] = {}
    for number in numbers:
        rows.setdefault(f"{number.row} {number.select}", []).append(number.metric)
    left = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    found: list[str] = []
    while left:
        later = {metric for row in rows.values() for metric in [name for name in row if name in left][1:]}
        found.append(next((metric for metric in left if metric not in later), left[0]))
        left.remove(found[-1])
    return tuple(found)


def chosen_protocol(study: Study) -> str:
    """The protocol that runs were to be scored under, else the first under which they were; empty for none."""
    runs = [run for cell in study.cells for run in cell.scored]
    chosen = [str(run.choices.get(PROTOCOL)) for run in runs if str(run.choices.get(PROTOCOL)) in run.scores]
    return next(iter([*chosen, *(name for run in runs for name in run.scores)]), "")


def _lines(cells: Sequence[Cell], protocol: str, row: str, numbers: Sequence[Number]) -> list[Line]:
    """A line per row of ours that the published row stands for, or one without numbers of ours."""
    by_select: dict[str, list[Number]] = {}
    for number in numbers:
        if number.row == row:
            by_select.setdefault(str(number.select), []).append(number)
    lines = []
    for group in by_select.values():
        select = dict(group[0].select)
        scored_by = str(select.pop(PROTOCOL, protocol))
        published = {number.metric: number.value for number in group}
        notes = tuple(dict.fromkeys(number.note for number in group if number.note))
        ours = [cell for cell in cells if group[0].select and selected(cell, select)]
        rows = [
            (cell, {key: item for key in published if (item := estimate_of(cell, scored_by, key))}) for cell in ours
        ]
        rows = [(cell, here) for cell, here in rows if here]
        for cell, here in rows:
            label = row if len(rows) == 1 else f"{row}: {cell.method}, {images_text(cell.amount)}"
            lines.append(Line(label, published, here, len(cell.by_seed), notes))
        if not rows:
            lines.append(Line(row, published, {}, 0, notes))
    return lines


def _order(paper: str, metric: str, lines: Sequence[Line]) -> str:
    """Whether rows come in the paper's order under its first metric (Kendall's rank correlation)."""
    pairs = [(line.published[metric], line.here[metric].value) for line in lines if metric in line.here]
    if len(pairs) < ENOUGH_ROWS:
        return f"With {len(pairs)} of {len(lines)} rows run, their order says nothing about {paper}'s."
    tau, p = stats.kendalltau(*zip(*pairs, strict=True))
    verdict = " no evidence of" if not p < 0.05 else "" if tau > 0 else " the reverse of"
    rows = f"By {symbol(metric)}, {len(pairs)} rows"
    return f"{rows} show{verdict} {paper}'s order (Kendall's τ {tau:.2f}, {p_text([p])})."
