"""The disk is full at every write: a sentence, a reason, nothing half-written, and the same command goes on."""

import errno
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.files import PART
from tests.torture import commands, kinds, states
from tests.torture.bench import LONG, Bench, tail
from tests.torture.branches import Branch, grow, mounts
from tests.torture.events import GROWS
from tests.torture.summary import Failure, Summary

REFUSED = (*GROWS, "fsync", "replace", "rename")
FULL = "the disk is full"
SUBJECTS = ("plain", "short sweep", *commands.COMMANDS)


class Point(NamedTuple):
    """The point at which the disk is full: one event, or all from there on (then renames and removals still work)."""

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
    if name in kinds.EVERY:
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


def run(bench: Bench, share: float, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All points, or one of them."""
    points = plan(bench, share, seed, names)
    summary = Summary("disk full", len(points))
    chosen = [(index, point) for index, point in enumerate(points) if not only or index in only]
    if not mounts():
        summary.missing = "No file system can be mounted here, so that commands can't branch."
        return summary
    ends: dict[str, list[str]] = {}
    for name in dict.fromkeys(point.kind for _, point in chosen):
        mine = {index: point for index, point in chosen if point.kind == name}
        for index, problems in _tortured(bench, name, mine, ends):
            summary.done += 1
            key = f"points, {name}"
            summary.numbers[key] = int(summary.numbers.get(key, 0)) + 1
            again = f"python -m tests.torture --only disk --disk {share:g} --seed {seed} --case {index}"
            point = points[index]
            told = f"{name}, {'from' if point.lasting else 'at'} event {point.number} of {point.role} on"
            summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
            if problems or index % 20 == 0:
                print(f"disk {summary.done}/{len(points)}: {told}: {problems}", flush=True)
            if enough and enough():
                break
    summary.numbers["different folders that a full disk left, each of which the same command went on with"] = len(ends)
    return summary


def _tortured(
    bench: Bench, name: str, points: Mapping[int, Point], ends: dict[str, list[str]]
) -> Iterator[tuple[int, list[str]]]:
    """Problems of each point of a command.

    Many points leave the same folder, to the last bit but for times and random names: the same command goes on from
    there once, and what came of it holds for all of them.
    """
    what = subject(bench, name)
    place, copy = kinds.fresh(bench.folder / "disk"), bench.folder / "disk of a branch"
    alone = name not in kinds.EVERY or kinds.is_alone(name)
    branches = [
        Branch(index, point.number if alone else 1, _filler(point, place / "struck")) for index, point in points.items()
    ]
    for index, code, left, waiting in grow(
        lambda hook: what.start(place, hook), place, place / what.root, branches, copy, LONG
    ):
        problems = _problems(what, points[index], code, left)
        if (left / "struck").exists():
            (left / "struck").unlink()
            key = f"{name} {states.key(left / what.root)}"
            if key not in ends:
                ends[key] = _goes_on(bench, what, left, waiting)
            problems += ends[key]
        yield index, problems


def _problems(what: Subject, point: Point, code: int | None, place: Path) -> list[str]:
    """The problems of a command that met a full disk and ended with ``code``."""
    if not (place / "struck").exists():
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
    return problems + _parts(place)


def _goes_on(bench: Bench, what: Subject, place: Path, waiting: int) -> list[str]:
    """Problems of the same command with room again."""
    code = bench.finish(what.start(place, lambda: None), spared=(waiting,))
    if code != 0:
        return [f"with room again it ended with {code}: {tail(place)}"]
    return [*kinds.differences(what.whole, what.left(place)), *_parts(place)]


def _parts(place: Path) -> list[str]:
    return [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]


def _reason(place: Path) -> list[str]:
    """The problem of a run's status, where one could be written: it must say that the disk was full."""
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
