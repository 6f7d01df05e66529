"""Results as a file: ``scores.json`` of format 2 with all that a reader without the predictions needs."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from depthbench.results.records import DataRecord, ModelRecord, content_hash, record_fields, rules_hash
from depthbench.results.schema import SCHEMA
from depthbench.runs.machine import code_hash, code_version
from depthbench.runs.results import finite_or_null, results_block

DIGITS = 9  # of scores of images: more than float32 has

ByProtocol = Mapping[str, Mapping[str, Any]]


def result_text(
    models: Sequence[ModelRecord],
    data: DataRecord,
    protocols: ByProtocol,
    scores: Mapping[str, ByProtocol],
    more: Mapping[str, Any],
    names: Sequence[str],
    per_image: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
) -> str:
    """The text of the file; null for numbers that are not finite.

    Args:
        models: that were scored.
        data: on which.
        protocols: all fields of each by name.
        scores: by model, protocol and metric.
        more: ``intervals``, ``differences``, ``refused``, ``notes`` and ``options``.
        names: of the images.
        per_image: by model, protocol and metric, in the order of the names.
    """
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "sha256": "",
        "code": {"version": code_version(), "sha256": code_hash()},
        "data": record_fields(data),
        "models": {one.name: record_fields(one) for one in models},
        "protocol_sha256": {name: rules_hash(fields) for name, fields in protocols.items()},
    }
    content |= results_block(protocols, scores, {one.name: one.kind for one in models}) | finite_or_null(more)
    content = json.loads(json.dumps(content, allow_nan=False))  # tuples are lists from here on
    content["images"] = {"names": list(names), "scores": _rounded(per_image)}
    content["sha256"] = content_hash({key: value for key, value in content.items() if key != "sha256"})
    images = json.dumps(content.pop("images"), separators=(",", ":"))  # a number a line would double the file
    head = json.dumps(content, indent=1, allow_nan=False).removesuffix("\n}")
    return f'{head},\n "images": {images}\n}}\n'


def _rounded(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _rounded(value) for key, value in node.items()}
    return [_number(value) for value in node]


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(f"{value:.{DIGITS}g}")
