"""A kept result made again: data, hours, runs, page, and where the new scores differ from the kept ones."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthbench.cli import duration
from depthbench.errors import UserError
from depthbench.report.analyze.estimates import compare_pairs, seed_scores
from depthbench.report.analyze.study import Cell, Study, images_text, studies
from depthbench.report.read.runs import read_runs
from depthbench.reproduction.kept import KeptResult
from depthbench.runs.archive import unpacked
from depthbench.stats.crossed import Tested, better
from depthbench.stats.directions import higher_is_better
from depthbench.stats.wording import p_number

METRIC = "AbsRel"


@dataclass(frozen=True)
class RowChange:
    """One row of a study, kept and made again.

    ``change`` is the difference of the new score from the kept one on the images that both have, ``low`` and ``high``
    bound it at 95 %; ``p`` is adjusted for all rows. These are NaN where the two share no scores of single images.
    """

    row: str
    protocol: str
    kept: float
    new: float
    change: float
    low: float
    high: float
    p: float
    verdict: str


def reproduce_result(result: KeptResult, words: Sequence[str], output: Path) -> int:
    """Run a result's study as the user wants it, write its page and say where it differs from the kept result.

    Args:
        result: which.
        words: that the user adds to its command: where data lie, a launcher, other values.
        output: folder of the run folders and the page.

    Returns:
        Exit status of the runs.

    Raises:
        UserError: if a word that only the user knows is missing.
    """
    given = {word.lstrip("+").partition("=")[0] for word in words}
    if lacking := [key for key in result.give if key not in given]:
        told = " ".join(f"{key}=..." for key in lacking)
        raise UserError(f"{result.name} needs more settings: append {told} to the command.")
    kept = [word for word in result.command if word.partition("=")[0] not in given]  # swept twice, a key would cross
    command = [*kept, *words, f"output={output}"]
    print(f"{result.name}: {result.shows}. {hours_text(result, command)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "depthbench.run", "-m", *command], check=False).returncode
    if status:
        return status
    _write_page(output)
    print_changes(result, output)
    return 0


def hours_text(result: KeptResult, command: Sequence[str]) -> str:
    """The study's time on the original machine, and the estimate for this command on this one."""
    from depthbench.reproduction.speed import seconds_per_pass, work_of

    known = [f"{key}=." for key in result.give]
    kept = work_of([*result.command, *known])._replace(pass_seconds=result.step)
    here = work_of(command)._replace(pass_seconds=seconds_per_pass(command))
    jobs = f"{here.jobs} jobs take" if here.jobs > 1 else "1 job takes"
    return (
        f"Its {kept.jobs} jobs took {result.core_hours:g} hours of {result.machine}. One pass of the network takes "
        f"{here.pass_seconds / result.step:.1f} times as long here, so {jobs} about "
        f"{duration(3600 * result.core_hours * here.against(kept))}, divided by the jobs that run at once."
    )


def changes(kept: Path, new: Path) -> list[RowChange]:
    """Compare every row that both have, under each protocol.

    Args:
        kept: a file of runs or a folder of run folders.
        new: a folder of run folders.
    """
    studied = studies(read_runs([unpacked(kept) if kept.is_file() else kept]))
    axes = tuple(dict.fromkeys(axis for study in studied for axis in study.axes))  # few new runs may differ in fewer
    before, after = _cells(studied), _cells(studies(read_runs([new]), axes))
    both = [name for name in before if name in after]
    for name in both:  # scores and tests are of the seeds that both have; without any, of all
        if common := [seed for seed in before[name].by_seed if seed in after[name].by_seed]:
            before[name], after[name] = (cells[name].with_seeds(common) for cells in (before, after))
    found: list[RowChange] = []
    for protocol in dict.fromkeys(protocol for name in both for protocol in _protocols(before[name])):
        rows = [name for name in both if protocol in _protocols(before[name]) & _protocols(after[name])]
        tested = compare_pairs([(after[name], before[name]) for name in rows], protocol, METRIC)
        found += [
            one
            for name, test in zip(rows, tested, strict=True)
            if (one := _change(name, protocol, before[name], after[name], test)) is not None
        ]
    return found


def _change(name: str, protocol: str, before: Cell, after: Cell, test: Tested | None) -> RowChange | None:
    old, new = (np.array(seed_scores(cell, protocol, METRIC)) for cell in (before, after))
    if not (old.size and new.size):
        return None
    sign = better(test, higher_is_better(METRIC)) if test else 0
    verdict = {1: "better", -1: "worse", 0: "can't be told apart" if test else "not tested"}[sign]
    if len(old) == len(new) and np.allclose(old, new, rtol=1e-9, atol=0):
        verdict = "equal"
    change, low, high, _ = test.difference if test else (float(new.mean() - old.mean()), *(np.nan,) * 3)
    p = test.p_adjusted if test else np.nan
    return RowChange(name, protocol, float(old.mean()), float(new.mean()), change, low, high, p, verdict)


def print_changes(result: KeptResult, output: Path) -> None:
    """Print the comparison with the kept result, or a sentence if there is none."""
    if not result.runs.is_file():
        print(f"The kept scores ({result.runs.name}) are part of the repository, not of this installation.")
        return
    found = changes(result.runs, output)
    if not found:
        print("None of the new rows is one of the kept ones, so nothing was compared.")
        return
    width = max(len(one.row) for one in found)
    for one in found:
        interval = f"{one.change:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
        print(
            f"  {one.row:<{width}}  {one.protocol}  {METRIC} {one.kept:.4f} kept, {one.new:.4f} now, difference "
            f"{interval}, p {p_number(one.p)}: {one.verdict}"
        )
    differ = [one for one in found if one.verdict in ("better", "worse")]
    names = f": {', '.join(one.row for one in differ)}" if differ else ""
    print(
        f"{len(differ)} of {len(found)} rows differ from the kept ones (p below 0.05, adjusted for all rows; intervals "
        f"are of each row alone){names}."
    )


def _cells(every: Sequence[Study]) -> dict[str, Cell]:
    several = len({study.data for study in every}) > 1
    return {
        ", ".join(
            filter(None, [study.data if several else "", cell.method, images_text(cell.amount) if cell.amount else ""])
        ): cell
        for study in every
        for cell in study.cells
        if cell.scored
    }


def _protocols(cell: Cell) -> set[str]:
    return {protocol for run in cell.scored for protocol in run.scores}


def _write_page(output: Path) -> None:
    from depthbench.report.write.page import write_report

    page = output / "page.html"
    write_report(read_runs([output]), page, None, True, [], False)
    print(page)
