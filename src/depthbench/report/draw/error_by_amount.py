"""Error against amount of training data, with a power law where there are points enough to fit one."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from depthbench.report.analyze.estimates import estimate_of
from depthbench.report.analyze.power_laws import Laws, fit_power_law
from depthbench.report.analyze.sentences import estimate_text
from depthbench.report.analyze.study import Cell, Study, images_text, symbol
from depthbench.report.analyze.table import Table
from depthbench.report.draw.plot import Draw, Figure, amount_axis
from depthbench.report.draw.style import Look, tip
from depthbench.report.write.table_files import heading
from depthbench.stats.crossed import Estimate
from depthbench.stats.directions import higher_is_better
from depthbench.stats.power_law import ENOUGH_AMOUNTS, PowerLaw

FINE = 24
MOST_NAMED = 12
AmountPoint = tuple[float, Estimate, Cell]


def by_amount(study: Study, table: Table, look: Look, about: str) -> Figure | None:
    """The figure, for two amounts of data or more; its caption says which laws were fitted and which were not."""
    if len({cell.amount for cell in study.cells if cell.amount and cell.scored}) < 2:
        return None
    errors = [metric for metric in dict.fromkeys((table.primary, *table.shown)) if not higher_is_better(metric)]
    laws = {
        (method, metric): law
        for method in study.methods
        for metric in errors
        if (law := fit_power_law(_cells(study, method), table.protocol, metric))
    }
    panels = tuple(_panel(study, table.protocol, metric, laws, look) for metric in table.shown)
    said = _laws_text(study, table.primary, laws) if table.primary in errors else ""
    caption = f"{table.bars} {said} {about}"
    return Figure("amount", "Error against amount of training data", caption, panels, study.methods)


def _cells(study: Study, method: str) -> list[Cell]:
    return [cell for cell in study.cells if cell.method == method and cell.amount]


def _laws_text(study: Study, metric: str, laws: Laws) -> str:
    fitted = {method: laws[method, metric] for method in study.methods if (method, metric) in laws}
    if not fitted:
        return f"No power law is fitted: it needs {ENOUGH_AMOUNTS} amounts of data; a line passes through any two."
    over = " or ".join(sorted({law.over for law in fitted.values() if law.over}))
    band = f" with its 95 % band (bootstrap over {over}; that a power law holds at all is assumed)" if over else ""
    said = " ".join(_law_text(name, law) for name, law in list(fitted.items())[:MOST_NAMED])
    refused = [name for name in study.methods if name not in fitted][:MOST_NAMED]
    left = f" Not fitted, for want of {ENOUGH_AMOUNTS} amounts: {', '.join(refused)}." if refused else ""
    return f"Thin dashes: fitted power law{band}; exponent of {symbol(metric)}: {said}{left}"


def _law_text(name: str, law: PowerLaw) -> str:
    bounds = " [{:.3f}, {:.3f}]".format(*law.interval()) if law.over else ""
    return f"{name}: {law.exponent:.3f}{bounds}".replace("-", "−") + f", points within {100 * law.misfit:.1f} %."


def _panel(study: Study, protocol: str, metric: str, laws: Laws, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        """One metric: a line per method, its law and the law's band."""
        ax.set_xscale("log")
        for method in study.methods:
            cells = _cells(study, method)
            found = [(cell, estimate_of(cell, protocol, metric)) for cell in cells]
            points = [(float(cell.amount or 0), item, cell) for cell, item in found if item]
            if points:
                _line(ax, points, laws.get((method, metric)), method, metric, look)
        amount_axis(ax, sorted({float(cell.amount) for cell in study.cells if cell.amount}))
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_title(heading(metric))
        ax.set_xlabel("training images")

    return draw


def _line(ax: Axes, points: Sequence[AmountPoint], law: PowerLaw | None, method: str, metric: str, look: Look) -> None:
    x, y = np.array([p[0] for p in points]), np.array([p[1].value for p in points])
    color = look.color(method)
    spread = np.array([[p[1].value - p[1].low, p[1].high - p[1].value] for p in points]).T
    ax.errorbar(x, y, spread, fmt="none", ecolor=color, elinewidth=1.1, alpha=0.55, zorder=2)
    ax.plot(x, y, color=color, marker=look.marker(method), linestyle=look.dash(method), zorder=3)
    if law:
        fine = np.geomspace(x.min(), x.max(), FINE)
        ax.plot(fine, law.factor * fine**law.exponent, color=color, linewidth=0.9, linestyle=(0, (2, 2)), alpha=0.8)
        if law.over:
            ax.fill_between(fine, *law.band(fine), color=color, alpha=0.12, linewidth=0)
    for amount, item, cell in points:
        tip(ax, amount, item.value, f"{method}, {images_text(cell.amount)}: {symbol(metric)} {estimate_text(item)}")
