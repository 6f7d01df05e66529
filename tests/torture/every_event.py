"""A kill at every file-system event of a training, each once: what it leaves is sound, and the same command ends it.

:mod:`tests.torture.kills` draws some events of all kinds, and random instants. Here no event of a training of one
process is left out.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from depthbench.errors import UserError
from depthbench.files import PART
from tests.torture import kinds, states
from tests.torture.bench import LONG, Bench, starts, tail
from tests.torture.branches import Branch, grow, mounts
from tests.torture.kills import Kill, killer
from tests.torture.summary import Failure, Summary


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All events of as many kinds of training of one process as are wanted, or some of them."""
    chosen = [name for name in names if kinds.is_alone(name)][:wanted]
    events = [(name, number) for name in chosen for _, number, _ in bench.whole(name).events]
    summary = Summary("kills at every event", len(events))
    if not mounts():
        summary.missing = "No file system can be mounted here, so that commands can't branch."
        return summary
    ends: dict[str, list[str]] = {}
    for name in chosen:
        mine = {i: event[1] for i, event in enumerate(events) if event[0] == name and (not only or i in only)}
        for index, problems in _tortured(bench, name, mine, ends):
            summary.done += 1
            summary.numbers[f"kills, {name}"] = int(summary.numbers.get(f"kills, {name}", 0)) + 1
            again = f"python -m tests.torture --only every_event --every_event {wanted} --case {index}"
            told = f"{name}, a kill at event {mine[index]}"
            summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
            if problems or index % 50 == 0:
                print(f"every event {summary.done}/{len(events)}: {told}: {problems}", flush=True)
            if enough and enough():
                break
    summary.numbers["different folders that a kill left, each of which the same command went on with"] = len(ends)
    return summary


def _tortured(bench: Bench, kind: str, numbers: Mapping[int, int], ends: dict[str, list[str]]
              ) -> Iterator[tuple[int, list[str]]]:  # fmt: skip
    """Problems of each kill."""
    place, copy = kinds.fresh(bench.folder / "kill"), bench.folder / "killed branch"
    branches = [
        Branch(index, number, killer(Kill("self", role="command", number=number), place / "killed"))
        for index, number in numbers.items()
    ]
    before: dict[str, float] = {}
    for outcome in grow(lambda hook: bench.start(kind, place, hook), place, place / "runs", branches, copy, LONG):
        _orphan(outcome.place, outcome.waiting)
        problems = [] if outcome.code == -9 else [f"it was not killed, but ended with {outcome.code}"]
        try:
            after = kinds.progress(outcome.place)
        except UserError as error:
            problems, after = [*problems, f"after a kill: {error}"], before
        problems += [
            f"lost: {name[-8:]} fell from step {steps} to {after.get(name)}"
            for name, steps in before.items()
            if after.get(name, -1) < steps
        ]
        before = after
        key = f"{kind} {states.key(outcome.place / 'runs')}"
        if key not in ends:
            ends[key] = _goes_on(bench, kind, outcome.place, outcome.waiting)
        yield outcome.index, problems + ends[key]


def _orphan(place: Path, waiting: int) -> None:
    """Half-written files are named by the process that began them, which was the waiting one: nobody, from now on."""
    nobody = os.fork()
    if not nobody:
        os._exit(0)
    os.waitpid(nobody, 0)
    for path in place.rglob(f"{PART}*-{waiting}-*"):
        path.rename(path.with_name(path.name.replace(f"-{waiting}-", f"-{nobody}-")))


def _goes_on(bench: Bench, kind: str, place: Path, waiting: int) -> list[str]:
    """Problems of the same command after a kill."""
    code = bench.finish(bench.start(kind, place), spared=(waiting,))
    if code != 0:
        return [f"the next start ended with {code}: {tail(place)}"]
    problems = kinds.differences(bench.whole(kind).left, kinds.left(place))
    problems += [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]
    return [*problems, *(f"{name[-8:]} was trained after it was done" for name in starts(place))]
