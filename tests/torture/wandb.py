"""W&B servers that are away, silent, broken, slow, or die in the middle of a run: the run is as one without W&B."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.torture import kinds, processes
from tests.torture.bench import Bench, cpu_of_children, tail
from tests.torture.summary import Failure, Summary
from tests.torture.wandb_server import serve
from tests.wandb_file import content

FIRST = 10.0  # seconds of CPU until the first step of the training
SERVERS = ("closed", "silent", "broken", "slow", "healthy")
MODES = ("online", "auto")
ENDS = ("dies", "breaks", "forbids")  # at a request and from there on


class Case(NamedTuple):
    """The server's behavior and ``logger.mode``; ``request`` is the number of the one at which it breaks off."""

    server: str
    mode: str
    request: int = 0


def plan(wanted: int) -> list[Case]:
    """Every server that is bad from its beginning, then servers that die at the first request, the second ..."""
    cases = [Case(server, mode) for server in SERVERS for mode in MODES]
    number = 0
    while len(cases) < wanted:
        number += 1
        cases += [Case(end, MODES[number % 2], number) for end in ENDS]
    return cases[:wanted]


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """All cases, or one of them."""
    summary = Summary("W&B servers", wanted)
    worst, most, died = 0.0, 0, 0
    for index, case in enumerate(plan(wanted)):
        if (only and index not in only) or (enough and enough()):
            continue
        problems, cpu, requests = torture(bench, case)
        summary.done += 1
        worst, most = max(worst, cpu), max(most, requests)
        died += case.server in ENDS and requests >= case.request
        again = f"python -m tests.torture --only wandb --wandb {wanted} --seed {seed} --case {index}"
        told = f"a server that is {case.server} {case.request or ''}, logger.mode={case.mode}"
        summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
        print(f"wandb {index + 1}/{wanted}: {told}: {requests} requests, {cpu:.1f} s {problems}", flush=True)
    summary.numbers = {
        "seconds of CPU until the first step, at most": round(worst, 2),
        "requests that a server got, at most": most,
        "servers that failed in the middle of a run": died,
    }
    return summary


def torture(bench: Bench, case: Case) -> tuple[list[str], float, int]:
    """Problems, seconds of CPU until the first step, requests that the server got."""
    whole = bench.whole("plain")
    place = kinds.fresh(bench.folder / "wandb")
    with serve(case.server, case.request) as (url, asked):
        begun = cpu_of_children()
        environment = {"WANDB_MODE": "online", "WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": url, "WANDB_SILENT": "true"}
        more = ["logger=wandb", f"logger.mode={case.mode}"]
        pid = bench.start("plain", place, lambda: _note_step(place), *more, environment=environment)
        first = place / "first"
        processes.wait_until(lambda: first.exists() or processes.exit_code(pid) is not None, 200, 0.02)
        cpu = cpu_of_children() - begun + processes.cpu_below()
        code = bench.finish(pid)
        requests = len(asked)
    said = (place / "log").read_text(errors="replace") + tail(place, 400)
    problems = [] if code == 0 else [f"ended with {code}: {tail(place)}"]
    problems += [f"the first step came after {cpu:.1f} s of CPU"] if cpu > FIRST else []
    problems += ["a traceback: " + tail(place, 12)] if "Traceback (most recent" in said else []
    problems += [f"differs from a run without W&B: {text}" for text in _differences(whole.left, kinds.left(place))]
    return [*problems, *_kept(case, place, said, requests)], cpu, requests


def _differences(wanted: Any, found: Any) -> list[str]:
    """Between runs of which one has W&B's files and its logger in its configuration (but the same name)."""
    without = lambda files: {name: value for name, value in files.items() if not name.startswith("wandb/") and  # noqa: E731
                             name not in ("config.yaml", "provenance.json")}  # fmt: skip
    left = [{folder: without(files) for folder, files in every.items()} for every in (wanted, found)]
    return kinds.differences(*left)


def _kept(case: Case, place: Path, said: str, requests: int) -> list[str]:
    """Nothing is lost: all scores are in W&B's own file in the run folder, and the command that sends it was told."""
    files = sorted(place.glob("runs/*/wandb/*run-*/run-*.wandb"))
    found = {name for file in files for name in content(file)[0]}
    (table,) = place.glob("runs/*/metrics.csv")
    wanted = set(table.read_text().partition("\n")[0].strip().split(",")) - {"step"}
    lost = sorted(wanted - found)
    problems = [f"lost from W&B's file: {', '.join(lost[:4])}"] if lost or len(wanted) < 5 else []
    sent = case.server in ("healthy", "slow") or 0 < requests < case.request  # it did not come to its failure
    return problems if "wandb sync " in said or sent else [*problems, "no sentence with the command wandb sync"]


def _note_step(place: Path) -> None:
    """Note within a victim when the first step of the training begins."""
    from depthbench.training.callbacks import StatusReporter

    real = StatusReporter.on_train_batch_start

    def noted(self: Any, *arguments: Any, **named: Any) -> Any:
        (place / "first").touch()
        return real(self, *arguments, **named)

    StatusReporter.on_train_batch_start = noted  # type: ignore[method-assign]
