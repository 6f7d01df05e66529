"""Two and three sweeps on one folder at once: every job once, every command ends well."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from depthbench.files import PART
from tests.torture import kinds
from tests.torture.bench import Bench, tail
from tests.torture.summary import Failure, Summary


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """Sweeps that begin at the same time, or one after the other by chance."""
    summary = Summary("sweeps at once", wanted)
    sweeps = [name for name in names if "-m" in kinds.KINDS[name]]
    rng = random.Random(seed)
    jobs = 0
    for index in range(wanted):
        kind, count = sweeps[index % len(sweeps)], 2 + index // len(sweeps) % 2
        pauses = [rng.choice((0.0, rng.uniform(0, 1))) * bench.whole(kind).cpu for _ in range(count)]
        if (only and index not in only) or (enough and enough()):
            continue
        problems = torture(bench, kind, pauses)
        summary.done += 1
        jobs += count * len(bench.whole(kind).left)
        again = f"python -m tests.torture --only sweeps --sweeps {wanted} --seed {seed} --case {index}"
        summary.failures += [Failure(f"{count} times {kind} at once: {problem}", again) for problem in problems]
        print(f"sweeps {summary.done}/{wanted}: {count} times {kind}: {problems}", flush=True)
    summary.numbers = {"jobs that were asked for": jobs}
    return summary


def torture(bench: Bench, kind: str, pauses: Sequence[float]) -> list[str]:
    """Problems of as many sweeps as there are pauses before their starts."""
    whole = bench.whole(kind)
    place = kinds.fresh(bench.folder / "sweeps")
    pids = []
    for pause in pauses:
        time.sleep(pause / len(pauses))
        pids.append(bench.start(kind, place))
    problems = [f"a sweep ended with {code}: {tail(place)}" for pid in pids if (code := bench.finish(pid)) != 0]
    problems += kinds.differences(whole.left, kinds.left(place))
    problems += [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]
    trained = Counter(line.split(" ", 1)[1] for line in (place / "starts").read_text().splitlines())
    return [*problems, *(f"{name[-8:]} was trained {count} times" for name, count in trained.items() if count != 1)]
