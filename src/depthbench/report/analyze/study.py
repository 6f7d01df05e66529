"""What was swept: runs become cells of one study per data set, with seeds as an axis of their own."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depthbench.config.amounts import frame_count
from depthbench.errors import UserError
from depthbench.report.read.runs import Run

AMOUNT = "data.split"
FIRST = ("loss", "model", "data", "augment", "optim", "trainer")
OWN_AXIS = {"seed", AMOUNT, "data", "experiment"}
NOT_SCIENCE = {"logger", "hydra", "callbacks", "debug", "protocol", "name", "output", "run", "launch"}
NOT_SCIENCE |= {"paths", "local"}
MACHINE: tuple[str, ...] = ("dir", "path", "folder", "root", "cache", "devices", "accelerator", "strategy", "nodes")
MACHINE += ("workers", "test_batch_size", "seed")
LOSSES = ("l1", "l2", "huber", "berhu", "eigen", "eigen_grad", "gan")  # the order of carvalho2018
METRICS = ("AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog", "delta1", "delta2", "delta3")
COUNTS = {"images", "images_empty", "pixels", "nonfinite"}
SYMBOLS = {"RMSElog": "RMSE log", "log10": "log₁₀", "delta1": "δ₁", "delta2": "δ₂", "delta3": "δ₃"}
SYMBOLS |= {"seconds_per_step": "seconds per step", "seconds_per_image": "seconds per image"}


@dataclass(frozen=True)
class Cell:
    """Runs that differ in nothing but the seed: one row of a table."""

    method: str
    amount: int | None
    runs: tuple[Run, ...]

    @property
    def scored(self) -> tuple[Run, ...]:
        """The finished runs with scores."""
        return tuple(run for run in self.runs if run.state == "done" and run.scores)

    @property
    def by_seed(self) -> dict[str, tuple[Run, ...]]:
        """The finished runs with scores by seed: a seed is a replicate, runs that repeat one are not."""
        found: dict[str, tuple[Run, ...]] = {}
        for run in self.scored:
            seed = str(run.value("seed"))
            found[seed] = (*found.get(seed, ()), run)
        return found


@dataclass(frozen=True)
class Study:
    """All runs on one data set, as cells of ``method x amount``."""

    data: str
    axes: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run of the study."""
        return tuple(run for cell in self.cells for run in cell.runs)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in order of first appearance."""
        return tuple(dict.fromkeys(cell.method for cell in self.cells))

    @property
    def amounts(self) -> tuple[int | None, ...]:
        """The amounts of training data, ascending; None where a run does not tell."""
        return tuple(sorted({cell.amount for cell in self.cells}, key=lambda amount: (amount is None, amount or 0)))

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols under which any run was scored, the chosen one first."""
        chosen = [str(run.choices["protocol"]) for run in self.runs if "protocol" in run.choices]
        scored = list(dict.fromkeys(protocol for run in self.runs for protocol in run.scores))
        return tuple(sorted(scored, key=lambda protocol: protocol not in chosen))

    def metrics(self, protocol: str) -> tuple[str, ...]:
        """The metrics of a protocol: the usual ones in the usual order, then any others."""
        found = {key for cell in self.cells for run in cell.scored for key in run.scores.get(protocol, {})} - COUNTS
        return (*(key for key in METRICS if key in found), *sorted(found - set(METRICS)))

    def groups(self, protocol: str) -> dict[str, tuple[Cell, ...]]:
        """The rows that are compared with each other: methods at one amount, or the amounts of a single method."""
        cells = [cell for cell in self.cells if any(protocol in run.scores for run in cell.scored)]
        if len({cell.method for cell in cells}) == 1:
            return {"": tuple(cells)}
        groups: dict[str, tuple[Cell, ...]] = {}
        for amount in self.amounts:
            if rows := tuple(cell for cell in cells if cell.amount == amount):
                groups[images_text(amount)] = rows
        return groups


def images_text(amount: int | None) -> str:
    """``795`` as ``795 images``."""
    return "unknown amount of data" if amount is None else f"{amount:,} images".replace(",", "\u202f")


def row_label(cell: Cell, group: str) -> str:
    """What distinguishes a cell within its group: its method, or its amount where there is a single method."""
    return cell.method if group else f"{cell.method}, {images_text(cell.amount)}" if cell.amount else cell.method


def higher_is_better(metric: str) -> bool:
    """True for shares (of pixels within a threshold, of edges and points found) and similarities, false for errors."""
    return metric.startswith(("delta", "edge_", "F_", "mSSIM"))


def symbol(metric: str) -> str:
    """A metric's name as it is printed."""
    return SYMBOLS.get(metric, metric)


def studies(runs: Sequence[Run]) -> list[Study]:
    """Sort runs into one study per data set (its choice in the group ``data``)."""
    by_data: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_data[str(run.value("data") if "data" in run.choices else lookup_data(run))].append(run)
    return [_study(data, group) for data, group in sorted(by_data.items())]


def lookup_data(run: Run) -> str:
    """The data set's name where the choices are not recorded: its class, or ``unknown data``."""
    target = run.value("data._target_")
    return str(target).rpartition(".")[2] if target else "unknown data"


def amount_of(run: Run) -> int | None:
    """The number of training images that ``data.split`` stands for, or None."""
    split = run.value(AMOUNT)
    try:
        return None if split is None else frame_count(split)
    except UserError:
        return None


def _study(data: str, runs: Sequence[Run]) -> Study:
    axes = _axes(runs)
    cells: dict[tuple[str, int | None], list[Run]] = defaultdict(list)
    for run in runs:
        cells[_method(run, axes), amount_of(run)].append(run)
    ordered = sorted(cells.items(), key=lambda item: (_rank(item[0][0]), item[0][1] or 0))
    return Study(data, axes, tuple(Cell(method, amount, _by_seed(group)) for (method, amount), group in ordered))


def _rank(method: str) -> tuple[int, str]:
    first = method.partition(" · ")[0]
    return (LOSSES.index(first) if first in LOSSES else len(LOSSES), natural(method))


def natural(text: str) -> str:
    """A key that sorts ``lr=2`` before ``lr=10``."""
    return re.sub(r"\d+", lambda number: number[0].zfill(12), text)


def _by_seed(runs: Iterable[Run]) -> tuple[Run, ...]:
    return tuple(sorted(runs, key=lambda run: (str(run.value("seed")), run.name)))


def _axes(runs: Sequence[Run]) -> tuple[str, ...]:
    """The fewest keys that tell the runs apart: groups first, then what was overridden, then any other key.

    A key that is a function of the earlier ones (``task._target_`` follows ``loss``) or of a group (``loss`` follows a
    study's variation) is no axis, and neither is one that nobody overrode and that changes with the seed alone.
    """
    runs = [run for run in runs if run.config or run.choices]
    groups = sorted({key for run in runs for key in run.choices})
    overridden = sorted({str(item).lstrip("+~").partition("=")[0] for run in runs for item in _overrides(run)})
    leaves = sorted({key for run in runs for key in flatten(run.config)})
    axes: list[str] = []
    for key in dict.fromkeys((*FIRST, *groups, *overridden)):
        if _is_science(key) and _splits(key, (*axes, AMOUNT), runs):
            axes.append(key)
    for key in tuple(axes):
        others = [other for other in axes if other != key and other in groups]
        if others and not _splits(key, (*others, AMOUNT), runs):
            axes.remove(key)
    for key in leaves:
        if _is_science(key) and _splits(key, (*axes, AMOUNT, "seed"), runs):
            axes.append(key)
    return tuple(axes)


def _overrides(run: Run) -> Sequence[object]:
    found = run.info.get("overrides")
    return found if isinstance(found, list) else ()


def _is_science(key: str) -> bool:
    parts = key.replace("/", ".").split(".")
    return key not in OWN_AXIS and parts[0] not in NOT_SCIENCE and not parts[-1].endswith(MACHINE)


def _splits(key: str, known: Sequence[str], runs: Sequence[Run]) -> bool:
    """Whether two runs that agree in what is known differ in this key."""
    seen: dict[tuple[str, ...], str] = {}
    for run in runs:
        value = str(run.value(key))
        if seen.setdefault(tuple(str(run.value(name)) for name in known), value) != value:
            return True
    return False


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration by dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _method(run: Run, axes: Sequence[str]) -> str:
    """What a run is called within its study: the values of the axes, else its loss."""
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
