"""The disk is full at every write: a sentence, a reason, nothing half-written, and the same command goes on."""

import errno
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.files import PART
from tests.torture import commands, kinds
from tests.torture.bench import Bench, tail
from tests.torture.events import GROWS, Events
from tests.torture.summary import Failure, Summary

REFUSED = (*GROWS, "fsync", "replace", "rename")
FULL = "the disk is full"
SUBJECTS = ("plain", "sweep", *commands.COMMANDS)


class Point(NamedTuple):
    """Where the disk is full: at one event, once or from there on (then renames and removals still work)."""

    kind: str
    role: str
    number: int
    lasting: bool


class Subject(NamedTuple):
    """A command, and what to compare."""

    start: Callable[[Path, Callable[[], Any]], int]
    left: Callable[[Path], dict[str, dict[str, Any]]]
    root: str
    whole: dict[str, dict[str, Any]]
    events: list[tuple[str, int, str]]


def subject(bench: Bench, name: str) -> Subject:
    """A kind of training, or another command."""
    if name in kinds.KINDS:
        whole = bench.whole(name)
        return Subject(lambda place, hook: bench.start(name, place, hook), kinds.left, "runs", whole.left, whole.events)
    left, events = bench.whole_command(name)
    return Subject(lambda place, hook: bench.start_other(name, place, hook), commands.left, "out", left, events)


def plan(bench: Bench, share: float, seed: int, names: Sequence[str]) -> list[Point]:
    """All points of the named commands, each of them once or lasting by turns; or a share of them."""
    points = [
        Point(name, role, number, number % 2 == 0)
        for name in names
        for role, number, event in subject(bench, name).events
        if event in REFUSED
    ]
    wanted = round(share * len(points))
    return points if wanted >= len(points) else sorted(random.Random(seed).sample(points, wanted))


def run(bench: Bench, share: float, seed: int, names: Sequence[str], only: int | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All points, or one of them."""
    points = plan(bench, share, seed, names)
    summary = Summary("disk full", len(points))
    for index, point in enumerate(points):
        if only not in (None, index) or (enough and enough()):
            continue
        problems = torture(bench, point)
        summary.done += 1
        key = f"points, {point.kind}"
        summary.numbers[key] = int(summary.numbers.get(key, 0)) + 1
        again = f"python -m tests.torture --only disk --disk {share:g} --seed {seed} --case {index}"
        told = f"{point.kind}, {'from' if point.lasting else 'at'} event {point.number} of {point.role} on"
        summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
        if problems or index % 20 == 0:
            print(f"disk {index + 1}/{len(points)}: {told}: {problems}", flush=True)
    return summary


def torture(bench: Bench, point: Point) -> list[str]:
    """Problems of one point."""
    what = subject(bench, point.kind)
    place = kinds.fresh(bench.folder / "disk")
    struck = place / "struck"
    code = bench.finish(what.start(place, lambda: Events(place / what.root, _filler(point, struck))))
    if not struck.exists():
        return ["the event did not come"]
    told = (place / "log").read_text(errors="replace") + tail(place, 400)
    problems = []
    if code == 0:
        problems += [f"ended with 0, but {text}" for text in kinds.differences(what.whole, what.left(place))]
    else:
        problems += [] if FULL in told else [f"no sentence: {tail(place)}"]
        problems += [f"ended with {code}"] if code is None or code < 0 else []
        problems += _reason(place) if not point.lasting else []
    problems += ["a traceback"] if "Traceback (most recent" in told else []
    problems += _parts(place)
    code = bench.finish(what.start(place, lambda: None))
    if code != 0:
        return [*problems, f"with room again it ended with {code}: {tail(place)}"]
    return [*problems, *kinds.differences(what.whole, what.left(place)), *_parts(place)]


def _parts(place: Path) -> list[str]:
    return [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]


def _reason(place: Path) -> list[str]:
    """Where the status could be written, it says what happened."""
    for file in place.glob("runs/*/status.json"):
        status = json.loads(file.read_text())
        if status["state"] == "failed" and FULL in status.get("reason", ""):
            return []
        if (file.parent / "DONE").exists() or status["state"] == "waiting":
            continue  # it was not this run's event
        return [f"status.json says {status['state']}, {status.get('reason')}"]
    return []


def _filler(point: Point, struck: Path) -> Any:
    def act(role: str, number: int, name: str, path: Path) -> None:
        first = (role, number) == (point.role, point.number)
        if first:
            struck.touch()
        if first or (point.lasting and name in GROWS and struck.exists()):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    return act
