"""Signals in every phase: a checkpoint within 5 s, the command gone within 15, and the next start ends bit-equal.

Seconds are of CPU, so that a busy machine is no failure; those of the clock are reported.
"""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.files import PART
from tests.torture import kinds, processes
from tests.torture.bench import LONG, Bench, cpu_of_children, starts, tail
from tests.torture.summary import Failure, Summary

SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")
PHASES = ("creation", "training", "fetching", "validation", "test", "writing")
SAVED, GONE = 5.0, 15.0  # seconds


class Case(NamedTuple):
    """A signal, its phase and its receiver: the process in the phase, its group, or the command that was typed."""

    kind: str
    phase: str
    signal: str
    target: str
    twice: bool
    call: int  # of the phase


def plan(wanted: int, seed: int, names: Sequence[str]) -> list[Case]:
    """Every kind in every phase in turn, the rest by chance."""
    rng = random.Random(seed)
    cases = []
    for kind, phase in itertools.islice(itertools.cycle(itertools.product(names, PHASES)), wanted):
        targets = ("process", "group", "command") if phase != "creation" else ("process", "group")
        calls = {"training": 5, "fetching": 5, "validation": 2}.get(phase, 1)
        # Of 13 frames an epoch has three batches, and a validation one.
        epochs = kinds.epochs(kind)
        there = {"training": 3 * epochs, "fetching": 3 * epochs, "validation": epochs}.get(phase, 1)
        chosen = rng.choice(SIGNALS), rng.choice(targets), rng.random() < 0.3, rng.randint(1, calls)
        cases.append(Case(kind, phase, *chosen[:3], min(chosen[3], there)))
    return cases


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All cases, or one of them."""
    summary = Summary("signals", wanted)
    most = dict.fromkeys(("saved, CPU", "saved, clock", "gone, CPU", "gone, clock"), 0.0)
    for index, case in enumerate(plan(wanted, seed, names)):
        if (only and index not in only) or (enough and enough()):
            continue
        problems, times = torture(bench, case)
        most = {key: max(value, times.get(key, 0.0)) for key, value in most.items()}
        summary.done += 1
        again = f"python -m tests.torture --only signals --signals {wanted} --seed {seed} --case {index}"
        told = f"{case.kind}, {case.signal} to the {case.target}{' twice' * case.twice} in {case.phase} {case.call}"
        summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
        print(f"signals {summary.done}/{wanted}: {told}: {problems} {times}", flush=True)
    summary.numbers = {f"seconds until {key}, at most": round(value, 2) for key, value in most.items()}
    return summary


def torture(bench: Bench, case: Case) -> tuple[list[str], dict[str, float]]:
    """Problems, and seconds from the signal to the checkpoint and to the end."""
    whole = bench.whole(case.kind)
    place = kinds.fresh(bench.folder / "signal")
    pid = bench.start(case.kind, place, lambda: _arm(case, place))
    mark = place / "signaled"
    processes.wait_until(lambda: mark.exists() or processes.exit_code(pid) is not None, LONG)
    if not mark.exists():
        processes.all_gone(5)
        return [f"the phase did not come: {tail(place)}"], {}
    begun, used = time.time(), cpu_of_children() + processes.cpu_below()
    if case.twice:
        time.sleep(0.05)
        processes.send([pid], getattr(signal, case.signal))
    code = bench.finish(pid)
    times = {"gone, clock": time.time() - begun, "gone, CPU": cpu_of_children() - used}
    problems = [] if code is not None else ["it did not end"]
    problems += _saved(case, place, times)
    problems += [f"gone after {times['gone, CPU']:.1f} s"] if times["gone, CPU"] > GONE else []
    log = (place / "log").read_text(errors="replace") + tail(place, 400)
    problems += [f"a traceback: {tail(place)}"] if "Traceback (most recent" in log else []
    again = bench.finish(bench.start(case.kind, place))
    if again != 0:
        return [*problems, f"the next start ended with {again}: {tail(place)}"], times
    problems += kinds.differences(whole.left, kinds.left(place))
    problems += [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]
    problems += [f"{name[-8:]} was trained after it was done" for name in starts(place)]
    return problems, {key: round(value, 2) for key, value in times.items()}


def _saved(case: Case, place: Path, times: dict[str, float]) -> list[str]:
    """Check that a checkpoint soon holds the steps that were done in training and validation."""
    if case.phase not in ("training", "fetching", "validation"):
        return []
    wanted = int((place / "signaled").read_text())
    steps = max(kinds.progress(place).values(), default=-1)
    if steps < wanted:
        return [f"{wanted} steps were done, {steps} are in the checkpoint: {tail(place)}"]
    saved = [file.stat().st_mtime for file in place.glob("runs/*/checkpoints/last.ckpt")]
    times["saved, clock"] = max(0.0, max(saved) - (place / "signaled").stat().st_mtime)
    times["saved, CPU"] = min(times["saved, clock"], times["gone, CPU"])
    return [f"saved after {times['saved, CPU']:.1f} s"] if times["saved, CPU"] > SAVED else []


def _arm(case: Case, place: Path) -> None:
    """Send the signal within a victim at the n-th call of the phase, counted over all its processes."""
    from depthbench.runs import creation
    from depthbench.training import results
    from depthbench.training.callbacks import LastCheckpoint, Profiles, StatusReporter
    from depthbench.training.steps import steps_done

    command, calls = os.getpid(), itertools.count(1)

    def strike(steps: int = 0) -> None:
        if next(calls) != case.call or os.environ.get("RANK", "0") != "0":
            return
        try:
            handle = os.open(place / "signaled", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return
        os.write(handle, str(steps).encode())
        os.close(handle)
        number = getattr(signal, case.signal)
        if case.target == "group":
            os.killpg(0, number)
        else:
            os.kill(command if case.target == "command" else os.getpid(), number)

    def before(owner: Any, name: str, steps: Callable[..., int] = lambda *arguments: 0) -> None:
        real = getattr(owner, name)

        def struck(*arguments: Any, **named: Any) -> Any:
            strike(steps(*arguments))
            return real(*arguments, **named)

        setattr(owner, name, struck)

    done = lambda callback, trainer, *rest: steps_done(trainer)  # noqa: E731
    before(*{
        "creation": (creation, "write_config"),
        "training": (LastCheckpoint, "on_train_batch_end", done),
        "fetching": (StatusReporter, "on_train_batch_end", done),  # the last of the callbacks
        "validation": (LastCheckpoint, "on_validation_batch_end", done),
        "test": (Profiles, "on_test_batch_end"),
        "writing": (results, "write_scores"),
    }[case.phase])  # fmt: skip
