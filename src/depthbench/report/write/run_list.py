"""The runs themselves as HTML: unfinished ones with their reason, and how each was made."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from depthbench.report.draw.style import html
from depthbench.report.read.runs import Run


def render_runs(runs: Sequence[Run]) -> str:
    """Runs that the tables leave out, with the reason; then every run."""
    open_runs = [run for run in runs if run.state != "done" or not run.scores]
    parts = ['<section id="runs"><h2>Runs</h2>']
    if open_runs:
        parts.append(f"<p>{len(open_runs)} of {len(runs)} runs are not in the tables.</p>")
        header = ("Run", "State", "Reason", "Reached", "Updated")
        rows = [(run.name, _state(run), run.reason or _missing(run), _reached(run), _when(run)) for run in open_runs]
        parts.append(_plain_table(header, rows))
    else:
        parts.append(f"<p>All {len(runs)} runs are done and scored.</p>")
    columns = ("Run", "State", "Hash", "Took", "Images/s", "Machine", "Code", "Missing files", "Command")
    listed = _plain_table(columns, [_run_row(run) for run in runs])
    parts.append(f"<details><summary>All runs: machines, times and commands</summary>{listed}</details>")
    return "".join([*parts, "</section>"])


def _plain_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col" class="text"><button type="button">{html(name)}</button></th>' for name in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f'<div class="framed scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(row: Sequence[str]) -> str:
    return "".join(f'<td class="text wrap">{_marked(cell)}</td>' for cell in row)


def _marked(cell: str) -> str:
    known = cell in ("failed", "interrupted", "unfinished")
    return f'<span class="state {cell}">{cell}</span>' if known else html(cell)


def _state(run: Run) -> str:
    return "not scored" if run.state == "done" else run.state


def _missing(run: Run) -> str:
    return f"{', '.join(run.missing)} missing" if run.missing and run.state in ("done", "unknown") else "–"


def _reached(run: Run) -> str:
    step, steps = run.status.get("step"), run.status.get("steps")
    return f"step {step} of {steps}" if step is not None and steps else "–" if step is None else f"step {step}"


def _when(run: Run) -> str:
    moment = run.status.get("updated") or run.info.get("created") or "–"
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return str(moment)


def _machine(run: Run) -> str:
    """Devices and cores; the machine's own name is nobody's business."""
    machine = run.info.get("machine")
    if not isinstance(machine, Mapping):
        return str(machine or "–")
    gpus = machine.get("gpus")
    found = [", ".join(map(str, gpus)) if gpus else "no GPU"] if isinstance(gpus, list) else []
    found += [f"{machine['cores']} CPU cores"] if "cores" in machine else []
    return ", ".join(found) or "–"


def _run_row(run: Run) -> tuple[str, ...]:
    seconds, speed = run.done.get("seconds"), run.status.get("images_per_second")
    return (
        run.name,
        run.state,
        str(run.info.get("hash", "–")),
        f"{seconds / 60:.1f} min" if isinstance(seconds, int | float) else "–",
        f"{speed:.1f}" if isinstance(speed, int | float) else "–",
        _machine(run),
        str(run.info.get("code_version", "–")),
        ", ".join(run.missing) or "none",
        str(run.info.get("command", "–")),
    )
