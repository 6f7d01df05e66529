"""Error against distance, viewing angle and edge proximity."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import Cell, Study, images_text
from depthbench.report.draw.plot import Draw, Figure, Values
from depthbench.report.draw.style import LINE, Look, tip
from depthbench.report.read.run_files import Array

AXES = {
    "distance": "true distance (m)",
    "angle": "angle between surface normal and view (°)",
    "edge": "pixels to the nearest depth edge",
}
RESAMPLES, FEWEST = 400, 1e-3  # bins with a smaller share of the pixels are left out
Content = dict[str, Array]
Named = list[tuple[Cell, Content]]


def profiles(study: Study, look: Look, about: str) -> Figure | None:
    """A panel per kind of bin and a line per method, at the largest amount of data for which runs kept profiles."""
    kept = [(cell, found) for cell in study.cells if (found := _of_seeds(cell))]
    if not kept:
        return None
    amount = max((cell.amount for cell, _ in kept), key=lambda size: size or 0)
    kept = [(cell, content) for cell, content in kept if cell.amount == amount]
    kinds = [kind for kind in AXES if any(kind in content for _, content in kept)]
    panels = tuple(_panel(kind, [(c, content) for c, content in kept if kind in content], look) for kind in kinds)
    caption = (
        f"Mean relative error of the test pixels in each bin, {images_text(amount)}; bands: 95 % intervals over test "
        "images (bootstrap); gray: share of the pixels. Edges are steps of the true depth by a tenth or more; maps are "
        f"thinned to about 320 columns. {about}"
    )
    methods = tuple(dict.fromkeys(cell.method for cell, _ in kept))
    return Figure("profiles", "Where the error is", caption, panels, methods)


def _of_seeds(cell: Cell) -> Content:
    """The sums of a row's seeds together, of those that were tested on the first one's images."""
    found = [content for run in cell.scored if (content := run.profiles())]
    found = [content for content in found if np.array_equal(content["name"], found[0]["name"])]
    if not found:
        return {}
    kinds = [kind for kind in AXES if all(kind in content for content in found)]
    sums = {kind: np.sum([content[kind] for content in found], axis=0) for kind in kinds}
    return sums | {f"{kind}_limits": found[0][f"{kind}_limits"] for kind in kinds}


def binned_errors(sums: Values) -> tuple[Values, Values]:
    """Mean relative error of each bin with its 95 % interval over images ``(3, bins)``, and the shares of pixels.

    ``sums (N, bins, 3)`` as :func:`depthbench.metrics.image.profiles.profile_sums` gives them.
    """
    images, bins = sums.shape[:2]
    weights = np.random.default_rng(0).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    drawn = (weights @ sums[..., :2].reshape(images, -1)).reshape(RESAMPLES, bins, 2)
    total = sums.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.nanpercentile(_filled(drawn[..., 1] / drawn[..., 0]), [2.5, 97.5], axis=0)
        mean = total[:, 1] / total[:, 0]
    return np.array([mean, low, high]), total[:, 0] / max(total[:, 0].sum(), 1)


def _filled(values: Values) -> Values:
    """Bins without a pixel in any draw as zeros, which nothing shows."""
    return np.where(np.isnan(values).all(0), 0.0, values)


def _panel(kind: str, rows: Named, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        """A line with its band per method over bars of the pixels."""
        limits = rows[0][1][f"{kind}_limits"]
        _, pixels = binned_errors(rows[0][1][kind].astype(np.float64))
        bins = np.flatnonzero(pixels >= FEWEST).tolist()
        behind = ax.twinx()
        behind.bar(np.arange(len(bins)), pixels[bins], width=0.9, color=LINE, zorder=0)
        behind.set_ylim(0, 3 * pixels.max())
        behind.set_axis_off()
        ax.set_zorder(behind.get_zorder() + 1)
        for cell, content in rows:
            (mean, low, high), _ = binned_errors(content[kind].astype(np.float64))
            color = look.color(cell.method)
            ax.fill_between(np.arange(len(bins)), low[bins], high[bins], color=color, alpha=0.16, linewidth=0)
            style = {"marker": look.marker(cell.method), "markersize": 4, "linestyle": look.dash(cell.method)}
            ax.plot(mean[bins], color=color, **style)
            for place, index in enumerate(bins):
                tip(ax, place, mean[index], f"{cell.method}, {_bin(limits, index)}: {format_score(mean[index])}")
        ax.set_xticks(range(len(bins)), [_bin(limits, index) for index in bins], rotation=40, ha="right", fontsize=7.5)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_title(f"by {kind}")
        ax.set_xlabel(AXES[kind])

    return draw


def _bin(limits: Array, index: int) -> str:
    low, high = limits[index], limits[index + 1]
    return f"over {low:g}" if math.isinf(high) else f"{low:g}–{high:g}"
