"""One evaluation on the terminal: tables of any width, and sentences."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from depthbench.evaluation.outcome import Evaluation
from depthbench.evaluation.table_notes import table_notes
from depthbench.evaluation.tables import COUNTS, further_table
from depthbench.runs.names import labels
from depthbench.stats.intervals import Limits
from depthbench.stats.wording import p_text

LONGEST_NAME = 40  # columns; longer names are folded
WIDE = 150  # columns of a file or a pipe


def show(evaluation: Evaluation) -> None:
    """Print tables and sentences."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, WIDE))
    several, shown = len(evaluation.scored) > 1, _labels([one.name for one in evaluation.scored])
    rows = []
    for name, protocol in evaluation.lines():
        scores, limits = evaluation.scores[name][protocol], evaluation.limits[name][protocol]
        cells = [_with_half(scores[key], limits[key]) for key in evaluation.standard]
        rows.append([escape(protocol), *([shown[name]] if several else []), *cells, _images(scores)])
    names = ["protocol", *(["input"] if several else [])]
    console.print(*tables([*names, *evaluation.standard, "images"], len(names), rows, console.width))
    if evaluation.further:
        head, rows = further_table(evaluation, _with_half)
        console.print(*tables([escape(cell) for cell in head], 1, rows, console.width))
    console.print("[dim]± half of the 95 % bootstrap interval over images[/]")
    if evaluation.paired:
        rows = []
        for pair in evaluation.paired:
            cells = [
                f"{pair.differences[key].value:+.4f}\n[dim]{p_text([pair.adjusted[key]])}[/]"
                for key in evaluation.standard
            ]
            rows.append([escape(pair.protocol), f"{shown[pair.first]} -\n{shown[pair.second]}", *cells])
        console.print(*tables(["protocol", "difference", *evaluation.standard], 2, rows, console.width))
        console.print("[dim]p: permutation test over images, adjusted for all pairs of inputs, each score by itself[/]")
    for sentence in table_notes(evaluation):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)


def tables(head: Sequence[str], names: int, rows: Sequence[Sequence[str]], width: int) -> list[Table]:
    """A table in as many parts, one below the other, as the width needs; each begins with the columns of names.

    Args:
        head: of the columns.
        names: how many of the columns, the first ones, hold names.
        rows: cells with markup, perhaps of several lines.
        width: of the terminal, in columns.

    Example:
        >>> from depthbench.evaluation.terminal import tables
        >>> parts = tables(["protocol", "AbsRel", "RMSE"], 1, [["eigen", "0.1234", "0.5678"]], 20)
        >>> [[column.header for column in part.columns] for part in parts]
        [['protocol', 'AbsRel'], ['protocol', 'RMSE']]
    """
    sizes = [max(map(_width, column)) + 1 for column in zip(head, *rows, strict=True)]
    own = sum(min(size, LONGEST_NAME + 1) for size in sizes[:names])
    parts: list[list[int]] = []
    for place, size in enumerate(sizes[names:], names):
        if not parts or own + sum(sizes[one] for one in parts[-1]) + size > width:
            parts.append([])
        parts[-1].append(place)
    return [_table(head, names, part, rows) for part in parts]


def _table(head: Sequence[str], names: int, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in head[:names]:
        table.add_column(column, overflow="fold", max_width=LONGEST_NAME)
    for place in numbers:
        table.add_column(head[place], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row[:names], *(row[place] for place in numbers))
    return table


def _width(cell: str) -> int:
    """Columns of the longest line."""
    return max(map(cell_len, Text.from_markup(cell).plain.split("\n")))


def _labels(names: list[str]) -> dict[str, str]:
    """The columns that distinguish the inputs."""
    return dict(zip(names, map(escape, labels(names)), strict=True))


def _images(scores: Mapping[str, float]) -> str:
    extra = [f"{scores[key]:.0f} {key.removeprefix('images_')}" for key in COUNTS[1:] if scores[key]]
    return "\n".join([f"{scores['images']:.0f}", *extra])


def _with_half(value: float, limits: Limits) -> str:
    return f"{value:.4f}\n[dim]±{(limits[1] - limits[0]) / 2:.4f}[/]"
