"""Tables of a run folder; a file that is not there is empty, one that can't be read is refused."""

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.input_files import read_table
from depthbench.runs.checksums import check_unchanged

Array = NDArray[Any]
PerImage = dict[str, dict[str, Array]]


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the complete rows of a CSV: a run killed while writing leaves a short last one.

    Raises:
        UserError: if it is not readable, or has changed since its run wrote it.
    """
    if not os.path.lexists(path):
        return [], []
    check_unchanged(path)
    rows = read_table(path)
    header = rows[0] if rows else []
    return header, [row for row in rows[1:] if len(row) == len(header)]


def read_per_image(path: Path) -> PerImage:
    """Scores of each test image: ``{protocol: {"name": (N,), metric: (N,)}}``, in order of name."""
    header, rows = read_rows(path)
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
        result[key] = {header[index]: numbers_of([row[index] for row in group]) for index in metrics}
        result[key]["name"] = _shared(tuple(row[name] for row in group))
    return result


@lru_cache(maxsize=64)
def _shared(names: tuple[str, ...]) -> Array:
    """One array for all runs on the same images, which nobody can change: a report reads hundreds of runs."""
    found = np.array(names)
    found.setflags(write=False)
    return found


def numbers_of(cells: Sequence[str]) -> Array:
    """Numbers of cells; NaN for a cell that is none."""
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def number_of(cell: str) -> float:
    """The number of a cell, NaN if it is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
