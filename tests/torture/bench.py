"""The place of the torture: pictures, undisturbed runs, victims that are started and looked after."""

import contextlib
import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.torture import commands, composed, kinds, processes, victims
from tests.torture.events import Events

LONG = 240.0  # seconds of wall-clock time in which any tiny command ends, on the busiest machine


class Whole(NamedTuple):
    """An undisturbed run."""

    left: dict[str, dict[str, Any]]
    cpu: float  # seconds
    events: list[tuple[str, int, str]]  # process, number, name


class Bench:
    """Start commands in places below a folder."""

    def __init__(self, folder: Path) -> None:
        from depthbench.training.callbacks import status_reporter

        victims.warm()
        processes.adopt_orphans()
        self.folder = kinds.fresh(folder)
        self.frames = kinds.frames_in(folder / "frames")
        commands.photos_in(self.frames)
        status_reporter.INTERVAL = 0  # a row of the table for every step, whatever the machine does

    def start(
        self,
        kind: str,
        place: Path,
        hook: Callable[[], Any] | None = None,
        *more: str,
        environment: Mapping[str, str] | None = None,
        kept: Path | None = None,
    ) -> int:
        """A fork that runs the command of a kind in a place, and leaves what it composed in a file if one is named."""

        def work() -> None:
            _note_starts(place)
            if hook is not None:
                hook()
            victims.command([*kinds.arguments(kind, self.frames), *more], place, environment, kept)

        return victims.fork(work, place / "log")

    def start_command(self, kind: str, place: Path) -> int:
        """The real command line, with all its imports."""
        line = [sys.executable, "-m", "depthbench.run", *kinds.arguments(kind, self.frames)]

        def work() -> None:
            os.chdir(place)
            os.execve(line[0], line, {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"})

        return victims.fork(work, place / "log")

    @functools.cache  # noqa: B019 (one bench lives as long as its process)
    def whole(self, kind: str) -> Whole:
        """The undisturbed run of a kind, its file-system events counted.

        Raises:
            RuntimeError: if it fails.
        """
        place = kinds.fresh(self.folder / f"whole {kind}")
        begun = cpu_of_children()
        kept = self.folder / "composed"
        code = self.finish(self.start(kind, place, lambda: _list_events(place, "runs"), kept=kept))
        composed.take_over(kept)
        if code:
            raise RuntimeError(f"The undisturbed run '{kind}' failed with {code}: {tail(place)}")
        used = cpu_of_children() - begun
        return Whole(kinds.left(place), used, _listed(place))

    def start_other(self, name: str, place: Path, hook: Callable[[], Any] | None = None) -> int:
        """A fork that runs one of the other commands, on the undisturbed run of the plain kind."""
        self.whole("plain")
        do = commands.work(name, place, self.folder / "whole plain", self.frames)

        def work() -> None:
            if hook is not None:
                hook()
            do()

        return victims.fork(work, place / "log")

    @functools.cache  # noqa: B019
    def whole_command(self, name: str) -> tuple[dict[str, dict[str, Any]], list[tuple[str, int, str]]]:
        """The result of an undisturbed command, and its file-system events.

        Raises:
            RuntimeError: if it fails.
        """
        place = kinds.fresh(self.folder / f"whole {name}")
        code = self.finish(self.start_other(name, place, lambda: _list_events(place, "out")))
        if code:
            raise RuntimeError(f"The undisturbed '{name}' failed with {code}: {tail(place)}")
        return commands.left(place), _listed(place)

    def finish(self, pid: int, seconds: float = LONG, spared: Collection[int] = ()) -> int | None:
        """Wait for a command and all that it started; its exit status, None if it had to be killed.

        Args:
            pid: of the command.
            seconds: in which it ends.
            spared: other processes, which go on.
        """
        processes.wait_until(lambda: processes.exit_code(pid) is not None, seconds, 0.01)
        ended = processes.all_gone(20 if processes.exit_code(pid) is not None else 0, spared)
        return processes.exit_code(pid) if ended.gone else None


def _list_events(place: Path, root: str) -> None:
    """Write down the events of a victim, within it."""
    handle = os.open(place / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    victims.KEPT.add(handle)
    Events(place / root, lambda *event: os.write(handle, "\t".join(map(str, event)).encode() + b"\n") and None)


def _listed(place: Path) -> list[tuple[str, int, str]]:
    """Events by process, number and name; of several jobs of a sweep, each number once."""
    lines = [line.split("\t") for line in (place / "events").read_text().splitlines()]
    return sorted({(words[0], int(words[1])): (words[0], int(words[1]), words[2]) for words in lines}.values())


def cpu_of_children() -> float:
    """Seconds of CPU time of all children that have ended."""
    processes.collect()
    times = os.times()
    return times.children_user + times.children_system


def tail(place: Path, lines: int = 6) -> str:
    """The last lines that commands printed in a place, in one."""
    texts = []
    for log in [place / "log", *place.glob("runs/*/log.txt")]:
        with contextlib.suppress(OSError):
            texts += log.read_text(errors="replace").splitlines()[-lines:]
    return " | ".join(texts)[-1500:]


def starts(place: Path) -> Counter[str]:
    """Count how often a finished run folder was trained or tested again: never, if all is well."""
    with contextlib.suppress(OSError):
        lines = (place / "starts").read_text().splitlines()
        return Counter(line.partition(" ")[2] for line in lines if line.startswith("done"))
    return Counter()


def _note_starts(place: Path) -> None:
    """Write down every training of a victim, within it, with the state of the folder before."""
    from depthbench.launch import execute

    real = execute.train_and_test

    def noted(folder: Any, progress_bar: bool) -> Any:
        if os.environ.get("RANK", "0") == "0":
            with (place / "starts").open("a") as file:
                file.write(f"{'done' if folder.done else 'open'} {folder.path.name}\n")
        return real(folder, progress_bar)

    execute.train_and_test = noted
