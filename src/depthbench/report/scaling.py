"""Error against amount of training data, with a power law where there are points enough to fit one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from depthbench.report.evidence import Estimate, Values, estimate, image_table, power_of, seed_scores
from depthbench.report.plot import Draw, Figure, amount_axis
from depthbench.report.study import Cell, Study, higher_is_better, images_text, symbol
from depthbench.report.style import Look, tip
from depthbench.report.table import Table, heading
from depthbench.report.words import estimate_text

ENOUGH_AMOUNTS, RESAMPLES, FINE = 3, 1000, 24
MOST_NAMED = 12
Point = tuple[float, Estimate, Cell]


@dataclass(frozen=True)
class PowerLaw:
    """``error = factor * amount ** exponent``, least squares in logarithms, with its bootstrap.

    Attributes:
        factor: error at one image.
        exponent: negative where more data helps.
        misfit: largest relative distance of a point from the curve.
        exponents: of the resampled fits; empty where there is nothing to resample.
        factors: the same.
        over: what was resampled: ``seeds``, ``test images``, both, or nothing.
    """

    factor: float
    exponent: float
    misfit: float
    exponents: Values
    factors: Values
    over: str

    def interval(self) -> tuple[float, float]:
        """The exponent's 95 % interval."""
        low, high = np.percentile(self.exponents, [2.5, 97.5])
        return float(low), float(high)

    def band(self, amounts: Values) -> Values:
        """The curve's 95 % band at some amounts: ``(2, N)``."""
        curves = self.factors[:, None] * amounts ** self.exponents[:, None]
        return np.asarray(np.percentile(curves, [2.5, 97.5], axis=0))


Laws = Mapping[tuple[str, str], PowerLaw]


def fit_power_law(cells: Sequence[Cell], protocol: str, metric: str) -> PowerLaw | None:
    """The law through the rows of one method; None for fewer than three amounts, or an error that is not positive."""
    cells = [cell for cell in cells if cell.amount and seed_scores(cell, protocol, metric)]
    amounts = np.array([cell.amount for cell in cells], dtype=np.float64)
    errors = np.array([np.mean(seed_scores(cell, protocol, metric)) for cell in cells])
    if len(set(amounts)) < ENOUGH_AMOUNTS or np.any(errors <= 0):
        return None
    (factor,), (exponent,) = _fit(amounts, errors[None])
    misfit = float(np.abs(errors / (factor * amounts**exponent) - 1).max())
    resampled, over = _resampled(cells, protocol, metric)
    factors, exponents = _fit(amounts, resampled) if over else (np.array([]), np.array([]))
    return PowerLaw(float(factor), float(exponent), misfit, exponents, factors, over)


def _fit(amounts: Values, errors: Values) -> tuple[Values, Values]:
    """Factors and exponents of many fits at once: ``errors (R, N)``."""
    x, y = np.log(amounts), np.log(errors)
    centered = x - x.mean()
    slope = (y @ centered) / (centered @ centered)
    return np.exp(y.mean(1) - slope * x.mean()), slope


def _resampled(cells: Sequence[Cell], protocol: str, metric: str) -> tuple[Values, str]:
    """Errors ``(R, cells)`` of resampled seeds and test images, the same images for all cells; and what was resampled.

    Images are kept as they are where the score is not a mean over them, seeds where there is one.
    """
    generator = np.random.default_rng(0)
    tables = [image_table(cell, protocol, metric) for cell in cells]
    common = sorted(set.intersection(*(set(names) for names, _ in tables)))
    places = [{name: place for place, name in enumerate(names)} for names, _ in tables]
    kept = [table[:, [place[name] for name in common]] for place, (_, table) in zip(places, tables, strict=True)]
    finite = np.all([np.isfinite(table).all(0) for table in kept], axis=0) if common else np.array([], dtype=bool)
    count = int(finite.sum())
    weights = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count if count else None
    errors, over = [], set()
    for cell, table in zip(cells, kept, strict=True):
        scores = np.array(seed_scores(cell, protocol, metric))
        by_seed = np.tile(scores, (RESAMPLES, 1))
        power = power_of(table[:, finite].ravel(), float(scores.mean())) if len(table) == len(scores) else None
        if power and weights is not None:
            over.add("test images")
            by_seed = (weights @ table[:, finite].T ** power) ** (1 / power)
        if len(scores) > 1:
            over.add("seeds")
            chosen = generator.integers(len(scores), size=by_seed.shape)
            by_seed = np.take_along_axis(by_seed, chosen, axis=1)
        errors.append(by_seed.mean(1))
    return np.stack(errors, axis=1), " and ".join(sorted(over))


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
        return f"No power law is fitted: that takes {ENOUGH_AMOUNTS} amounts of data, a line passes through any two."
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
            found = [(cell, estimate(cell, protocol, metric)) for cell in cells]
            points = [(float(cell.amount or 0), item, cell) for cell, item in found if item]
            if points:
                _line(ax, points, laws.get((method, metric)), method, metric, look)
        amount_axis(ax, sorted({float(cell.amount) for cell in study.cells if cell.amount}))
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_title(heading(metric))
        ax.set_xlabel("training images")

    return draw


def _line(ax: Axes, points: Sequence[Point], law: PowerLaw | None, method: str, metric: str, look: Look) -> None:
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
