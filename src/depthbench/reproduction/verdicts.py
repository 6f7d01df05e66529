"""Ours beside theirs: whether a result has a published number, and where it can't be compared, why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from depthbench.config.set_names import published_name, same_set
from depthbench.reproduction.cells import PublishedCell, shipped_fields
from depthbench.reproduction.found import FoundResult

NOT_RULES = ("_target_", "name", "source", "version", "images", "data", "split", "split_sha256")
"""Fields of a protocol that describe it and change no score."""


class CellOutcome(StrEnum):
    """Verdict on a published number."""

    WITHIN = "within tolerance"
    BETTER = "better"
    WORSE = "worse"
    NOT_COMPARABLE = "not comparable"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class CellVerdict:
    """A published number and the verdict of our results.

    Attributes:
        cell: the number.
        outcome: in a word.
        ours: mean of the comparable results, which differ in the seed at most; NaN where there is none.
        results: how many these are.
        name: of them, or of the first.
        reasons: why results of this model are not comparable, where all are so.
    """

    cell: PublishedCell
    outcome: CellOutcome
    ours: float = math.nan
    results: int = 0
    name: str = ""
    reasons: tuple[str, ...] = ()


def verdicts_of(cell: PublishedCell, results: Sequence[FoundResult]) -> list[CellVerdict]:
    """Compare a number with all results of its model: one verdict for each way in which the model was run.

    Example:
        >>> from depthbench.reproduction.cells import read_cells
        >>> from depthbench.reproduction.verdicts import verdicts_of
        >>> [one.outcome.value for one in verdicts_of(read_cells(["marigold"])[0], [])]
        ['not run']
    """
    own = [result for result in results if _is_of(cell, result)]
    told = [(result, why_not(cell, result)) for result in own]
    groups: dict[tuple[str, ...], list[FoundResult]] = {}
    for result, reason in told:
        if reason is None:
            groups.setdefault(result.recipe, []).append(result)
    if groups:
        return [_compared(cell, group) for group in groups.values()]
    reasons = tuple(dict.fromkeys(reason for _, reason in told if reason))
    return [CellVerdict(cell, CellOutcome.NOT_COMPARABLE if own else CellOutcome.NOT_RUN, reasons=reasons)]


def _compared(cell: PublishedCell, group: Sequence[FoundResult]) -> CellVerdict:
    """Ours is the mean over results that differ in nothing but the seed."""
    ours = fmean(result.scores[cell.protocol][cell.metric] for result in group)
    return CellVerdict(cell, _outcome(cell, ours), ours, len(group), group[0].name)


def _outcome(cell: PublishedCell, ours: float) -> CellOutcome:
    if abs(ours - cell.value) <= cell.allowed * (1 + 1e-9):  # a number on the edge is within, despite rounding
        return CellOutcome.WITHIN
    return CellOutcome.BETTER if (ours > cell.value) == cell.share else CellOutcome.WORSE


def _is_of(cell: PublishedCell, result: FoundResult) -> bool:
    """Whether a result is of the cell's model: a run of the paper's study with its choices, or one of its names."""
    if result.run is not None and cell.study:
        return result.study == cell.study and all(
            str(result.run.value(key)) == str(value) for key, value in cell.select.items() if key != "data"
        )
    return any(_called(name) == _called(result.name) for name in cell.names)


def _called(name: str) -> str:
    """``hf:depth-anything/Depth-Anything-V2-Large-hf`` as ``depthanythingv2largehf``."""
    last = name.rpartition(":")[2].rstrip("/").rpartition("/")[2]
    return "".join(letter for letter in last.lower() if letter.isalnum())


def why_not(cell: PublishedCell, result: FoundResult) -> str | None:
    """The reason why a result of the model can't be compared with the number; None where it can."""
    checks = (_other_state, _other_data, _other_kind, _other_protocol, _no_number)
    return next((reason for check in checks if (reason := check(cell, result))), None)


def _other_state(cell: PublishedCell, result: FoundResult) -> str | None:
    if result.run is not None and result.run.state != "done":
        return f"{result.place} is not done"
    return None


def _other_data(cell: PublishedCell, result: FoundResult) -> str | None:
    if result.data is None and published_name(cell.data) != cell.data:
        return f"{result.place} does not say whether it was scored on {cell.data}"
    if result.data is not None and not same_set(result.data, cell.data):
        return f"scored on {result.data}, not on {cell.data}"
    return None


def _other_kind(cell: PublishedCell, result: FoundResult) -> str | None:
    if cell.kind is not None and result.kind != cell.kind:
        return f"ours is {result.kind.words}, the number is of {cell.kind.words}"
    return None


def _other_protocol(cell: PublishedCell, result: FoundResult) -> str | None:
    if cell.protocol not in result.scores:
        scored = ", ".join(list(result.scores)[:3]) or "no protocol"
        return f"scored under {scored}; evaluate it with protocol={cell.protocol}"
    wanted, had = shipped_fields(cell.protocol) or {}, result.protocols.get(cell.protocol)
    if had is None:
        return f"{result.place} does not hold the fields of {cell.protocol}; score it anew"
    if had.get("version") != wanted.get("version", 1):
        return f"scored under version {had.get('version')} of {cell.protocol}, today's is {wanted.get('version', 1)}"
    changed = [key for key in wanted if key not in NOT_RULES and key in had and not _same(wanted[key], had[key])]
    if changed:
        return f"scored under {cell.protocol} with another {', '.join(changed)}"
    return _other_images(wanted, cell, result)


def _other_images(wanted: Mapping[str, Any], cell: PublishedCell, result: FoundResult) -> str | None:
    count, published = result.scores[cell.protocol].get("images"), wanted.get("images")
    if published is not None and count is not None and count != published:
        return f"scored on {count:.0f} images, the number is of {published}"
    if result.data is None and wanted.get("data") is None and published is None:
        return f"{result.place} does not say its data set"
    return None


def _same(wanted: Any, had: Any) -> bool:
    """A field of a protocol as its file has it, and as a result wrote it down: an alignment then is its fields."""
    if isinstance(had, Mapping) and isinstance(wanted, str):
        return had.get("name") == wanted
    as_list = [list(one) if isinstance(one, list | tuple) else one for one in (wanted, had)]
    return bool(as_list[0] == as_list[1])


def _no_number(cell: PublishedCell, result: FoundResult) -> str | None:
    value = result.scores[cell.protocol].get(cell.metric)
    if value is None:
        return f"it has no {cell.metric}; evaluate it with scores=extended or structure=..."
    return None if math.isfinite(value) else f"{cell.metric} is no number there"
