"""One evaluation as JSON, CSV, Markdown and YAML: the same numbers in each form."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from depthbench.evaluation.outcome import Evaluation, Paired, ScoredInput
from depthbench.evaluation.table_notes import table_notes
from depthbench.files import csv_text, write_atomically
from depthbench.protocols import EvalProtocol
from depthbench.results.reading import results_of
from depthbench.results.records import DataRecord, ModelRecord
from depthbench.results.writing import result_text
from depthbench.stats.intervals import Limits
from depthbench.stats.wording import p_text

COUNTS = ("images", "images_empty", "images_nonfinite")


def write(evaluation: Evaluation, path: Path) -> None:
    """A file in the form of its suffix."""
    forms = {".json": as_json, ".csv": as_csv, ".md": as_markdown, ".yaml": as_card_head}
    write_atomically(path, forms[path.suffix](evaluation))


def as_json(evaluation: Evaluation) -> str:
    """A result that others can take (:mod:`depthbench.results`)."""
    rows = [
        {"protocol": pair.protocol, "first": pair.first, "second": pair.second, "score": name}
        | pair.differences[name]._asdict()
        | {"p_adjusted": pair.adjusted[name]}
        for pair in evaluation.paired
        for name in pair.adjusted
    ]
    more = {"options": evaluation.options, "intervals": evaluation.limits, "differences": rows}
    more |= {"refused": evaluation.refused, "notes": table_notes(evaluation, left_out=False)}
    return result_text(
        evaluation.models or [ModelRecord(one.name, one.kind) for one in evaluation.scored],
        evaluation.data or DataRecord("unknown", images=len(evaluation.scored[0].frames)),
        {protocol.name: asdict(protocol) for protocol in evaluation.protocols},
        evaluation.scores,
        more,
        evaluation.scored[0].frames,
        {one.name: {rules.name: _of_images(one, rules) for rules in evaluation.protocols} for one in evaluation.scored},
    )


def as_card_head(evaluation: Evaluation) -> str:
    """The ``model-index`` of model cards (:mod:`depthbench.results.hub`), an entry for each input."""
    from depthbench.results.hub import model_index  # the hub's client takes half a second to import

    results = results_of(json.loads(as_json(evaluation)))
    entries = [
        entry
        for one in evaluation.scored
        for entry in model_index(one.name, [result for result in results if result.model.name == one.name])
    ]
    return yaml.safe_dump({"model-index": entries}, sort_keys=False, allow_unicode=True)


def _of_images(one: ScoredInput, protocol: EvalProtocol) -> dict[str, Sequence[float]]:
    found = one.per_image(protocol)
    return {name: found[name] for name in (*one.shown(), "pixels")}


def as_csv(evaluation: Evaluation) -> str:
    """One row per number; a difference has ``FIRST - SECOND`` as input and p-values."""
    rows: list[list[Any]] = [["input", "protocol", "score", "value", "low", "high", "p_value", "p_adjusted"]]
    for name, protocol in evaluation.lines():
        limits = evaluation.limits[name][protocol]
        for score, value in evaluation.scores[name][protocol].items():
            rows.append([name, protocol, score, value, *limits.get(score, ("", "")), "", ""])
    for pair in evaluation.paired:
        for score in pair.adjusted:
            told = [*pair.differences[score], pair.adjusted[score]]
            rows.append([f"{pair.first} - {pair.second}", pair.protocol, score, *told])
    return csv_text(rows)


def per_image_csv(evaluation: Evaluation) -> str:
    """One row per input, protocol and image."""
    columns = evaluation.scored[0].columns()
    rows: list[list[Any]] = [["input", "protocol", "name", *columns]]
    for protocol in evaluation.protocols:
        for one in evaluation.scored:
            found = one.per_image(protocol)
            images = zip(one.frames, *(found[column] for column in columns), strict=True)
            rows += [[one.name, protocol.name, *image] for image in images]
    return csv_text(rows)


def as_markdown(evaluation: Evaluation) -> str:
    """Tables for people: scores with intervals, differences, and sentences."""
    rows = [[name, protocol, *_cells(evaluation, name, protocol)] for name, protocol in evaluation.lines()]
    parts = [_markdown(["input", "protocol", *evaluation.standard, *COUNTS], rows)]
    if evaluation.further:
        parts += ["Further scores:", _markdown(*further_table(evaluation, _with_limits))]
    if evaluation.paired:
        parts.append("Paired differences, with p-values adjusted for all pairs of inputs, each score by itself:")
        head, rows = ["difference", "protocol"], []
        for pair in evaluation.paired:
            rows.append([f"{pair.first} - {pair.second}", pair.protocol, *(_told(pair, key) for key in pair.adjusted)])
        parts.append(_markdown([*head, *evaluation.standard, *evaluation.further], rows))
    parts.append("In brackets: 95 % bootstrap intervals over images.")
    parts += table_notes(evaluation)
    return "\n\n".join(parts) + "\n"


def further_table(evaluation: Evaluation, cell: Callable[[float, Limits], str]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row per score, for there are many, and a column per input and protocol."""
    lines = list(evaluation.lines())
    head = [f"{name}, {rules}" if len(evaluation.scored) > 1 else rules for name, rules in lines]
    rows = []
    for score in evaluation.further:
        values = [evaluation.scores[name][rules][score] for name, rules in lines]
        limits = [evaluation.limits[name][rules][score] for name, rules in lines]
        rows.append([score, *map(cell, values, limits)])
    return ["score", *head], rows


def _cells(evaluation: Evaluation, name: str, protocol: str) -> list[str]:
    scores, limits = evaluation.scores[name][protocol], evaluation.limits[name][protocol]
    return [_with_limits(scores[key], limits[key]) for key in evaluation.standard] + [
        f"{scores[key]:.0f}" for key in COUNTS
    ]


def _with_limits(value: float, limits: Limits) -> str:
    return "{:.4f} [{:.4f}, {:.4f}]".format(value, *limits)


def _told(pair: Paired, score: str) -> str:
    found = pair.differences[score]
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], {p_text([pair.adjusted[score]])}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
