"""Reading the files of a run folder; a file that is not there is empty, one that can't be read is refused."""

import csv
import math
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError

Array = NDArray[Any]
PerImage = dict[str, dict[str, Array]]
Curves = dict[str, tuple[Array, Array]]


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the complete rows: a run killed while writing leaves a short last one."""
    if not path.is_file():
        return [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV ({error}); repair it, or leave that run out.") from error
    header = rows[0] if rows else []
    return header, [row for row in rows[1:] if len(row) == len(header)]


def read_per_image(path: Path) -> PerImage:
    """Scores of each test image: ``{protocol: {"name": (N,), metric: (N,)}}``, in order of name."""
    header, rows = _read_rows(path)
    if not {"protocol", "name"} <= set(header):
        return {}
    protocol, name = header.index("protocol"), header.index("name")
    metrics = [index for index in range(len(header)) if index not in (protocol, name)]
    by_protocol: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        by_protocol[row[protocol]].append(row)
    result: PerImage = {}
    for key, group in by_protocol.items():
        group.sort(key=lambda row: row[name])
        result[key] = {header[index]: _numbers([row[index] for row in group]) for index in metrics}
        result[key]["name"] = np.array([row[name] for row in group])
    return result


def read_history(path: Path) -> Curves:
    """Logged curves: ``{column: (steps, values)}``, without the empty cells."""
    header, rows = _read_rows(path)
    if "step" not in header or not rows:
        return {}
    columns = {name: _numbers([row[index] for row in rows]) for index, name in enumerate(header)}
    step = columns.pop("step")
    curves = {}
    for name, values in columns.items():
        logged = np.isfinite(values) & np.isfinite(step)
        if logged.any():
            curves[name] = (step[logged], values[logged])
    return curves


def _numbers(cells: Sequence[str]) -> Array:
    return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def read_trace(path: Path, column: str) -> Curves:
    """A column of a loss's trace by term: ``{term: (periods, values)}``.

    Periods in which a term was not defined (NaN: gradients of a 1x1 map) are left out.
    """
    header, rows = _read_rows(path)
    if not {"period", "name", column} <= set(header):
        return {}
    columns = [header.index(name) for name in ("name", "period", column)]
    terms: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        name, *numbers = (row[index] for index in columns)
        period, value = (_number(number) for number in numbers)
        if np.isfinite(value):
            terms[name].append((period, value))
    return {name: (np.array(found)[:, 0], np.array(found)[:, 1]) for name, found in terms.items()}


def read_arrays(path: Path, what: str) -> dict[str, Array] | None:
    """The arrays of an ``.npz`` file, or None where it is missing."""
    if not path.is_file():
        return None
    try:
        with np.load(path) as file:
            return dict(file)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable file of {what} ({error}); delete it to leave it out.") from error
