"""Torture the bench: ``python -m tests.torture [--minutes M] [--only kills,disk] [--seed S] ...``."""

import argparse
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from depthbench.launch.leaving import leave
from tests.torture import document, kinds
from tests.torture.summary import Summary

# Of the minutes that are left when a part begins.
SHARES = {"kills": 0.3, "every_event": 0.3, "disk": 0.4, "tmpfs": 0.3, "damage": 0.4, "wandb": 0.3, "signals": 0.5,
          "sweeps": 0.4, "gadgets": 1, "files": 1}  # fmt: skip
PARTS = list(SHARES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0 if no promise was broken."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    from tests.torture.bench import Bench

    results = Path(options.results)
    end = time.monotonic() + 60 * options.minutes if options.minutes else None
    chosen = [name.strip() for name in options.only.split(",")] if options.only else list(PARTS)
    unknown = set(chosen) - set(PARTS)
    if unknown:
        raise SystemExit(f"There is no part {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    bench = Bench(folder)
    summaries = []
    for name in PARTS:
        if name not in chosen:
            continue
        limit = None if end is None else time.monotonic() + SHARES[name] * max(0.0, end - time.monotonic())
        summary = _run(name, bench, options, _enough(limit))
        if limit is not None and summary.done < summary.wanted and not summary.missing:
            summary.missing = "Its share of the minutes was over before all was done."
        summaries.append(summary)
        if options.case and len(options.case) > 1:
            summary.name += f", cases {options.case.start} to {options.case.stop - 1}"
        if options.case is None or len(options.case) > 1:
            document.save(results, summary, options.seed)
    document.print_summaries(summaries)
    if options.case is None or len(options.case) > 1:
        Path(options.output).write_text(document.page(results))
    shutil.rmtree(folder, ignore_errors=True)
    return int(any(summary.failures for summary in summaries))


def _run(name: str, bench: Any, options: argparse.Namespace, enough: Callable[[], bool]) -> Summary:
    names = [kind.strip() for kind in options.kinds.split(",")] if options.kinds else list(kinds.KINDS)
    seed, case = options.seed, options.case
    if not Path(__file__).with_name(f"{name}.py").exists():
        return Summary(name, 1, missing="This part is not written.")
    part = importlib.import_module(f"tests.torture.{name}")
    if name == "files":
        return part.fuzz(options.files, seed, kinds.fresh(bench.folder / "files"))
    if name == "gadgets":
        return part.run(bench.folder / "gadgets")
    if name == "disk":
        names = names if options.kinds else part.SUBJECTS
        count = 1.0 if options.disk == "all" else float(options.disk)
    elif name == "damage":
        count = None if options.damage == "all" else int(options.damage)
    else:
        count = getattr(options, name)
    return part.run(bench, count, seed, names, case, enough)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, help="stop then; each part takes its share (default: until all is done)")
    add("--kills", type=int, default=300)
    add("--every_event", type=int, default=1, help="kinds of training that are killed at every event")
    add("--disk", default="all", help="all points at which a disk may be full, or a share of them such as 0.1")
    add("--tmpfs", type=int, default=40, help="sizes of small file systems")
    add("--damage", default="all", help="all damages of all files of run folders, or how many of them")
    add("--wandb", type=int, default=40, help="servers that are away, slow or die")
    add("--signals", type=int, default=132)
    add("--sweeps", type=int, default=12)
    add("--files", type=int, default=10_000)
    add("--seed", type=int, default=0)
    add("--only", help=f"parts, separated by commas, of: {', '.join(PARTS)}")
    add("--kinds", help=f"kinds of training, separated by commas, of: {', '.join(kinds.KINDS)}")
    add("--case", type=_cases, help="one case of one part, as a failure's line says; or some of them: 24-99")
    add("--results", default=".torture", help="folder that keeps what parts found, for the page")
    add("--output", default="docs/torture.md")
    return parser


def _cases(text: str) -> range:
    first, dash, last = text.partition("-")
    return range(int(first), int(last if dash else first) + 1)


def _enough(limit: float | None) -> Callable[[], bool]:
    return lambda: limit is not None and time.monotonic() > limit


if __name__ == "__main__":
    leave(main())
