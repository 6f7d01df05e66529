"""``python -m depthbench.report RUNS... --output page.html``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import BEGINS_ANEW, exit_status
from depthbench.errors import UserError
from depthbench.report.read.runs import read_runs
from depthbench.report.write.page import write_report


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m depthbench.report",
        description="Tables, figures and one self-contained HTML page from run folders, and from nothing else.",
    )
    command.add_argument(
        "runs", nargs="+", metavar="RUNS", help="run folders, or folders that contain them at any depth"
    )
    command.add_argument(
        "--output", default="report.html", metavar="PAGE", help="the page to write (default: report.html)"
    )
    command.add_argument("--title", help="the page's heading (default: what was swept)")
    command.add_argument("--no-figures", action="store_true", help="do not write the figures as PNG and PDF")
    command.add_argument(
        "--no-gallery", action="store_true", help="no test images: for data whose pictures must not be published"
    )
    command.add_argument(
        "--published",
        nargs="*",
        default=[],
        metavar="CSV",
        help="published numbers to put beside these runs; those of a run's own study (experiment=PAPER/...) come alone",
    )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; 0 if it was written, 2 after a user's mistake."""
    options = parser().parse_args(arguments)
    return exit_status(lambda: write(options), BEGINS_ANEW)


def write(options: argparse.Namespace) -> None:
    """Write what the command line asks for, and say where.

    Raises:
        UserError: if the page can't lie where it should, or a run can't be read.
    """
    output = Path(options.output)
    if not output.absolute().parent.is_dir():
        raise UserError(f"The folder {output.absolute().parent} for the page does not exist; make it first.")
    if output.is_dir():
        raise UserError(f"{output} is a folder; --output takes the name of the page, such as {output / 'report.html'}.")
    published = [Path(path) for path in options.published]
    figures, gallery = not options.no_figures, not options.no_gallery
    write_report(read_runs(options.runs), output, options.title, figures, published, gallery)
    print(output)


if __name__ == "__main__":
    sys.exit(main())
