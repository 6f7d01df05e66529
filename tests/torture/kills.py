"""Kills at random instants and at every file-system event: nothing is lost, nothing done twice, the end bit-equal."""

import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.errors import UserError
from depthbench.files import PART
from tests.torture import kinds, processes
from tests.torture.bench import Bench, starts, tail
from tests.torture.events import End, Events
from tests.torture.summary import Failure, Summary

TARGETS = ("command", "group", "all", "one")
GONE = 15.0  # seconds of CPU in which what is left of a killed command must end
REAL = 0.03  # share of the cases that start real command lines


class Kill(NamedTuple):
    """The victim of a kill and its time: a share of the command's CPU time, or an event of one of its processes."""

    target: str
    share: float = 0.0
    role: str = ""
    number: int = 0


class Case(NamedTuple):
    """One command that is killed, started again, killed again ... and brought to its end."""

    index: int
    kind: str
    kills: tuple[Kill, ...]
    real: bool = False


def plan(bench: Bench, wanted: int, seed: int, names: Sequence[str]) -> list[Case]:
    """Cases with at least as many kills as wanted; half at instants, half at events, drawn from all events."""
    rng = random.Random(seed)
    every = [(kind, role, number) for kind in names for role, number, _ in bench.whole(kind).events]
    drawn = rng.sample(every, min(len(every), wanted // 2))
    cases, planned = [], 0
    while planned < wanted:
        index = len(cases)
        real = rng.random() < REAL
        if drawn and index % 2 and not real:
            kind, role, number = drawn.pop()
            kills = [Kill(rng.choice(("self", "group")), role=role, number=number)]
        else:
            kind = rng.choice(list(names))
            kills = []
        for _ in range(rng.choice((1, 2, 3, 4)) - len(kills)):
            kills.append(Kill(rng.choice(TARGETS), share=rng.uniform(0, 1.0)))
        cases.append(Case(index, kind, tuple(kills), real))
        planned += len(kills)
    return cases


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str] = tuple(kinds.KINDS), only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All cases, or one of them."""
    summary = Summary("kills", wanted)
    counts: Counter[str] = Counter()
    worst = 0.0
    for case in plan(bench, wanted, seed, names):
        if (only and case.index not in only) or (enough and enough()):
            continue
        problems, kills, cpu = torture(bench, case)
        worst = max(worst, cpu)
        counts[case.kind] += kills
        counts["by the real command line"] += kills * case.real
        summary.done += kills
        again = f"python -m tests.torture --only kills --kills {wanted} --seed {seed} --case {case.index}"
        summary.failures += [Failure(f"{case.kind}, {_told(case)}: {problem}", again) for problem in problems]
        print(f"kills {summary.done}/{wanted}: case {case.index} {case.kind}, {len(problems)} problems", flush=True)
        for problem in problems:
            print(f"  {problem}\n  {again}", flush=True)
    summary.numbers = {f"kills, {kind}": count for kind, count in sorted(counts.items()) if count}
    summary.numbers["seconds of CPU until all that was left of a command had ended, at most"] = round(worst, 2)
    return summary


def torture(bench: Bench, case: Case) -> tuple[list[str], int, float]:
    """Problems, kills that hit, and the CPU seconds that survivors of a kill took to end."""
    whole = bench.whole(case.kind)
    place = kinds.fresh(bench.folder / "kill")
    problems: list[str] = []
    before: dict[str, float] = {}
    worst, hit = 0.0, 0
    for kill in case.kills:
        hit += kill_once(bench, case, kill, place, whole.cpu)
        ended = processes.all_gone(90)
        worst = max(worst, ended.cpu)
        if not ended.gone or ended.cpu > GONE:
            problems.append(f"after a kill processes went on for {ended.wall:.0f} s ({ended.cpu:.1f} s of CPU)")
        try:
            after = kinds.progress(place)
        except UserError as error:
            problems.append(f"after a kill: {error}")
            after = before
        problems += [f"lost: {name[-8:]} fell from step {steps} to {after.get(name)}" for name, steps in before.items()
                     if after.get(name, -1) < steps]  # fmt: skip
        before = after
    code = bench.finish(bench.start_command(case.kind, place) if case.real else bench.start(case.kind, place))
    if code != 0:
        return [*problems, f"the last start ended with {code}: {tail(place)}"], hit, worst
    problems += kinds.differences(whole.left, kinds.left(place))
    problems += [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]
    problems += [f"{name[-8:]} was trained after it was done" for name in starts(place)]
    return problems, hit, worst


def kill_once(bench: Bench, case: Case, kill: Kill, place: Path, seconds: float) -> bool:
    """Start the command and kill it; whether it was hit before it ended."""
    if kill.number:
        noted = place / "killed"
        noted.unlink(missing_ok=True)
        pid = bench.start(case.kind, place, lambda: Events(place / "runs", killer(kill, noted)))
        processes.wait_until(lambda: processes.exit_code(pid) is not None, 240, 0.01)
        return noted.exists()
    # A real command line imports for as long as five tiny runs take.
    pid = bench.start_command(case.kind, place) if case.real else bench.start(case.kind, place)
    goal = (12 + seconds if case.real else seconds) * kill.share
    processes.wait_until(lambda: processes.exit_code(pid) is not None or processes.cpu_below() >= goal, 240)
    if processes.exit_code(pid) is not None:
        return False
    below = [pid, *processes.below(pid)]
    if kill.target == "group":
        os.killpg(pid, signal.SIGKILL)
    else:
        number = random.Random(f"{case.index}/{kill.share}").randrange(len(below))
        processes.send({"command": [pid], "all": below, "one": [below[number]]}[kill.target], signal.SIGKILL)
    return True


def killer(kill: Kill, noted: Path) -> Any:
    """Kill a process or its group at the n-th event of one of its processes, in the middle of every other write.

    Args:
        kill: with role and number.
        noted: a file that is made before.
    """

    def end() -> None:
        handle = os.open(noted, os.O_CREAT | os.O_WRONLY)
        os.close(handle)
        if kill.target == "group":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def act(role: str, number: int, name: str, path: Path) -> End | None:
        if (role, number) != (kill.role, kill.number):
            return None
        if name == "write" and number % 2:
            return end  # in the middle
        end()
        return None

    return act


def _told(case: Case) -> str:
    return " then ".join(
        f"{kill.target} at event {kill.number} of {kill.role}" if kill.number else
        f"{kill.target} at {kill.share:.0%} of the time" for kill in case.kills
    )  # fmt: skip
