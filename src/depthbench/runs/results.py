"""``scores.json``: test scores with the protocols in full, readable without torch.

Format 2: ``{"format": 2, "kind": ..., "protocols": {name: {all fields}}, "scores": {name: {metric: value or null}}}``,
where null stands for NaN and infinities, which JSON does not know, and ``kind`` names the kind of prediction (metric
depth where it is absent; with several inputs ``kinds``, by input). Before, the file held the scores alone.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthbench.errors import UserError, reason_of
from depthbench.files import read_json, write_atomically
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.runs.checksums import check_unchanged

FORMAT = 2

Scores = dict[str, dict[str, float]]


Kinds = OutputKind | Mapping[str, OutputKind]


def results_block(
    protocols: Mapping[str, Mapping[str, Any]], scores: Mapping[str, Any], kinds: Kinds = OutputKind.METRIC_DEPTH
) -> dict[str, Any]:
    """The content of ``scores.json``; null for numbers that are not finite.

    Args:
        protocols: all fields of each, ``version`` among them, by name.
        scores: by protocol and metric; with several inputs, by input first.
        kinds: of the predictions; with several inputs, by input.
    """
    kind = {"kind": kinds} if isinstance(kinds, OutputKind) else {"kinds": kinds}
    block: dict[str, Any] = {"format": FORMAT, **kind, "protocols": protocols, "scores": scores}
    return {key: finite_or_null(value) for key, value in block.items()}


def write_scores(
    path: Path,
    protocols: Mapping[str, Mapping[str, Any]],
    scores: Mapping[str, Any],
    kind: OutputKind = OutputKind.METRIC_DEPTH,
) -> None:
    """Write ``scores.json``; arguments as for :func:`results_block`."""
    write_atomically(path, json.dumps(results_block(protocols, scores, kind), indent=1, allow_nan=False) + "\n")


def kind_of(content: Any) -> OutputKind:
    """The kind of output in the content of a run's ``scores.json``; metric depth where it says nothing.

    Raises:
        UserError: if a later version wrote one that is not known.
    """
    said = content.get("kind") if isinstance(content, Mapping) and isinstance(content.get("format"), int) else None
    return OutputKind.METRIC_DEPTH if said is None else output_kind(str(said))


def recorded_kind(folder: Path) -> OutputKind | None:
    """The kind of a run's output, as the run recorded it when its training began; None of earlier versions' runs.

    Raises:
        UserError: if the record has changed since, or a later version wrote a kind that is not known.
    """
    path = folder / "run.json"
    check_unchanged(path)
    said = read_json(path).get("kind")
    return None if said is None else output_kind(str(said))


def read_scores(path: Path) -> Scores:
    """Scores by protocol and metric from ``scores.json`` of this or an earlier format; NaN for null.

    Raises:
        UserError: if the file can't be read, is of a later format, or has changed since its run wrote it.
    """
    check_unchanged(path)
    try:
        content = parse_json(read_bytes(path, MAX_JSON))
    except ValueError as error:
        raise UserError(
            f"{path} is not readable JSON ({reason_of(error, path)}); repair it, or leave that run out."
        ) from None
    try:
        return scores_of(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def scores_of(content: Any) -> Scores:
    """The scores in the content of ``scores.json``: only protocols, and in them only numbers, NaN for null.

    Raises:
        UserError: if it is of a later format.
    """
    found = content if isinstance(content, Mapping) else {}
    known = found.get("format")
    scores: Any = found
    if isinstance(known, int):  # a protocol of the flat format may have that name, too
        if known != FORMAT:
            raise UserError(f"scores of format {known}, which a later version writes; update depthbench to read them.")
        scores = found.get("scores")
    if not isinstance(scores, Mapping):
        return {}
    rows = {str(protocol): row for protocol, row in scores.items() if isinstance(row, Mapping)}
    return {protocol: {str(key): _number(row[key]) for key in row if _fits(row[key])} for protocol, row in rows.items()}


def finite_or_null(node: Any) -> Any:
    """A plain tree with None for every number that is not finite."""
    if isinstance(node, Mapping):
        return {key: finite_or_null(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [finite_or_null(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _fits(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
