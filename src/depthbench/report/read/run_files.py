"""Reading the files of a run folder; a file that is not there is empty, one that can't be read is refused."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.runs.tables import number_of, numbers_of, read_rows

Array = NDArray[Any]
Curves = dict[str, tuple[Array, Array]]


def read_history(path: Path) -> Curves:
    """Logged curves: ``{column: (steps, values)}``, without the empty cells."""
    header, rows = read_rows(path)
    if "step" not in header or not rows:
        return {}
    columns = {name: numbers_of([row[index] for row in rows]) for index, name in enumerate(header)}
    step = columns.pop("step")
    curves = {}
    for name, values in columns.items():
        logged = np.isfinite(values) & np.isfinite(step)
        if logged.any():
            curves[name] = (step[logged], values[logged])
    return curves


def read_trace(path: Path, column: str) -> Curves:
    """A column of a loss's trace by term: ``{term: (periods, values)}``.

    Periods in which a term was not defined (NaN: gradients of a 1x1 map) are left out.
    """
    header, rows = read_rows(path)
    if not {"period", "name", column} <= set(header):
        return {}
    columns = [header.index(name) for name in ("name", "period", column)]
    terms: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        name, *numbers = (row[index] for index in columns)
        period, value = (number_of(number) for number in numbers)
        if np.isfinite(value):
            terms[name].append((period, value))
    return {name: (np.array(found)[:, 0], np.array(found)[:, 1]) for name, found in terms.items()}
