"""Verdicts as text, JSON, CSV and Markdown."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from depthbench.errors import UserError
from depthbench.files import csv_text, write_atomically
from depthbench.report.write.text_tables import to_markdown_text
from depthbench.reproduction.verdicts import CellOutcome, CellVerdict

HEADER = (
    "paper",
    "table",
    "model",
    "set",
    "protocol",
    "metric",
    "theirs",
    "ours",
    "allowed",
    "verdict",
    "result",
    "why",
)


def rows_of(verdicts: Sequence[CellVerdict]) -> list[list[str]]:
    """One row of text per verdict, under :data:`HEADER`."""
    found = []
    for one in verdicts:
        cell, digits = one.cell, one.cell.decimals
        ours = "" if math.isnan(one.ours) else f"{one.ours:.{digits + 1}f}"
        ours += f" (mean of {one.results})" if one.results > 1 else ""
        told = [one.outcome.value, one.name, "; ".join(one.reasons)]
        place = [cell.paper, cell.table, cell.model, cell.data, cell.protocol, cell.metric]
        found.append([*place, f"{cell.value:.{digits}f}", ours, f"{cell.allowed:.{digits + 1}f}", *told])
    return found


def count_outcomes(verdicts: Sequence[CellVerdict]) -> str:
    """Number of each outcome, in a sentence."""
    counts = Counter(one.outcome for one in verdicts)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in CellOutcome if counts[outcome]) + "."


def write_verdicts(verdicts: Sequence[CellVerdict], path: Path) -> None:
    """A file in the form of its ending.

    Raises:
        UserError: if it is none of .json, .csv and .md.
    """
    forms = {".json": _as_json, ".csv": _as_csv, ".md": _as_markdown}
    if path.suffix not in forms:
        raise UserError(f"output={path} has no known form; end it in {', '.join(forms)}.")
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, forms[path.suffix](verdicts))


def _as_markdown(verdicts: Sequence[CellVerdict]) -> str:
    """A table for people, without the numbers that nothing was run for."""
    shown = [one for one in verdicts if one.outcome != CellOutcome.NOT_RUN]
    return to_markdown_text(list(HEADER), 6, rows_of(shown), [count_outcomes(verdicts)])


def _as_csv(verdicts: Sequence[CellVerdict]) -> str:
    return csv_text([HEADER, *rows_of(verdicts)])


def _as_json(verdicts: Sequence[CellVerdict]) -> str:
    rows = [
        {
            "file": one.cell.file,
            **dict(zip(HEADER[:6], rows_of([one])[0], strict=False)),
            "source": one.cell.source,
            "theirs": one.cell.value,
            "ours": None if math.isnan(one.ours) else one.ours,
            "results": one.results,
            "result": one.name,
            "allowed": one.cell.allowed,
            "verdict": one.outcome.value,
            "reasons": list(one.reasons),
        }
        for one in verdicts
    ]
    return json.dumps({"format": 1, "verdicts": rows}, indent=1, allow_nan=False) + "\n"
