"""Text of every caption: data set, protocol, network, seeds, length of training, code version."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from depthbench.output_kinds import OutputKind
from depthbench.report.analyze.data_sets import data_name, record
from depthbench.report.analyze.study import Study, images_text, number_text, symbol
from depthbench.report.read.runs import Run

PROCEDURAL = ("rooms", "rooms_ood")  # those tested on rooms; `rooms_to_nyu` is tested on photographs
ROOMS_NOTICE = (
    "Rooms are a procedural world drawn by depthbench, not photographs. "
    "No number on this data set compares with a published one."
)
SMOKE_NOTICE = "Smoke runs of a few steps: they show that everything runs, and nothing about quality."
OWN_NOTICE = (
    "Numbers compare with a paper's only where data, protocol, network and length of training are the paper's own."
)


UNLIKE_NOTICE = (
    "Here the data, the network or the length of training are not the paper's: "
    "the order of rows may be compared, the numbers may not."
)
PAPER_NOTICE = "These runs are at the paper's scale: its data, sizes and length of training as far as it gives them."


def facts(study: Study, protocol: str) -> dict[str, str]:
    """Facts of a study by name: the values that all runs share, or the range over which they differ."""
    runs = [run for run in study.runs if run.state == "done"] or list(study.runs)
    seeds = sorted({str(run.value("seed")) for run in runs if run.value("seed") is not None}, key=lambda s: (len(s), s))
    images = _range(run.scores[protocol].get("images") for run in runs if protocol in run.scores)
    return {
        "Data": _data(study),
        "Training images": ", ".join(number_text(amount) if amount else images_text(None) for amount in study.amounts),
        "Protocol": f"{protocol}, {images} test images" if images else protocol,
        "Network": networks(runs),
        "Seeds": f"{len(seeds)} (seed{'s' * (len(seeds) > 1)} {_few(seeds)})" if seeds else "not recorded",
        "Training": _training(runs),
        "Code": _listed(runs, lambda run: run.info.get("code_version")),
    }


def about(study: Study, protocol: str) -> str:
    """The facts as the last sentence of a caption."""
    known = facts(study, protocol)
    scored = f"protocol {known['Protocol']}; " if protocol else ""
    return (
        f"Data: {known['Data']}; {scored}network {known['Network']}; seeds: {known['Seeds']}; "
        f"training: {known['Training']}; code {known['Code']}."
    )


def notices(study: Study) -> list[str]:
    """Facts that a reader needs before any number."""
    found = [ROOMS_NOTICE] if is_procedural(study) else [] if _is_paper_scale(study.runs) else [OWN_NOTICE]
    if any("smoke" in (run.choices.get("trainer"), _scale(run)) for run in study.runs):
        found.append(SMOKE_NOTICE)
    found += [said for said in (starts_note(study.runs), kinds_note(study.runs), *map(not_finite, study.runs)) if said]
    left_out = sum(run.state != "done" or not run.scores for run in study.runs)
    if left_out:
        found.append(f"{left_out} of {len(study.runs)} runs are missing from every table and figure; see Runs.")
    return found


def starts_note(runs: Iterable[Run]) -> str:
    """The trained networks that runs start from (``init``); nothing where all start from none."""
    starts = [Path(str(run.config["init"])) if run.config.get("init") else None for run in runs]
    # An exported folder is known by its own name, a run by its folder's, above `checkpoints`.
    known = [path.parent if path.name == "model.safetensors" else path for path in starts if path]
    names = sorted({(path.parent.parent if path.parent.name == "checkpoints" else path).name for path in known})
    if not names:
        return ""
    whose = "All" if all(starts) else f"{len(known)} of {len(starts)}"
    return f"{whose} runs start from a trained network ({_few(names)}); the amounts here exclude its training data."


def kinds_note(runs: Iterable[Run]) -> str:
    """A sentence about runs that predict another kind than metric depth; empty where none does."""
    by_kind: dict[OutputKind, list[str]] = {}
    for run in runs:
        by_kind.setdefault(run.kind, []).append(run.name)
    metric = by_kind.pop(OutputKind.METRIC_DEPTH, None)
    if len(by_kind) == 1 and not metric:
        return f"All rows predict {next(iter(by_kind)).words}, fitted to the truth before scoring."
    told = [f"{_few(names)}: {kind.words}, fitted to the truth before scoring." for kind, names in by_kind.items()]
    rest = " The others are metric depth." if metric else ""
    return f"Rows predict different kinds: {' '.join(told)}{rest}" if told else ""


def not_finite(run: Run) -> str:
    """A sentence about scores that are NaN, with the reason; empty where all predictions are finite."""
    for protocol, scores in run.scores.items():
        lost = [symbol(metric) for metric, score in scores.items() if not math.isfinite(score)]
        pixels = scores.get("nonfinite", 0.0)
        if not lost and not pixels:
            continue
        rows = run.per_image.get(protocol, {}).get("nonfinite", ())
        images = int(scores.get("images_nonfinite", sum(count > 0 for count in rows)))
        of = f" of {number_text(images)} test image{'s' * (images != 1)}" if images else ""
        why = f"{number_text(int(pixels))} predicted pixels{of} are not finite numbers" if pixels else ""
        if not lost:
            return f"{run.name}: {why}, under the protocol {protocol}."
        lead = f"{run.name}: {_few(lost)} under the protocol {protocol} {'is' if len(lost) == 1 else 'are'} NaN"
        return f"{lead}{f', because {why}' if why else ''}; means over seeds leave it out."
    return ""


def here(study: Study) -> str:
    """The head of every column of ours beside a published one: no number stands without its data and scale."""
    return f"here ({study.data}{_prefixed(', scale ', _listed(study.runs, _scale))})"


def comparability(study: Study) -> str:
    """Whether numbers of these runs may be held against a paper's."""
    if is_procedural(study):
        return ROOMS_NOTICE
    return PAPER_NOTICE if _is_paper_scale(study.runs) else UNLIKE_NOTICE


def is_procedural(study: Study) -> bool:
    """Whether the test frames are rooms."""
    return any(_tested_on_rooms(run) for run in study.runs)


def _tested_on_rooms(run: Run) -> bool:
    chosen = run.choices.get("data") or data_name(run)
    return str(chosen).lower() in PROCEDURAL or record(run, "test").get("data") == "Rooms"


def lead(study: Study, protocol: str) -> str:
    """The comparison and its data in one sentence."""
    known = facts(study, protocol)
    methods, amounts = study.methods, [amount for amount in study.amounts if amount]
    what = f"{len(methods)} methods ({_few(methods)})" if len(methods) > 1 else f"One method ({_few(methods)})"
    if study.axes == ("loss",):
        what = what.replace("methods", "losses")
    if len(amounts) > 1:
        sizes = ", ".join(number_text(amount) for amount in amounts)
        what += f" at {len(amounts)} amounts of training data ({sizes} images)"
    elif amounts:
        what += f", trained on {images_text(amounts[0]).replace(' training', '')}"
    done = sum(run.state == "done" for run in study.runs)
    where = f" on {known['Data']}, scored under the protocol {known['Protocol']}"
    return f"{what}{where}: {done} of {len(study.runs)} runs are done."


def _data(study: Study) -> str:
    sizes = {str(size) for run in study.runs if (size := run.value("data.size") or run.value("data.image_size"))}
    size = f" at {_size(sizes.pop())}" if len(sizes) == 1 else ""
    return f"{study.data}{' (procedural, not photographs)' if is_procedural(study) else ''}{size}"


def _size(text: str) -> str:
    return text.strip("[]()").replace(", ", "×")


def networks(runs: Iterable[Run]) -> str:
    """Networks with the encoder of each, named once where all have the same."""
    pairs = dict.fromkeys((str(run.choices.get("model") or ""), _encoder(run)) for run in runs)
    names, encoders = [name for name, _ in pairs if name], {encoder for _, encoder in pairs}
    if len(encoders) == 1:
        return " on ".join(filter(None, (_few(names), *encoders))) or "not recorded"
    return _few(" on ".join(filter(None, pair)) for pair in pairs if any(pair))


def _encoder(run: Run) -> str:
    return next((name for key in _ENCODER if isinstance(name := run.value(f"model.{key}"), str)), "")


_ENCODER = ("encoder.name", "net.encoder.name", "network.encoder.name", "encoder")


def _training(runs: Iterable[Run]) -> str:
    runs = list(runs)
    steps = _range(run.done.get("steps") or run.status.get("steps") for run in runs)
    trainers = _listed(runs, lambda run: run.choices.get("trainer"))
    unit = "step" if steps == "1" else "steps"
    parts = [f"{steps} {unit}" if steps else "", _prefixed("trainer ", trainers)]
    parts.append(_prefixed("scale ", _listed(runs, _scale)))
    return ", ".join(part for part in parts if part) or "not recorded"


def _scale(run: Run) -> str | None:
    """``paper``, ``machine`` or ``smoke``, where a study was asked for one of them."""
    scale = run.value("scale")
    return str(scale) if scale not in (None, "none") else None


def _prefixed(words: str, listed: str) -> str:
    return "" if listed == "not recorded" else f"{words}{listed}"


def _is_paper_scale(runs: Iterable[Run]) -> bool:
    return all(_scale(run) == "paper" for run in runs)


def _listed(runs: Iterable[Run], read: Callable[[Run], Any]) -> str:
    values = dict.fromkeys(str(value) for run in runs if (value := read(run)) not in (None, ""))
    return _few(list(values)) if values else "not recorded"


def _few(names: Iterable[str], most: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _range(values: Iterable[Any]) -> str:
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if not numbers:
        return ""
    low, high = (f"{bound:,.0f}".replace(",", "\u202f") for bound in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"
