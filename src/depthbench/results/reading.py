"""Results from files, without the predictions; a damaged or changed file is refused in a sentence."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.config.set_names import set_of_record
from depthbench.errors import UserError, reason_of
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON
from depthbench.output_kinds import output_kind
from depthbench.results.records import DataRecord, ModelRecord, Result, RulesRecord, content_hash, rules_hash
from depthbench.results.schema import SCHEMA, check_content
from depthbench.runs.results import scores_of


def read_results(*paths: str | Path) -> list[Result]:
    """All results in files that ``evaluate output=FILE.json`` wrote: by file, model and protocol.

    Args:
        *paths: of the files.

    Raises:
        UserError: if a file can't be read, is no result, was changed since, or is of a later version.

    Example:
        >>> from depthbench import read_results
        >>> read_results("no_such_file.json")
        Traceback (most recent call last):
        ...
        depthbench.errors.UserError: There is no file no_such_file.json; give one that evaluate output=FILE.json wrote.
    """
    return [result for path in paths for result in results_of(read_content(Path(path)), Path(path))]


def read_content(path: Path) -> dict[str, Any]:
    """The content of a file of results, checked.

    Raises:
        UserError: as :func:`read_results`.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}; give one that evaluate output=FILE.json wrote.")
    try:
        content = parse_json(read_bytes(path, MAX_JSON))
    except ValueError as error:
        raise UserError(f"{path} is not readable JSON ({reason_of(error, path)}); evaluate again.") from None
    said = content.get("schema") if isinstance(content, Mapping) else None
    family, _, version = str(said).partition("/")
    if family != SCHEMA.partition("/")[0]:
        raise UserError(f"{path} is not a result file: it names no schema; evaluate again to write one.")
    if said != SCHEMA and version.isdecimal():
        raise UserError(f"{path} has the schema {said}, which a later version writes; update depthbench to read it.")
    try:
        check_content(content)
        _check_agreement(content)
    except UserError as error:
        raise UserError(f"{path} is damaged: {error}; evaluate again, or take another copy.") from None
    found: dict[str, Any] = content
    return found


def _check_agreement(content: Mapping[str, Any]) -> None:
    """Checks beyond a schema: parts name each other, lists are equally long, hashes match their contents."""
    models, protocols = content["models"], content["protocols"]
    for part in ("scores", "intervals"):
        for model, rows in content[part].items():
            if model not in models:
                raise UserError(f"{part} are of {model[:80]!r}, which is none of its models")
            if unknown := [name for name in rows if name not in protocols]:
                raise UserError(f"{part} of {model[:80]!r} are under {unknown[0][:80]!r}, none of its protocols")
    images = content["images"]
    for model, rows in images["scores"].items():
        for protocol, columns in rows.items():
            for metric, values in columns.items():
                if len(values) != len(images["names"]):
                    raise UserError(
                        f"{len(images['names'])} images have {len(values)} values of {metric[:80]!r} ({model[:80]!r}, "
                        f"{protocol[:80]!r})"
                    )
    for name, fields in protocols.items():
        if content["protocol_sha256"].get(name) != rules_hash(fields):
            raise UserError(f"the fields of protocol {name[:80]!r} differ from its hash")
    if content["sha256"] != content_hash({key: value for key, value in content.items() if key != "sha256"}):
        raise UserError("its content differs from its sha256, so something was changed since it was written")


def results_of(content: Mapping[str, Any], path: Path | None = None) -> list[Result]:
    """The results in checked content."""
    data, images = DataRecord(**_data(content["data"])), content["images"]
    code = str(content["code"]["version"])
    found = []
    for name, rows in content["scores"].items():
        model = _model(content["models"][name])
        for protocol, scores in scores_of({"format": content["format"], "scores": rows}).items():
            fields = content["protocols"][protocol]
            rules = RulesRecord(protocol, int(fields["version"]), content["protocol_sha256"][protocol], fields)
            limits = content["intervals"].get(name, {}).get(protocol, {})
            columns = images["scores"].get(name, {}).get(protocol, {})
            found.append(
                Result(
                    model,
                    data,
                    rules,
                    scores,
                    {metric: (_float(low), _float(high)) for metric, (low, high) in limits.items()},
                    tuple(images["names"]),
                    {metric: np.array(list(map(_float, values))) for metric, values in columns.items()},
                    code,
                    path,
                )
            )
    return found


def _data(content: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in content.items() if key in DataRecord.__dataclass_fields__}
    looks = known.get("looks")
    known["name"] = set_of_record(known["name"], known.get("reader", ""))
    return known | {"looks": looks and tuple(None if one is None else tuple(one) for one in looks)}


def _model(content: Mapping[str, Any]) -> ModelRecord:
    return ModelRecord(content["name"], output_kind(content["kind"]), content["form"], content["sha256"])


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
