"""Figures of results: error against amount of data, scores with intervals, error against time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from scipy import stats

from depthbench.report.evidence import Estimate, estimate, estimate_text, format_score
from depthbench.report.plot import Draw, Figure, Values, short
from depthbench.report.progress import contributions, convergence
from depthbench.report.study import Cell, Study, higher_is_better, images_text, symbol
from depthbench.report.style import INK, Look, label, tip
from depthbench.report.table import Table, heading

SHOWN = ("AbsRel", "RMSE", "delta1")
MOST_BARS = 40


def build_figures(study: Study, table: Table, look: Look, about: str) -> list[Figure]:
    """The figures for which the runs hold enough."""
    found = [_by_amount(study, table, look, about), _scores(study, table, look, about)]
    found += [convergence(study, look, about), _time(study, table, look, about), contributions(study, about)]
    return [figure for figure in found if figure]


@dataclass(frozen=True)
class PowerLaw:
    """``error = factor * amount ** exponent`` with the exponent's 95 % interval (least squares in logarithms)."""

    factor: float
    exponent: float
    low: float
    high: float


def fit_power_law(amounts: Values, errors: Values) -> PowerLaw | None:
    """Fit at least three amounts; None where there are fewer, or where an error is not positive."""
    if len(np.unique(amounts)) < 3 or np.any(errors <= 0):
        return None
    fit = stats.linregress(np.log(amounts), np.log(errors))
    half = float(stats.t.ppf(0.975, len(amounts) - 2) * fit.stderr)
    return PowerLaw(float(np.exp(fit.intercept)), float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def _points(study: Study, method: str, protocol: str, metric: str) -> list[tuple[float, Estimate, Cell]]:
    cells = [cell for cell in study.cells if cell.method == method and cell.amount]
    return [(float(cell.amount or 0), item, cell) for cell in cells if (item := estimate(cell, protocol, metric))]


def _by_amount(study: Study, table: Table, look: Look, about: str) -> Figure | None:
    if len({cell.amount for cell in study.cells if cell.amount and cell.scored}) < 2:
        return None
    shown = _shown(table)
    laws = _laws(study, table)
    panels = tuple(_amount_panel(study, table.protocol, metric, look) for metric in shown)
    said = " ".join(
        f"{method}: {law.exponent:.2f} [{law.low:.2f}, {law.high:.2f}].".replace("-", "−")
        for method, law in list(laws.items())[:12]
    )
    name = symbol(table.primary)
    fitted = f" Thin dashes: fitted power law; exponent of {name} [95 % interval]: {said}" if laws else ""
    return Figure(
        "amount", "Error against amount of training data", f"{_bars(table)}{fitted} {about}", panels, study.methods
    )


def _laws(study: Study, table: Table) -> dict[str, PowerLaw]:
    found = {}
    for method in study.methods:
        points = _points(study, method, table.protocol, table.primary)
        law = fit_power_law(np.array([p[0] for p in points]), np.array([p[1].value for p in points]))
        if law and not higher_is_better(table.primary):
            found[method] = law
    return found


def _amount_panel(study: Study, protocol: str, metric: str, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_xscale("log")
        for method in study.methods:
            points = _points(study, method, protocol, metric)
            if points:
                _amount_line(ax, points, method, metric, look)
        amounts = sorted({float(cell.amount) for cell in study.cells if cell.amount})
        _amount_axis(ax, amounts)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_title(heading(metric))
        ax.set_xlabel("training images")

    return draw


def _amount_line(
    ax: Axes, points: Sequence[tuple[float, Estimate, Cell]], method: str, metric: str, look: Look
) -> None:
    x, y = np.array([p[0] for p in points]), np.array([p[1].value for p in points])
    color = look.color(method)
    spread = np.array([[p[1].value - p[1].low, p[1].high - p[1].value] for p in points]).T
    ax.errorbar(x, y, spread, fmt="none", ecolor=color, elinewidth=1.1, alpha=0.55, zorder=2)
    ax.plot(x, y, color=color, marker=look.marker(method), linestyle=look.dash(method), zorder=3)
    law = None if higher_is_better(metric) else fit_power_law(x, y)
    if law:
        fine = np.geomspace(x.min(), x.max(), 24)
        ax.plot(fine, law.factor * fine**law.exponent, color=color, linewidth=0.9, linestyle=(0, (2, 2)), alpha=0.8)
    for amount, item, cell in points:
        tip(ax, amount, item.value, f"{method}, {images_text(cell.amount)}: {symbol(metric)} {estimate_text(item)}")


def _amount_axis(ax: Axes, amounts: Sequence[float]) -> None:
    ax.xaxis.set_major_locator(FixedLocator(list(amounts)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _scores(study: Study, table: Table, look: Look, about: str) -> Figure | None:
    rows = [row for group in table.groups for row in group.rows]
    if len({row.cell.amount for row in rows}) > 1 or len(rows) < 2:
        return None
    panels = tuple(_score_panel(table, metric, look) for metric in _shown(table))
    height = 1.0 + 0.26 * min(len(rows), MOST_BARS)
    left_out = f" The best {MOST_BARS} of {len(rows)} are shown." if len(rows) > MOST_BARS else ""
    caption = f"Best at the top. {_bars(table)}{left_out} {about}"
    return Figure("glance", "Scores at a glance", caption, panels, (), (4.0, max(2.4, height)))


def _score_panel(table: Table, metric: str, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        sign = -1 if higher_is_better(metric) else 1
        found = [(row, item) for group in table.groups for row in group.rows if (item := row.estimates[metric])]
        found = sorted(found, key=lambda pair: sign * pair[1].value)[:MOST_BARS]
        for place, (row, item) in enumerate(found):
            color = look.color(row.cell.method)
            ax.plot([item.low, item.high], [place, place], color=color, linewidth=2.4, alpha=0.5)
            ax.plot([item.value], [place], color=color, marker=look.marker(row.cell.method), markersize=7)
            tip(ax, item.value, place, f"{row.label}: {symbol(metric)} {estimate_text(item)}")
        ax.set_yticks(range(len(found)), [label(row.label[:34]) for row, _ in found], color=INK)
        ax.set_ylim(len(found) - 0.4, -0.6)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.grid(visible=False, axis="y")
        ax.set_title(heading(metric))

    return draw


def _time(study: Study, table: Table, look: Look, about: str) -> Figure | None:
    """Error against training time, for two runs or more that say how long they took."""
    timed = [
        (cell, run, float(run.done["seconds"]), run.scores[table.protocol][table.primary])
        for cell in study.cells
        for run in cell.scored
        if isinstance(run.done.get("seconds"), int | float) and table.primary in run.scores.get(table.protocol, {})
    ]
    if len(timed) < 2 or min(row[2] for row in timed) <= 0:
        return None

    def draw(ax: Axes) -> None:
        ax.set_xscale("log")
        unit, name = (60.0, "minutes") if max(row[2] for row in timed) > 120 else (1.0, "seconds")
        for cell, run, seconds, score in timed:
            place = seconds / unit
            ax.plot([place], [score], color=look.color(cell.method), marker=look.marker(cell.method), alpha=0.85)
            tip(ax, place, score, f"{run.name}: {symbol(table.primary)} {format_score(score)}, {place:.1f} {name}")
        low, high = 0.75 * min(row[2] for row in timed) / unit, 1.33 * max(row[2] for row in timed) / unit
        ax.set_xlim(low, high)
        ticks = [tick for e in range(-3, 7) for m in (1, 2, 3, 5) if low <= (tick := m * 10.0**e) <= high]
        _amount_axis(ax, ticks)
        ax.set_title(heading(table.primary))
        ax.set_xlabel(f"{name} of training and testing, whole run")

    caption = f"One point per run. Times hold for the machine named under Runs. {about}"
    return Figure("time", "Error against time", caption, (draw,), study.methods)


def _shown(table: Table) -> list[str]:
    return [metric for metric in SHOWN if metric in table.metrics] or list(table.metrics[:3])


def _bars(table: Table) -> str:
    kinds = {"seeds": "seeds", "images": "test images (the runs' own seeds are fixed)"}
    over = " or ".join(kinds[kind] for kind in sorted(table.over))
    return f"Bars: 95 % intervals over {over}." if over else "No intervals: there are no scores of single images."
