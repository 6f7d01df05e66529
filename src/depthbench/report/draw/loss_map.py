"""The map of a loss's terms (lee2020, figure 2) and their contributions in the course of training (its figure 3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from depthbench.report.analyze.study import Cell, Study
from depthbench.report.draw.plot import Draw, Figure, Values
from depthbench.report.draw.style import INK, MUTED, SERIES, label, tip
from depthbench.report.read.run_files import Curves

MOST_ROWS, MOMENTS = 4, 4
ENOUGH = 3  # terms and periods
DISK, LARGEST = 5.4, 40.0  # points: diameter of a term with the mean contribution, and of the largest one
UP, DOWN, SAME = SERIES[4], SERIES[0], SERIES[2]
Places = Mapping[str, Values]


@dataclass(frozen=True)
class LossMap:
    """Terms on the plane of the first two principal axes of their traces, and the share of variance on each axis."""

    places: Places
    shares: tuple[float, float]


def loss_map(traces: Curves) -> LossMap | None:
    """Principal components of the terms' values over the periods that all have; None for fewer than three of either.

    Each trace is divided by its mean, so that the map shows how a term develops and not how large it is (lee2020
    does not define it).
    """
    traces = {name: curve for name, curve in traces.items() if np.any(curve[1] != 0)}
    if len(traces) < ENOUGH:
        return None
    common = sorted(set.intersection(*(set(periods) for periods, _ in traces.values())))
    if len(common) < ENOUGH:
        return None
    values = np.array([_at(curve, common) for curve in traces.values()])
    means = values.mean(1, keepdims=True)
    if np.any(means == 0):
        return None
    centered = values / means - (values / means).mean(0)
    left, spread, _ = np.linalg.svd(centered, full_matrices=False)
    variance = spread**2
    if variance.sum() == 0:
        return None
    shares = variance[:2] / variance.sum()
    axes = left[:, :2] * spread[:2]
    return LossMap(dict(zip(traces, axes, strict=True)), (float(shares[0]), float(shares[1])))


def _at(curve: tuple[Values, Values], periods: list[float]) -> Values:
    return np.asarray(curve[1][np.searchsorted(curve[0], periods)])


def map_of_losses(study: Study, about: str) -> Figure | None:
    """The map twice, by kind and by scale, then the terms' contributions in a few periods of each row with a trace."""
    traced = [cell for cell in study.cells if len(cell.runs[0].term_losses) >= ENOUGH][:MOST_ROWS]
    found = loss_map(traced[0].runs[0].term_losses) if traced else None
    if found is None:
        return None
    panels = [_by_kind(found), _by_scale(found)]
    panels += [panel for cell in traced for panel in _moments(study.row_name(cell), cell, found.places)]
    one, two = (f"{100 * share:.0f} %" for share in found.shares)
    caption = (
        f"First two panels: terms on the two principal axes ({one} and {two} of the variance) of their values by "
        f"period, each divided by its mean, in the first run of {study.row_name(traced[0])}; by kind, with its scales "
        "joined, and by scale. Others: radius, a term's weight times its value as a share of all; red, more than in "
        f"the period before; blue, less; green, the same. {about}"
    )
    return Figure("map", "Map of the losses", caption, tuple(panels), (), (3.3, 3.0))


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _scale(name: str) -> str:
    return name.partition("/")[2]


def _by_kind(found: LossMap) -> Draw:
    def draw(ax: Axes) -> None:
        """A color per kind, its scales joined by a dashed line, its name at its first scale."""
        for index, kind in enumerate(dict.fromkeys(map(_kind, found.places))):
            color = SERIES[index % len(SERIES)]
            spots = np.array([place for name, place in found.places.items() if _kind(name) == kind])
            ax.plot(*spots.T, "o--", color=color, linewidth=0.8, markersize=4.5)
            ax.annotate(label(kind), spots[0], xytext=(3, 3), textcoords="offset points", fontsize=8, color=color)
        _finish(ax, found, "by kind")

    return draw


def _by_scale(found: LossMap) -> Draw:
    def draw(ax: Axes) -> None:
        """The digit of its scale for each term."""
        for name, (x, y) in found.places.items():
            scale = _scale(name)
            color = SERIES[int(scale) % len(SERIES)] if scale.isdigit() else MUTED
            ax.annotate(label(scale or "·"), (x, y), ha="center", va="center", fontsize=8, color=color)
            tip(ax, x, y, name)
        _finish(ax, found, "by scale")

    return draw


def _finish(ax: Axes, found: LossMap, title: str) -> None:
    ax.margins(0.12)
    ax.set_title(title)
    ax.set_xlabel(f"axis 1 ({100 * found.shares[0]:.0f} %)")
    ax.set_ylabel(f"axis 2 ({100 * found.shares[1]:.0f} %)")
    ax.set_xticks([])
    ax.set_yticks([])


def shares_by_period(trace: Curves) -> dict[float, dict[str, float]]:
    """Each term's share of all contributions, by period."""
    periods: dict[float, dict[str, float]] = {}
    for name, (when, values) in trace.items():
        for period, value in zip(when, np.abs(values), strict=True):
            periods.setdefault(float(period), {})[name] = float(value)
    totals = {period: max(sum(values.values()), 1e-12) for period, values in periods.items()}
    return {
        period: {name: value / totals[period] for name, value in values.items()}
        for period, values in sorted(periods.items())
    }


def _moments(title: str, cell: Cell, places: Places) -> list[Draw]:
    """Evenly spaced periods of a row, the last one among them."""
    shares = shares_by_period(cell.runs[0].trace)
    periods = list(shares)
    chosen = dict.fromkeys(np.linspace(0, len(periods) - 1, MOMENTS).round().astype(int).tolist())
    return [
        _moment(f"{title}, period {periods[k]:g}", shares[periods[k]], shares[periods[max(k - 1, 0)]], places)
        for k in chosen
    ]


def _moment(title: str, now: Mapping[str, float], before: Mapping[str, float], places: Places) -> Draw:
    def draw(ax: Axes) -> None:
        """A disk per term at its place on the map."""
        for name, place in places.items():
            share, last = now.get(name, 0.0), before.get(name, 0.0)
            same = abs(share - last) <= 1e-3 * max(share, last)
            color = SAME if same else UP if share > last else DOWN
            size = min(DISK * share * len(places), LARGEST)
            ax.plot(*place, "o", markersize=size, color=color, alpha=0.55, markeredgewidth=0)
        ax.margins(0.15)
        ax.set_title(label(title[:44]), fontsize=8.5, color=INK)
        ax.set_xticks([])
        ax.set_yticks([])

    return draw
