"""Differences between runs: the fewest keys that distinguish them, and the names that follow."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from depthbench.config.identity import matters
from depthbench.report.read.runs import Run

AMOUNT = "data.split"
FIRST = ("loss", "model", "data", "augment", "optim", "trainer")
OWN_AXIS = {"seed", AMOUNT, "experiment", "data.name", "data.train.split"}
# Which part of a folder: before this was a key, it was the end of the path.
PARTS = {"data.train.part", "data.test.part"}
# Scores and protocols have tables of their own; callbacks and debug count by the keys that they set.
OTHER = {"callbacks", "debug", "protocol", "more_protocols", "structure", "name"}
WATCHED = {"data.val_frames", "data.test_frames"}  # frames that nothing is learned from
Amount = Callable[[Run], int | None]


def find_axes(runs: Sequence[Run], amount: Amount) -> tuple[str, ...]:
    """The fewest keys that tell the runs apart: groups first, then overridden keys, then any other key.

    A key that is a function of the earlier ones (``task._target_`` follows ``loss``) or of a group (``loss`` follows a
    study's variation, ``data`` the amount) is no axis, and neither is one that nobody overrode and that changes with
    the seed alone.
    """
    runs = [run for run in runs if run.config or run.choices]
    groups = sorted({key for run in runs for key in run.choices})
    overridden = sorted({str(item).lstrip("+~").partition("=")[0] for run in runs for item in _overrides(run)})
    leaves = sorted({key for run in runs for key in flatten(run.config)})
    axes: list[str] = []

    def splits(key: str, known: Sequence[str]) -> bool:
        """Whether two runs with equal known values and equal amounts differ in this key."""
        seen: dict[tuple[str, ...], str] = {}
        for run in runs:
            agreed = (str(amount(run)), *(str(run.value(name)) for name in known))
            value = str(run.value(key))
            if seen.setdefault(agreed, value) != value:
                return True
        return False

    for key in dict.fromkeys((*FIRST, *groups, *overridden)):
        if is_science(key) and not _is_scale(key, runs) and splits(key, axes):
            axes.append(key)
    for key in tuple(axes):
        others = [other for other in axes if other != key and other in groups]
        if others and not splits(key, others):
            axes.remove(key)
    for key in leaves:
        if is_science(key) and splits(key, (*axes, "seed")):
            axes.append(key)
    return tuple(axes)


def _overrides(run: Run) -> Sequence[object]:
    found = run.info.get("overrides")
    return found if isinstance(found, list) else ()


def is_science(key: str) -> bool:
    """Whether a key can change the trained network: not one of the machine, the logging or the scoring."""
    if key in OWN_AXIS | PARTS | WATCHED or key.startswith("task.structure"):
        return False
    return re.split(r"[./@]", key)[0] not in OTHER and matters(key)


def _is_scale(key: str, runs: Sequence[Run]) -> bool:
    """Whether a group is a study's part for a scale: it has no choice of its own, and is absent in other studies."""
    own = ({None, "none", run.choices.get("scale")} for run in runs)
    return key.startswith("experiment/") and all(run.value(key) in names for run, names in zip(runs, own, strict=True))


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration by dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def method_of(run: Run, axes: Sequence[str]) -> str:
    """Name of a run within its study: the values of the axes, else its loss."""
    if not run.config and not run.choices:
        return run.name
    if not axes:
        return str(run.value("loss") if "loss" in run.choices else run.value("loss._target_") or run.name)
    return " · ".join(_axis_text(axis, run) for axis in axes)


def _axis_text(axis: str, run: Run) -> str:
    value = run.value(axis)
    if axis in run.choices:
        return str(value)
    return f"{axis.rpartition('.')[2]}={'–' if value is None else value}"
