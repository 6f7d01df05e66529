"""The ledger of a sweep: its jobs, the progress of each, and its outcome.

All of it is read from the run folders, so any Hydra launcher may run the jobs, here or elsewhere.
"""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.live import Live
from rich.table import Table

from depthbench.cli import duration
from depthbench.config.mistakes import explain
from depthbench.errors import UserError
from depthbench.runs.checksums import read_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.names import labels
from depthbench.runs.plan import announcement_of_sweep, jobs_at_once, plan_jobs, seconds_left, time_left

COLORS = {
    "waiting": "dim",
    "running": "cyan",
    "interrupted": "yellow",
    "failed": "red",
    "pruned": "magenta",
    "done": "green",
}
# Which rows a small terminal keeps.
URGENCY = ["running", "failed", "interrupted", "waiting", "pruned", "done"]


class Ledger(Callback):
    """Hydra's callback around a sweep: plans it, shows it live, sums it up.

    Only Hydra's basic sweeper says beforehand which jobs there will be. Jobs of another join when they are planned, by
    :meth:`join`, or when they are met among the run folders.
    """

    current: ClassVar["Ledger | None"] = None

    def __init__(self) -> None:
        self.folders: list[RunFolder] = []
        self.together = 1
        self.finished = threading.Event()
        self.thread: threading.Thread | None = None
        self.searching = False
        self.output: Path | None = None  # where to look for jobs that were not announced
        self.begun = 0.0

    def __reduce__(self) -> tuple[type["Ledger"], tuple[()]]:
        """Launchers send Hydra's callbacks along with each job; there it has nothing to watch."""
        return Ledger, ()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """List the jobs and begin to show them."""
        try:
            self.searching = not str(config.hydra.sweeper._target_).endswith(".BasicSweeper")
            self.folders = [] if self.searching else plan_jobs(config)
        except Exception as error:  # Hydra would swallow it and go on
            print(explain(error), file=sys.stderr)
            raise SystemExit(2) from None
        Ledger.current = self
        self.together = jobs_at_once(config)
        self.thread = threading.Thread(target=self._watch, daemon=True)
        if self.searching:
            self.output, self.begun = Path(config.output), time.time()
        else:
            print("\n".join(announcement_of_sweep(self.folders, config)), flush=True)
        self.thread.start()

    def join(self, folders: Sequence[RunFolder]) -> None:
        """Watch jobs that were planned since the start."""
        self.output = None
        known = {folder.path for folder in self.folders}
        self.folders += list({folder.path: folder for folder in folders if folder.path not in known}.values())

    def _gather(self) -> None:
        """Jobs of a sweeper that keeps no list: run folders that have changed since the start."""
        known = {folder.path for folder in self.folders}
        for path in sorted(self.output.glob("*/status.json")) if self.output else []:
            if path.parent not in known and path.stat().st_mtime >= self.begun:
                self.folders.append(RunFolder(path.parent))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Stop showing."""
        self.close()

    def close(self) -> None:
        """Show the last state and the failed jobs."""
        if self.thread is None:
            return
        self.finished.set()
        self.thread.join()
        self.thread = None
        states = [folder.status for folder in self.folders]
        print(_counted([status["state"] for status in states]) + ".", flush=True)
        for folder, status in zip(self.folders, states, strict=True):
            if status["state"] == "failed":
                print(f"{folder.path.name} failed: {status.get('reason')} (see {folder.path}/log.txt)", flush=True)

    @property
    def failures(self) -> int:
        """Jobs that are not done; in a search some may fail or be pruned, unless all fail."""
        states = [folder.status["state"] for folder in self.folders]
        if self.searching and not {"done", "pruned"}.isdisjoint(states):
            return sum(state in ("interrupted", "running", "waiting") for state in states)
        return sum(state != "done" for state in states)

    def _watch(self) -> None:
        console = Console(stderr=True)
        if console.is_terminal:
            with Live(self.table(), console=console, refresh_per_second=2, vertical_overflow="visible") as live:
                while not self.finished.wait(0.5):
                    self._gather()
                    live.update(self.table(console.height - 3))
                live.update(self.table())
            return
        before = {folder.path: folder.status["state"] for folder in self.folders}
        told = "done" in before.values()
        while True:
            last = self.finished.wait(1.0)
            self._gather()
            for folder in list(self.folders):
                state = folder.status["state"]
                if state != before.get(folder.path, "waiting"):
                    before[folder.path] = state
                    print(f"{state:>11}  {folder.path.name}", flush=True)
                    if state == "done" and not (told or self.searching):  # by then something is known
                        told = self._say_time_left()
            if last:
                return

    def _say_time_left(self) -> bool:
        left = len(self.folders) - sum(folder.done for folder in self.folders)
        together = min(self.together, max(1, left))
        seconds = seconds_left(self.folders, together)
        if seconds is not None:
            print(time_left(seconds, left, together), flush=True)
        return seconds is not None

    def table(self, rows: int | None = None) -> Table:
        """One row per job; of more than ``rows`` jobs the most informative, and a count of the others."""
        table = Table(box=None, pad_edge=False)
        table.add_column("job", overflow="ellipsis")  # the one column that a narrow terminal cuts
        for column in ("state", "step", "img/s", "left", "AbsRel"):
            table.add_column(column, justify="left" if column == "state" else "right", no_wrap=True)
        jobs = [(folder, folder.status) for folder in self.folders]
        names = labels([folder.path.name for folder in self.folders])
        shown: Sequence[int] = range(len(jobs))
        if rows is not None and len(jobs) > rows:
            urgency = [URGENCY.index(status["state"]) for _, status in jobs]
            shown = sorted(sorted(shown, key=urgency.__getitem__)[: max(rows, 1)])
        for name, (folder, status) in ((names[index], jobs[index]) for index in shown):
            state = status["state"]
            table.add_row(name, f"[{COLORS[state]}]{state}[/]", *_progress(status), _score(folder))
        if hidden := [jobs[index][1]["state"] for index in range(len(jobs)) if index not in shown]:
            table.caption = f"and {_counted(hidden)}"
            table.caption_justify = "left"
        return table


def _counted(states: Sequence[str]) -> str:
    """Count the states: ``3 waiting, 1 done``."""
    return ", ".join(f"{states.count(state)} {state}" for state in COLORS if state in states)


def _progress(status: dict[str, Any]) -> tuple[str, str, str]:
    if status["state"] != "running" or "steps" not in status:
        return "", "", ""
    if status.get("phase") == "testing":
        return "testing", "", ""
    step = f"{status['step']}/{status['steps']}"
    return step, f"{status['images_per_second']:.0f}", duration(status["seconds_left"])


def _score(folder: RunFolder) -> str:
    score = None
    with suppress(UserError):  # a damaged one is reported where it is read
        score = read_done(folder.path).get("score")
    return "" if score is None else f"{score:.3f}"
