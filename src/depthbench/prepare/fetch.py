"""``depthbench prepare fetch``: where to get a data set, and its download where that may be automatic."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from depthbench.config.mistakes import nearest
from depthbench.errors import UserError
from depthbench.prepare.fetch_file import Tell, download
from depthbench.prepare.fetch_sources import SOURCES, Source
from depthbench.runs.folder import RunFolder

HELP = """Where to get a data set, and its download where that may be automatic.

  depthbench prepare fetch                    all data sets: pages, terms, files
  depthbench prepare fetch data=nyu_labeled   one of them
  depthbench prepare fetch data=nyu_labeled output=FOLDER terms=accepted

Downloads only what its owners offer for that, and only when you say that you accept their terms. Started again, it goes
on where it was; sizes and checksums are compared where they are known."""

OWN = ("data", "output", "terms")


def main(arguments: Sequence[str]) -> None:
    """The command.

    Raises:
        UserError: for a mistake in the arguments, or a download that fails.
        Busy: if another process is downloading into the folder.
    """
    options = dict(_pair(argument) for argument in arguments)
    names = [options["data"]] if "data" in options else list(SOURCES)
    for name in names:
        if name not in SOURCES:
            raise UserError(f"There is no download of data={name}; {nearest(name, SOURCES)}")
        print(describe_source(name, SOURCES[name]), flush=True)
    if "output" in options:
        if "data" not in options:
            raise UserError("The data set is missing: append data=NAME.")
        _fetch(options["data"], Path(options["output"]).expanduser(), options.get("terms", ""))


def describe_source(name: str, source: Source) -> str:
    """A few lines about a data set."""
    files = "".join(f"\n  file   {file.url}" for file in source.files)
    return f"data={name}\n  page   {source.page}\n  terms  {source.terms}{files}\n  then   {source.todo}"


def _pair(argument: str) -> tuple[str, str]:
    key, equals, value = argument.partition("=")
    if not equals or key not in OWN:
        raise UserError(f"{argument} is not one of {', '.join(f'{own}=...' for own in OWN)}.")
    return key, value


def _fetch(name: str, output: Path, terms: str) -> None:
    source = SOURCES[name]
    if not source.files:
        raise UserError(f"data={name} can't be downloaded by a program. {source.todo} See {source.page}")
    if terms != "accepted":
        raise UserError(f"Read the terms of data={name} ({source.terms}) at {source.page}; then append terms=accepted.")
    output.mkdir(parents=True, exist_ok=True)
    with RunFolder(output).lock():
        for file in source.files:
            path = download(file, output, _teller(file.name))
            print(f"{path} ({path.stat().st_size:,} bytes)", flush=True)
    print(source.todo)


def _teller(name: str) -> Tell:
    """Says now and then how far a download is."""
    terminal = sys.stdout.isatty()
    said = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > (0.5 if terminal else 30):
            said = now
            of = f" of {total / 1e6:,.0f}" if total else ""
            print(f"{name}: {done / 1e6:,.0f}{of} MB", end="\r" if terminal else "\n", flush=True)

    return tell
