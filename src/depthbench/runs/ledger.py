"""The ledger of a sweep: which jobs there are, how far each is, and what became of it.

All of it is read from the run folders, so any Hydra launcher may run the jobs, here or elsewhere.
"""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console
from rich.live import Live
from rich.table import Table

from depthbench.cli import duration
from depthbench.config.identity import paths, plain
from depthbench.config.mistakes import explain
from depthbench.config.values import check_values
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder

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


def plan_jobs(config: DictConfig) -> list[RunFolder]:
    """The run folders of all jobs that Hydra's basic sweeper will start, made where they are new."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    sweeper = config.hydra.sweeper
    wanted = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    told = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # each job resolves for itself
    assert isinstance(told, list)
    wanted += told
    parsed = OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(wanted)
    jobs = [job for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]
    planned = [(*_composed(config, job), job) for job in jobs]
    folders: list[RunFolder] = []
    places: dict[Path, dict[str, Any]] = {}
    for composed, choices, job in planned:  # no folder is made before all can be composed
        folder = RunFolder.create(composed, job, choices)
        folders.append(folder)
        lie = paths(plain(composed))
        if places.setdefault(folder.path, lie) != lie:
            raise UserError(
                "Two jobs of this sweep differ only in where their data lie, so they would be one run; name their "
                "data: append +data.name=NAME to each."
            )
    return list({folder.path: folder for folder in folders}.values())


def plan_job(config: DictConfig, job: list[str]) -> RunFolder:
    """The run folder of one job of a search, made where it is new."""
    composed, choices = _composed(config, job)
    return RunFolder.create(composed, job, choices)


def _composed(config: DictConfig, job: list[str]) -> tuple[DictConfig, dict[str, str | None]]:
    """The configuration of a job, and the option that it chooses in each group."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    composed = hydra.config_loader.load_sweep_config(config, job)
    choices = composed.hydra.runtime.choices
    with open_dict(composed):
        del composed["hydra"]
    check_values(composed)
    return composed, choices


class Ledger(Callback):
    """Hydra's callback around a sweep: plans it, shows it live, sums it up.

    Only Hydra's basic sweeper says beforehand which jobs there will be. Jobs of another join when they are planned, by
    :meth:`join`, or when they are met among the run folders.
    """

    current: ClassVar["Ledger | None"] = None

    def __init__(self) -> None:
        self.folders: list[RunFolder] = []
        self.finished = threading.Event()
        self.thread: threading.Thread | None = None
        self.searching = False
        self.output: Path | None = None  # where jobs are looked for that nobody has told of
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
        self.thread = threading.Thread(target=self._watch, daemon=True)
        if self.searching:
            self.output, self.begun = Path(config.output), time.time()
        else:
            self._list(config.output)
        self.thread.start()

    def join(self, folders: Sequence[RunFolder]) -> None:
        """Watch jobs that were planned since the start."""
        self.output = None
        known = {folder.path for folder in self.folders}
        self.folders += list({folder.path: folder for folder in folders if folder.path not in known}.values())

    def _gather(self) -> None:
        """Jobs of a sweeper that tells nobody: run folders that have changed since the start."""
        known = {folder.path for folder in self.folders}
        for path in sorted(self.output.glob("*/status.json")) if self.output else []:
            if path.parent not in known and path.stat().st_mtime >= self.begun:
                self.folders.append(RunFolder(path.parent))

    def _list(self, output: str) -> None:
        done = sum(folder.done for folder in self.folders)
        print(f"{len(self.folders)} jobs, {done} of them done already; run folders in {output}/:", flush=True)
        changed = [text for folder in self.folders if folder.done and (text := folder.other_code())]
        if changed:
            print(f"{len(changed)} of those that are done were made by other code. {changed[0]}", flush=True)
        for folder in self.folders:
            print(f"  {folder.status['state']:>11}  {folder.path.name}", flush=True)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Stop showing."""
        self.close()

    def close(self) -> None:
        """Show the last state and what failed."""
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
        while True:
            last = self.finished.wait(1.0)
            self._gather()
            for folder in list(self.folders):
                state = folder.status["state"]
                if state != before.get(folder.path, "waiting"):
                    before[folder.path] = state
                    print(f"{state:>11}  {folder.path.name}", flush=True)
            if last:
                return

    def table(self, rows: int | None = None) -> Table:
        """One row per job; of more than ``rows`` jobs those that tell most, and a count of the others."""
        table = Table(box=None, pad_edge=False)
        for column in ("job", "state", "step", "img/s", "left", "AbsRel"):
            table.add_column(column, justify="left" if column in ("job", "state") else "right", no_wrap=True)
        jobs = [(folder, folder.status) for folder in self.folders]
        shown: Sequence[int] = range(len(jobs))
        if rows is not None and len(jobs) > rows:
            urgency = [URGENCY.index(status["state"]) for _, status in jobs]
            shown = sorted(sorted(shown, key=urgency.__getitem__)[: max(rows, 1)])
        for folder, status in (jobs[index] for index in shown):
            state = status["state"]
            table.add_row(folder.path.name, f"[{COLORS[state]}]{state}[/]", *_progress(status), _score(folder))
        if hidden := [jobs[index][1]["state"] for index in range(len(jobs)) if index not in shown]:
            table.caption = f"and {_counted(hidden)}"
            table.caption_justify = "left"
        return table


def _counted(states: Sequence[str]) -> str:
    """For example `3 waiting, 1 done`."""
    return ", ".join(f"{states.count(state)} {state}" for state in COLORS if state in states)


def _progress(status: dict[str, Any]) -> tuple[str, str, str]:
    if status["state"] != "running" or "steps" not in status:
        return "", "", ""
    if status.get("phase") == "testing":
        return "testing", "", ""
    step = f"{status['step']}/{status['steps']}"
    return step, f"{status['images_per_second']:.0f}", duration(status["seconds_left"])


def _score(folder: RunFolder) -> str:
    score = folder.read_json("DONE").get("score") if folder.done else None
    return "" if score is None else f"{score:.3f}"
