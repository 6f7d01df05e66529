"""Rows that are named by overrides and choices: ``loss=eigen,data.split=795``."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from depthbench.report.analyze.study import Cell

Selection = Mapping[str, Any]


def read_selection(text: str) -> dict[str, Any]:
    """``loss=l1,data.size=[228,304]`` by key; commas in brackets belong to a value.

    Raises:
        ValueError: if an item has no ``=`` or a value can't be read.
    """
    found = {}
    for item in re.split(r",(?![^\[]*\])", text):
        key, separator, value = item.partition("=")
        if not separator or not key.strip():
            raise ValueError(f"{item!r} is not key=value")
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"the value of {item!r} can't be read") from None
    return found


def selected(cell: Cell, selection: Selection) -> bool:
    """Whether a row has finished runs, all of them with these values."""
    runs = cell.scored
    return bool(runs) and all(_same(run.value(key), value) for run in runs for key, value in selection.items())


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) or str(value) == str(wanted)
