"""Figures over the course of training: convergence, and the contribution of each term of a loss."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import Cell, Study, images_text, symbol
from depthbench.report.draw.loss_map import shares_by_period
from depthbench.report.draw.plot import Draw, Figure, Values, short, thin
from depthbench.report.draw.style import INK, SERIES, Look, label, tip
from depthbench.report.read.runs import Run

MOST_TERMS, MOST_TRACES = 12, 6
LARGEST_DISK = 160  # square points, of the largest share of all panels


def convergence(study: Study, look: Look, about: str) -> Figure | None:
    """Validation error by step, a panel per amount of data; None where nothing was logged at two steps."""
    names = {name for run in study.runs for name, (steps, _) in run.history.items() if len(steps) > 1}
    wanted = [name for name in ("val/AbsRel", "val/RMSE", "val/loss", "train/loss") if name in names]
    if not wanted:
        return None
    name = wanted[0]
    amounts = [amount for amount in study.amounts if any(name in run.history for run in _runs_at(study, amount))]
    what = symbol(name.removeprefix("val/")) if name.startswith("val/") else name
    panels = tuple(_convergence_panel(study, amount, name, what, look) for amount in amounts)
    where = " on the validation images" if name.startswith("val/") else "; losses of different kinds do not compare"
    caption = f"{what} by training step{where}; where there are several seeds, their mean and range. {about}"
    return Figure("convergence", "Convergence", caption, panels, study.methods)


def _runs_at(study: Study, amount: int | None) -> list[Run]:
    return [run for cell in study.cells if cell.amount == amount for run in cell.runs]


def _convergence_panel(study: Study, amount: int | None, name: str, what: str, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        """One amount of data: a curve per method."""
        drawn = [
            _curve(ax, cell, [run.history[name] for run in cell.runs if name in run.history], look)
            for cell in study.cells
            if cell.amount == amount
        ]
        everything = np.concatenate([values for values in drawn if len(values)])
        if everything.min() > 0 and everything.max() > 4 * everything.min():
            ax.set_yscale("log")
            _log_ticks(ax, everything)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.set_title(images_text(amount))
        ax.set_xlabel("step")
        ax.set_ylabel(f"validation {what}" if name.startswith("val/") else what)

    return draw


def _curve(ax: Axes, cell: Cell, logs: Sequence[tuple[Values, Values]], look: Look) -> Values:
    """The mean of the seeds with their range; seeds that logged at different steps get a line each."""
    together = len({steps.tobytes() for steps, _ in logs}) == 1
    color, drawn = look.color(cell.method), np.array([])
    if together and len(logs) > 1:
        values = np.stack([thin(*log)[1] for log in logs])
        ax.fill_between(thin(*logs[0])[0], values.min(0), values.max(0), color=color, alpha=0.16, linewidth=0)
        logs = [(logs[0][0], np.mean([values for _, values in logs], axis=0))]
    for log in logs:
        steps, values = thin(*log)
        ax.plot(steps, values, color=color, linestyle=look.dash(cell.method))
        tip(ax, steps[-1], values[-1], f"{cell.method}: {format_score(values[-1])} at step {steps[-1]:.0f}")
        drawn = np.concatenate([drawn, values])
    return drawn


def _log_ticks(ax: Axes, values: Values) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, as plain numbers."""
    decades = range(math.floor(math.log10(values.min())), math.ceil(math.log10(values.max())) + 1)
    ax.yaxis.set_major_locator(FixedLocator([m * 10.0**e for e in decades for m in (1, 2, 5)]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(values.min() / 1.1, values.max() * 1.1)


def contributions(study: Study, about: str) -> Figure | None:
    """Bubbles: each term's share of the loss in each period, for the first seed of each row that kept a trace."""
    traced = [(cell, run) for cell in study.cells for run in cell.runs[:1] if len(run.trace) > 1][:MOST_TRACES]
    if not traced:
        return None
    shares = [shares_by_period(run.trace) for _, run in traced]
    largest = max(share for periods in shares for one in periods.values() for share in one.values())
    panels = tuple(
        _contribution_panel(study.row_name(cell), run, periods, LARGEST_DISK / max(largest, 1e-12))
        for (cell, run), periods in zip(traced, shares, strict=True)
    )
    caption = (
        "Area: a term's weight times its value, as a share of all terms in that period; the "
        f"{MOST_TERMS} largest terms, first seed of each row, at most {MOST_TRACES} rows. {about}"
    )
    most = max(min(MOST_TERMS, len(run.trace)) for _, run in traced)
    return Figure("contributions", "Contributions to the loss", caption, panels, (), (4.0, 1.2 + 0.24 * most))


def _contribution_panel(title: str, run: Run, shares: Mapping[float, Mapping[str, float]], area: float) -> Draw:
    def draw(ax: Axes) -> None:
        """One run: a row of disks per term."""
        ranked = sorted(run.trace, key=lambda name: -float(np.nanmean(np.abs(run.trace[name][1]))))[:MOST_TERMS]
        for row, name in enumerate(ranked):
            known = {period: one[name] for period, one in shares.items() if name in one}
            periods, share = thin(np.array(list(known)), np.array(list(known.values())))
            ax.scatter(periods, np.full(len(periods), row), s=area * share, color=SERIES[0], alpha=0.6, linewidth=0)
        ax.set_yticks(range(len(ranked)), [label(name[:30]) for name in ranked], color=INK)
        ax.set_ylim(len(ranked) - 0.4, -0.6)
        ax.set_title(label(title[:44]), fontsize=9)
        ax.set_xlabel("period")

    return draw
