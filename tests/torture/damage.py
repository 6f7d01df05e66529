"""Damaged files of run folders: every command says a sentence or is right; none hangs, none is silently wrong."""

import ctypes
import os
import random
import re
import resource
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.runs.checksums import ASKED, DONE, TESTED
from tests.torture import commands, kinds, processes, victims
from tests.torture.bench import Bench, cpu_of_children, tail
from tests.torture.kills import Case as Kills
from tests.torture.kills import Kill, kill_once
from tests.torture.summary import Failure, Summary

SECONDS = 5.0  # of CPU beyond those of the undisturbed command
MEMORY = 2**30  # bytes beyond those that the imports take
MENDED = (*ASKED, *TESTED, DONE)  # by the same command, where a run is finished
COMMANDS = ("run", "evaluate", "predict", "report", "export")


def _flip(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def _cut(file: Path, rng: random.Random) -> None:
    os.truncate(file, rng.randrange(max(1, file.stat().st_size)))


def _instead(make: Callable[[Path], Any]) -> Callable[[Path, random.Random], None]:
    def damage(file: Path, rng: random.Random) -> None:
        file.unlink()
        make(file)

    return damage


DAMAGES: dict[str, Callable[[Path, random.Random], Any]] = {
    "a flipped bit": _flip,
    "cut off": _cut,
    "empty": lambda file, rng: file.write_bytes(b""),
    "garbage": lambda file, rng: file.write_bytes(rng.randbytes(2000)),
    "brackets": lambda file, rng: file.write_bytes(b"[" * 5000),
    "a folder": _instead(Path.mkdir),
    "a pipe": _instead(os.mkfifo),
    "missing": _instead(lambda file: None),
    "unreadable": lambda file, rng: file.chmod(0),
}


class Case(NamedTuple):
    """A file of a finished or an interrupted run, its damage, and the command that meets it."""

    finished: bool
    file: str
    damage: str
    command: str


def plan(wanted: int | None, seed: int, files: dict[bool, list[str]]) -> list[Case]:
    """All cases, or some by chance, each once."""
    every = [
        Case(finished, file, damage, command)
        for finished in (True, False)
        for file in files[finished]
        for damage in DAMAGES
        for command in COMMANDS
    ]
    return every if wanted is None else random.Random(seed).sample(every, min(wanted, len(every)))


def run(bench: Bench, wanted: int | None, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All cases, or one of them."""
    bench.whole("plain")
    places = {True: bench.folder / "whole plain", False: _interrupted(bench)}
    cases = plan(wanted, seed, {key: _files(place) for key, place in places.items()})
    summary = Summary("damaged run folders", len(cases))
    counts: Counter[str] = Counter()
    for index, case in enumerate(cases):
        if (only and index not in only) or (enough and enough()):
            continue
        problems, outcome = torture(bench, case, places[case.finished], f"{seed}/{case}")
        summary.done += 1
        counts[outcome] += 1
        again = f"python -m tests.torture --only damage --damage {wanted or 'all'} --seed {seed} --case {index}"
        state = "a finished" if case.finished else "an interrupted"
        told = f"{case.command} on {state} run, {case.file}: {case.damage}"
        summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
        if problems or index % 20 == 0:
            print(f"damage {index + 1}/{len(cases)}: {told}: {outcome} {problems}", flush=True)
    summary.numbers = {f"commands that ended {outcome}": count for outcome, count in sorted(counts.items())}
    return summary


def torture(bench: Bench, case: Case, source: Path, seed: str) -> tuple[list[str], str]:
    """Problems, and how the command ended."""
    place = kinds.fresh(bench.folder / "damage")
    code, used = _met(bench, case, source, seed, place)
    if code is None:  # it, or a machine on which everything takes longer by now
        _known.pop((case.finished, case.command), None)
        code, used = _met(bench, case, source, seed, kinds.fresh(place))
    wanted, _ = _undisturbed(bench, case, source)
    log = (place / "log").read_text(errors="replace")
    problems = ["a traceback: " + tail(place, 12)] if "Traceback (most recent" in log else []
    if code is None:
        return [*problems, f"it did not end in {used:.0f} s of CPU"], "never"
    if code < 0:
        return [*problems, f"killed by signal {-code}"], "by a signal"
    if code:
        return [*problems, *([] if log.strip() else ["no sentence"])], "with a sentence"
    if wanted is None or (case.command == "run" and case.finished and case.file not in MENDED):
        return problems, "well"  # nothing to compare: what only a training writes is left as it is
    if case.command == "report" and _named(place / "out" / "page.html", case.file):
        return problems, "well, with the file among those that are missing"
    return [*problems, *(f"silently wrong: {text}" for text in kinds.differences(wanted, _left(case)(place)))], "well"


def _met(bench: Bench, case: Case, source: Path, seed: str, place: Path) -> tuple[int | None, float]:
    """Exit status and CPU seconds of the command that meets the damage."""
    shutil.copytree(source / "runs", place / "runs")
    (folder,) = place.glob("runs/*/")
    _, usual = _undisturbed(bench, case, source)
    DAMAGES[case.damage](folder / case.file, random.Random(seed))
    pid = _start(bench, case.command, place)
    return _watched(pid, usual + SECONDS)


def _named(page: Path, name: str) -> bool:
    """Whether a page has a file in its column of missing files."""
    return re.search(rf"<td[^>]*>(?:[\w.]+, )*{re.escape(name)}(?:, [\w.]+)*</td>", page.read_text()) is not None


_known: dict[tuple[bool, str], tuple[Any, float]] = {}


def _undisturbed(bench: Bench, case: Case, source: Path) -> tuple[Any, float]:
    """The result of the command on a sound copy (None where it refuses), and its seconds of CPU.

    Raises:
        RuntimeError: if it fails on a finished run.
    """
    key = case.finished, case.command
    if key not in _known:
        sound = kinds.fresh(bench.folder / "sound")
        shutil.copytree(source / "runs", sound / "runs")
        before = cpu_of_children()
        pid = _start(bench, case.command, sound)
        code = bench.finish(pid)
        if code and case.finished:
            raise RuntimeError(f"The undisturbed '{case.command}' failed with {code}: {tail(sound)}")
        _known[key] = None if code else _left(case)(sound), cpu_of_children() - before
    return _known[key]


def _left(case: Case) -> Callable[[Path], Any]:
    """The function that reads the result of a command."""
    return kinds.left if case.command == "run" else commands.left


def _start(bench: Bench, command: str, place: Path) -> int:
    if command == "run":
        return bench.start("plain", place, _limited)

    def work() -> None:
        _limited()
        commands.work(command, place, place, bench.frames)()

    return victims.fork(work, place / "log")


def _limited() -> None:
    """Limit a victim, within it: no more memory than a sound file takes, and no right of root to read everything."""
    (data,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData")]
    now = 1024 * int(data.split()[1])
    resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY, now + MEMORY))
    header, rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None)
    libc.capget(header, rights)
    for index in range(3):
        rights[index] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    libc.capset(header, rights)


def _watched(pid: int, limit: float) -> tuple[int | None, float]:
    """Exit status and CPU seconds; None where it used more than the limit, or stood still for long."""
    used = 0.0

    def over() -> bool:
        nonlocal used
        used = max(used, processes.cpu_below())
        return processes.exit_code(pid) is not None or used > limit

    processes.wait_until(over, 120, 0.02)
    ended = processes.all_gone(20 if processes.exit_code(pid) is not None else 0)
    return processes.exit_code(pid) if ended.gone else None, used


def _files(place: Path) -> list[str]:
    (folder,) = place.glob("runs/*/")
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def _interrupted(bench: Bench) -> Path:
    """A run that was killed when its second checkpoint was complete."""
    links = [number for _, number, name in bench.whole("plain").events if name == "link"]
    place = kinds.fresh(bench.folder / "interrupted")
    kill = Kill("self", role="command", number=links[1] + 6)
    kill_once(bench, Kills(0, "plain", (kill,)), kill, place, bench.whole("plain").cpu)
    processes.all_gone(30)
    return place
