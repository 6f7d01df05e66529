"""Studies: the runs of a test set as cells, with seeds as a separate axis."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from depthbench.report.analyze.axes import find_axes, method_of
from depthbench.report.analyze.data_sets import amounts_of, by_test_set
from depthbench.report.read.runs import Run

LOSSES = ("l1", "l2", "huber", "berhu", "eigen", "eigen_grad", "gan")  # the order of carvalho2018
METRICS = ("AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog", "delta1", "delta2", "delta3")
COUNTS = {"images", "images_empty", "images_nonfinite", "pixels", "nonfinite", "missing", "nonpositive"}
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

    def with_seeds(self, seeds: Iterable[str]) -> "Cell":
        """The same row with the finished runs of these seeds alone."""
        found = self.by_seed
        return Cell(self.method, self.amount, tuple(run for seed in seeds for run in found[seed]))


@dataclass(frozen=True)
class Study:
    """All runs that were tested on the same images, as cells of ``method x amount``; ``data`` names their data."""

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

    def row_name(self, cell: Cell) -> str:
        """The name of a row in the whole study: its method, with the amount of data where there are several."""
        return row_label(cell, "" if self.amounts[1:] else "one amount")

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
    """``795`` as ``795 training images``."""
    unknown = "unknown amount of data"
    return unknown if amount is None else f"{number_text(amount)} training image{'s' * (amount != 1)}"


def number_text(count: int) -> str:
    """``230000`` with a narrow space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def row_label(cell: Cell, group: str) -> str:
    """Label of a cell within its group: its method, or its amount where there is a single method."""
    return cell.method if group else f"{cell.method}, {images_text(cell.amount)}" if cell.amount else cell.method


def symbol(metric: str) -> str:
    """A metric's name as it is printed."""
    return SYMBOLS.get(metric, metric)


def studies(runs: Sequence[Run], axes: tuple[str, ...] | None = None) -> list[Study]:
    """Sort runs into one study per test set; amounts of training data are an axis of it.

    Args:
        runs: in any order.
        axes: keys by which rows are named, such as those of a larger study; None for the keys in which runs differ.
    """
    return [_study(name, group, axes) for name, group in by_test_set(runs)]


def _study(data: str, runs: Sequence[Run], axes: tuple[str, ...] | None) -> Study:
    amount = amounts_of(runs)
    axes = find_axes(runs, amount) if axes is None else axes
    cells: dict[tuple[str, int | None], list[Run]] = defaultdict(list)
    for run in runs:
        cells[method_of(run, axes), amount(run)].append(run)
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
