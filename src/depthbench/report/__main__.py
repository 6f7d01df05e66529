"""``depthbench report RUNS... --output page.html``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import BEGINS_ANEW, command_line, exit_status
from depthbench.errors import UserError
from depthbench.results.board import is_board_place
from depthbench.runs.archive import pack_runs
from depthbench.runs.lookup import find_runs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="depthbench report",
        description="Tables, figures and one self-contained HTML page from run folders alone.",
    )
    command.add_argument(
        "runs",
        nargs="+",
        metavar="RUNS",
        help="run folders, folders that contain them at any depth, files of runs (.runs.zip), latest, or hashes at the "
        "end of folders' names",
    )
    command.add_argument(
        "--output", default="report.html", metavar="PAGE", help="the page to write (default: report.html)"
    )
    command.add_argument("--title", help="the page's heading (default: the swept keys)")
    command.add_argument("--no-figures", action="store_true", help="do not write the figures as PNG and PDF")
    command.add_argument(
        "--no-gallery", action="store_true", help="no test images: for data whose pictures must not be published"
    )
    command.add_argument(
        "--archive",
        metavar="FILE",
        help="also write the finished runs, without weights and pictures, to one small file (FILE.runs.zip), which "
        "the report reads like their folders",
    )
    command.add_argument(
        "--published",
        nargs="*",
        default=[],
        metavar="CSV",
        help="published numbers to put beside these runs; a run of a study (experiment=PAPER/...) finds its own",
    )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; 0 if it was written, 2 after a user's mistake."""
    options = parser().parse_args(command_line(arguments))
    return exit_status(lambda: write_page(options), BEGINS_ANEW)


def write_page(options: argparse.Namespace) -> None:
    """Write the report that the command line asks for, and print its place.

    Raises:
        UserError: if the page can't lie where it should, or a run can't be read.
    """
    output = Path(options.output).expanduser()
    if output.is_dir():
        raise UserError(f"{output} is a folder; --output takes the name of the page, such as {output / 'report.html'}.")
    if any(map(is_board_place, options.runs)):
        _write_board(options, output)
        return
    places = [place for text in options.runs for place in _places(text)]
    # Here and not above: what draws takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.report.read.runs import read_runs
    from depthbench.report.write.page import write_report

    runs = read_runs(places)
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    published = [Path(path) for path in options.published]
    write_report(runs, output, options.title, not options.no_figures, published, not options.no_gallery)
    print(output)
    if options.archive:
        _archive([run.path for run in runs], Path(options.archive).expanduser())
    print(f"Next: open {output.absolute().as_uri()} in a browser.")


def _archive(folders: Sequence[Path], file: Path) -> None:
    left_out = pack_runs(folders, file)
    print(f"{file}: {len(folders) - len(left_out)} runs, {file.stat().st_size / 1e6:.1f} MB")
    if left_out:
        print(f"Left out, since they are not done: {', '.join(folder.name for folder in left_out)}.")


def _write_board(options: argparse.Namespace, output: Path) -> None:
    """The page of a leaderboard, or of files that ``evaluate`` wrote."""
    if others := [text for text in options.runs if not is_board_place(text)]:
        raise UserError(f"{others[0]} is of runs, the rest are results of evaluate; make a page of each.")
    if options.published:
        raise UserError("--published is for runs; `depthbench reproduce` puts published numbers beside results.")
    # Here and not above, as for runs.
    from depthbench.report.read.boards import read_shown
    from depthbench.report.write.board_page import write_board

    shown = read_shown(options.runs, not options.no_gallery)
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    write_board(shown, output, options.title, not options.no_figures)
    print(output)
    print(f"Next: open {output.absolute().as_uri()} in a browser.")


def _places(text: str) -> list[Path]:
    """A folder is searched by the reader, which also knows runs that are not whole; the rest is looked up."""
    path = Path(text).expanduser()
    return [path] if path.is_dir() else find_runs(text)


if __name__ == "__main__":
    sys.exit(main())
