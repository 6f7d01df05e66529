"""The figures of a study; here: scores with intervals, and error against time."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from depthbench.report.analyze.sentences import estimate_text, format_score
from depthbench.report.analyze.study import Study, symbol
from depthbench.report.analyze.table import Table
from depthbench.report.draw.convergence import contributions, convergence
from depthbench.report.draw.error_by_amount import by_amount
from depthbench.report.draw.error_profiles import profiles
from depthbench.report.draw.loss_map import map_of_losses
from depthbench.report.draw.plot import Draw, Figure, amount_axis, short
from depthbench.report.draw.style import INK, MUTED, Look, label, tip
from depthbench.report.write.table_files import heading
from depthbench.stats.directions import higher_is_better

MOST_BARS = 40


def build_figures(study: Study, table: Table, look: Look, about: str) -> list[Figure]:
    """The figures for which the runs hold enough."""
    found = [by_amount(study, table, look, about), _scores(study, table, look, about)]
    found += [convergence(study, look, about), profiles(study, look, about), _time(study, table, look, about)]
    found += [map_of_losses(study, about), contributions(study, about)]
    return [figure for figure in found if figure]


def _scores(study: Study, table: Table, look: Look, about: str) -> Figure | None:
    rows = [row for group in table.groups for row in group.rows]
    if len({row.cell.amount for row in rows}) > 1 or len(rows) < 2:
        return None
    panels = tuple(_score_panel(table, metric, look) for metric in table.shown)
    height = 1.0 + 0.26 * min(len(rows), MOST_BARS)
    left_out = f" The best {MOST_BARS} of {len(rows)} are shown." if len(rows) > MOST_BARS else ""
    caption = f"Best at the top. {table.bars}{left_out} {about}"
    return Figure("glance", "Scores at a glance", caption, panels, (), (4.0, max(2.4, height)))


def _score_panel(table: Table, metric: str, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        """One metric: a row per method with its interval."""
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
    """Error against the network's time per image and against training time, each where two runs recorded it."""
    panels = [_time_panel(study, table, look, key) for key in ("seconds_per_image", "seconds")]
    caption = (
        "One point per run. Times hold for the machine named under Runs. Per image: the median of passes of one test "
        "image through the network, without reading and scoring. Training: all starts of a run, without repeated "
        f"steps. {about}"
    )
    drawn = tuple(panel for panel in panels if panel)
    if len(study.amounts) > 1:
        caption = f"The number beside a point is that of its training images. {caption}"
    return Figure("time", "Error against time", caption, drawn, study.methods) if drawn else None


def _time_panel(study: Study, table: Table, look: Look, key: str) -> Draw | None:
    timed = [
        (cell, run, run.times[key], run.scores[table.protocol][table.primary])
        for cell in study.cells
        for run in cell.scored
        if key in run.times and table.primary in run.scores.get(table.protocol, {})
    ]
    if len(timed) < 2:
        return None
    low, high = min(row[2] for row in timed), max(row[2] for row in timed)

    def draw(ax: Axes) -> None:
        """A point per run."""
        ax.set_xscale("log")
        unit, name, what = _unit(key, high)
        for cell, run, seconds, score in timed:
            place = seconds / unit
            ax.plot([place], [score], color=look.color(cell.method), marker=look.marker(cell.method), alpha=0.85)
            if len(study.amounts) > 1:
                beside: dict[str, Any] = {
                    "xytext": (5, 3),
                    "textcoords": "offset points",
                    "fontsize": 7,
                    "color": MUTED,
                }
                ax.annotate(short(cell.amount) if cell.amount else "?", (place, score), **beside)
            tip(ax, place, score, f"{run.name}: {symbol(table.primary)} {format_score(score)}, {place:.3g} {name}")
        limits = 0.75 * low / unit, 1.33 * high / unit
        ax.set_xlim(limits)
        amount_axis(ax, _time_ticks(*limits))
        ax.set_title(heading(table.primary))
        ax.set_xlabel(f"{name} {what}")

    return draw


def _unit(key: str, most: float) -> tuple[float, str, str]:
    """The unit of an axis in seconds, its name, and the name of the timed work."""
    if key == "seconds_per_image":
        return 1e-3, "milliseconds", "per image, one at a time"
    whole = "of training and testing, whole run"
    return (60.0, "minutes", whole) if most > 120 else (1.0, "seconds", whole)


def _time_ticks(low: float, high: float) -> list[float]:
    """Round numbers of a logarithmic axis: about as many on a short axis as on a long one."""
    ratio, fine = high / low, (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8)
    steps = (1, 3) if ratio > 50 else (1, 2, 3, 5) if ratio > 4 else fine
    return [tick for e in range(-3, 7) for step in steps if low <= (tick := step * 10.0**e) <= high]
