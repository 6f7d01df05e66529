"""``depthbench reproduce RESULTS...``: published numbers beside ours. See ``--help``."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from depthbench.cli import BEGINS_ANEW, asks_for_help, command_line, exit_status
from depthbench.config.mistakes import nearest
from depthbench.config.set_names import same_set, set_of_words
from depthbench.errors import UserError
from depthbench.reproduction.cells import PublishedCell, cell_files, read_cells
from depthbench.reproduction.found import FoundResult, read_found
from depthbench.reproduction.kept import kept_results, study_folders
from depthbench.reproduction.retraining import reproduce_result
from depthbench.reproduction.tables import count_outcomes, rows_of, write_verdicts
from depthbench.reproduction.verdicts import CellOutcome, verdicts_of

HELP = """Reproduced results, and published numbers beside ours.

A paper's studies, trained again by the commands that made the results that are kept in the repository: how many hours
they take here, the runs, their page, and which scores differ from the kept ones beyond their intervals:
  depthbench reproduce {papers}
  depthbench reproduce carvalho2018/RESULT data.root=FOLDER [output=FOLDER] [key=value ...]

Published numbers: theirs, ours, and whether ours is within the tolerance, better, worse or not
comparable, because protocol, data set or kind of prediction differ.

Results that exist (the JSON of evaluate, run folders, folders of either):
  depthbench reproduce scores.json runs/lee2020
  depthbench reproduce scores.json as='Depth Anything V2 L'    the model that the results are of

Predictions or a model, evaluated under the protocols of the numbers first; all other words go to `depthbench evaluate`:
  depthbench reproduce data=nyu_labeled data.root=FOLDER predictions=FOLDER kind=affine_depth as=Marigold
  depthbench reproduce data=moge data.set=ETH3D data.root=FOLDER model=hf:depth-anything/Depth-Anything-V2-Large-hf

  cells=moge,lee2020       the numbers of these tables; by default all: {names}
  as=NAME                  the name of the model in the table, where results are called otherwise
  list=true                the numbers themselves, with their sources
  output=verdicts.json     also .csv and .md, separated by commas

A table of numbers of your own is a YAML in a folder `cells` of a plugin (docs/reproduction.md)."""

OWN = ("cells", "as", "list", "output")
EVALUATES = ("predictions=", "model=", "run=")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    words = command_line(arguments)
    if not words or asks_for_help(words):
        print(HELP.format(papers="|".join(study_folders()), names=", ".join(cell_files())))
        return 0
    return exit_status(lambda: reproduce(words), BEGINS_ANEW)


def reproduce(words: Sequence[str]) -> int | None:
    """Train a paper's studies again, or compare results with the published numbers, and show the comparison.

    Raises:
        UserError: for a mistake in the words, or a result that can't be read.
    """
    if words[0].partition("/")[0] in study_folders() and not Path(words[0]).exists():
        return reproduce_studies(words[0], words[1:])
    own, others = _sorted_words(words)
    cells = read_cells([name for name in own.get("cells", "").split(",") if name])
    if own.get("list") == "true":
        _list(cells)
        return None
    known = [name for cell in cells for name in cell.names]
    if "as" in own and own["as"] not in known:
        raise UserError(f"as={own['as']} names no model of the published numbers; {nearest(own['as'], known)}")
    results = _results(others, cells, own.get("as"))
    verdicts = [verdict for cell in cells for verdict in verdicts_of(cell, results)]
    for text in own.get("output", "").split(","):
        if text:
            write_verdicts(verdicts, Path(text).expanduser())
    shown = [one for one in verdicts if one.outcome != CellOutcome.NOT_RUN]
    _show(["model", "set", "protocol", "metric", "theirs", "ours", "allowed", "verdict"], rows_of(shown), 2, 10)
    for reason in dict.fromkeys(f"{one.cell.model}, {one.cell.data}: {why}" for one in shown for why in one.reasons):
        print(f"Not comparable: {reason}.")
    if not shown:
        names = ", ".join(dict.fromkeys(result.name for result in results))
        print(f"No published number is of {names}; say which model it is: as=NAME (list=true names them).")
    print(count_outcomes(verdicts))
    return None


def reproduce_studies(text: str, words: Sequence[str]) -> int:
    """Make the kept results of a paper, or one of them, again; the first exit status that is not 0.

    Raises:
        UserError: if there is no such result, or a word that only the user knows is missing.
    """
    output = [word.partition("=")[2] for word in words if word.startswith("output=")]
    others = [word for word in words if not word.startswith("output=")]
    for result in kept_results(text):
        folder = Path(output[-1] if output else "runs/reproduced").expanduser() / result.name
        if status := reproduce_result(result, others, folder):
            return status
    return 0


def _sorted_words(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Our own options, and everything else."""
    own, others = {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in OWN:
            own[key] = value
        else:
            others.append(word)
    if own.get("list", "true") != "true":
        raise UserError(f"list={own['list']} is unknown; write list=true, or leave it out.")
    return own, others


def _results(words: Sequence[str], cells: Sequence[PublishedCell], model: str | None) -> list[FoundResult]:
    if any(word.startswith(EVALUATES) for word in words):
        return _evaluated(words, cells, model)
    typed = [word for word in words if "=" in word and not Path(word).exists()]
    if typed:
        raise UserError(f"{typed[0]} is for evaluate, which needs predictions=, model= or run= to score.")
    if not words:
        raise UserError("There is nothing to compare: give JSON files of evaluate or run folders, or predictions=...")
    return read_found(words, model)


def _evaluated(words: Sequence[str], cells: Sequence[PublishedCell], model: str | None) -> list[FoundResult]:
    """Scores of the named predictions under the protocols of the cells that are of this data set."""
    from depthbench.evaluate import evaluate_arguments

    chosen = set_of_words(words)
    of_set = [cell for cell in cells if chosen is None or same_set(cell.data, chosen)]
    of_set = [cell for cell in of_set if _fits(cell, words) and model in (None, *cell.names)]
    protocols = ",".join(dict.fromkeys(cell.protocol for cell in of_set))
    if not protocols:
        told = chosen or "these words"
        raise UserError(
            f"No published number fits {told} and the kind; list=true shows the sets of the published numbers."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scores.json"
        evaluate_arguments([*words, f"protocol={protocols}", f"output={file}"])
        return read_found([str(file)], model)


def _fits(cell: PublishedCell, words: Sequence[str]) -> bool:
    """Whether the evaluated predictions can have the number: for a study only runs, and only the declared kind."""
    runs = any(word.startswith("run=") for word in words)
    kinds = [word.partition("=")[2] for word in words if word.startswith("kind=")]
    kinds += ["metric_depth"] if not kinds and any(word.startswith("predictions=") for word in words) else []
    known = not kinds or cell.kind is None or cell.kind in ("metric_depth" if one == "depth" else one for one in kinds)
    return known and bool(cell.study) == runs


def _list(cells: Sequence[PublishedCell]) -> None:
    rows = [[c.file, c.table, c.model, c.data, c.protocol, c.metric, f"{c.value:.{c.decimals}f}"] for c in cells]
    _show(["cells", "table", "model", "set", "protocol", "metric", "value"], rows)
    for source in dict.fromkeys(f"{cell.file}: {cell.paper}; {cell.source}." for cell in cells):
        print(source)


def _show(head: Sequence[str], rows: Sequence[Sequence[str]], first: int = 0, end: int | None = None) -> None:
    """Print the columns ``first`` to ``end`` of rows."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, 160))
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row[first:end]))
    if rows:
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
