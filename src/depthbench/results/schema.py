"""The published schema of results, and whether content is as it says."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from depthbench.errors import UserError

SCHEMA = "depthbench.result/1"
_NUMBER = {"$ref": "#/$defs/number"}
_SILENT = ("$schema", "$id", "$defs", "title", "description")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


@cache
def result_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a result, which is a file of the package."""
    text = (resources.files("depthbench.results") / "schema.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def check_content(content: Any) -> None:
    """Refuse content that the schema does not allow.

    Only the keywords that the schema uses are known; another one is a mistake of ours, and fails every file.

    Raises:
        UserError: for the first part that is otherwise, with its place.
    """
    _check(content, result_schema(), "the file")


def _check(value: Any, schema: Mapping[str, Any], where: str) -> None:
    for keyword, wanted in schema.items():
        if keyword not in _SILENT:
            _KEYWORDS[keyword](value, wanted, schema, where)


def _ref(value: Any, wanted: str, schema: Mapping[str, Any], where: str) -> None:
    _check(value, result_schema()["$defs"][wanted.rpartition("/")[2]], where)


def _type(value: Any, wanted: str | Sequence[str], schema: Mapping[str, Any], where: str) -> None:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(_TYPES[name](value) for name in names):
        raise UserError(f"{where} is {_shown(value)}, not {' or '.join(names)}")


def _const(value: Any, wanted: Any, schema: Mapping[str, Any], where: str) -> None:
    if value != wanted or isinstance(value, bool):
        raise UserError(f"{where} is {_shown(value)}, not {wanted}")


def _enum(value: Any, wanted: Sequence[Any], schema: Mapping[str, Any], where: str) -> None:
    if value not in wanted:
        raise UserError(f"{where} is {_shown(value)}, none of {', '.join(map(str, wanted))}")


def _any_of(value: Any, wanted: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], where: str) -> None:
    told = ""
    for one in wanted:
        try:
            _check(value, one, where)
        except UserError as error:
            told = told or str(error)
        else:
            return
    raise UserError(told)


def _required(value: Any, wanted: Sequence[str], schema: Mapping[str, Any], where: str) -> None:
    if lacking := [name for name in wanted if name not in value]:
        raise UserError(f"{where} lacks {', '.join(lacking)}")


def _properties(value: Any, wanted: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
    for name, inner in wanted.items():
        if name in value:
            _check(value[name], inner, f"{name} of {where}")


def _others(value: Any, wanted: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
    for name in value:
        if name not in schema.get("properties", {}):
            _check(value[name], wanted, f"{name[:80]!r} of {where}")


def _items(value: Any, wanted: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> None:
    if wanted == _NUMBER and set(map(type, value)) <= {int, float, type(None)}:
        return  # a million of them would take seconds one by one
    for place, item in enumerate(value or ()):
        _check(item, wanted, f"item {place} of {where}")


def _fewest(value: Any, wanted: int, schema: Mapping[str, Any], where: str) -> None:
    if len(value) < wanted:
        raise UserError(f"{where} is shorter than {wanted}")


def _most(value: Any, wanted: int, schema: Mapping[str, Any], where: str) -> None:
    if len(value) > wanted:
        raise UserError(f"{where} is longer than {wanted}")


def _least(value: Any, wanted: float, schema: Mapping[str, Any], where: str) -> None:
    if value < wanted:
        raise UserError(f"{where} is {value}, below {wanted}")


def _pattern(value: Any, wanted: str, schema: Mapping[str, Any], where: str) -> None:
    if not re.search(wanted, value):
        raise UserError(f"{where} is {_shown(value)}, which does not fit {wanted}")


_KEYWORDS: dict[str, Callable[[Any, Any, Mapping[str, Any], str], None]] = {
    "$ref": _ref,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "anyOf": _any_of,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _others,
    "items": _items,
    "minItems": _fewest,
    "minLength": _fewest,
    "maxItems": _most,
    "minimum": _least,
    "pattern": _pattern,
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
