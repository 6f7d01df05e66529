"""Error against distance, viewing angle and edge proximity."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import Cell, Study, images_text
from depthbench.report.draw.plot import Draw, Figure, Values
from depthbench.report.draw.style import LINE, Look, tip
from depthbench.report.read.run_files import Array
from depthbench.stats.image_sums import PerImageSums, scenes_of
from depthbench.stats.intervals import mean_over, percentile_bands, student_draws

AXES = {
    "distance": "true distance (m)",
    "angle": "angle between surface normal and view (°)",
    "edge": "pixels to the nearest depth edge",
}
FEWEST = 1e-3  # bins with a smaller share of the pixels are left out
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
    several = any(len(cell.by_seed) > 1 for cell, _ in kept)
    over = "test images and seeds" if several else "test images (bootstrap)"
    caption = (
        f"Mean relative error of the test pixels in each bin, {images_text(amount)}; bands: 95 % intervals over "
        f"{over}; gray: share of the pixels. Edges are steps of the true depth by a tenth or more; maps are thinned to "
        f"about 320 columns. {about}"
    )
    methods = tuple(dict.fromkeys(cell.method for cell, _ in kept))
    return Figure("profiles", "Where the error is", caption, panels, methods)


def _of_seeds(cell: Cell) -> Content:
    """Sums of each seed ``(S, N, bins, 3)``, of seeds that were tested on the first one's images."""
    kept = [
        found for runs in cell.by_seed.values() if (found := next(filter(None, (r.profiles() for r in runs)), None))
    ]
    kept = [content for content in kept if np.array_equal(content["name"], kept[0]["name"])]
    if not kept:
        return {}
    kinds = [kind for kind in AXES if all(kind in content for content in kept)]
    sums = {kind: np.stack([content[kind] for content in kept]).astype(np.float64) for kind in kinds}
    limits = {f"{kind}_limits": kept[0][f"{kind}_limits"] for kind in kinds}
    return {"name": kept[0]["name"], **sums, **limits}


def binned_errors(sums: Values, names: Sequence[str] = ()) -> tuple[Values, Values]:
    """Mean relative error of each bin with its 95 % interval ``(3, bins)``, and the shares of pixels.

    The interval is over images (scenes where names tell them), and over seeds where there are two or more.

    Args:
        sums: ``(S, N, bins, 3)`` of seeds and images, as :func:`depthbench.metrics.image.profiles.profile_sums` gives
            them for one seed.
        names: of the images.
    """
    images, scenes = sums.shape[1], scenes_of(names)
    with np.errstate(invalid="ignore", divide="ignore"):
        networks = [PerImageSums(one[..., :2].reshape(images, -1), _read_bins, np.ones(images), scenes) for one in sums]
        drawn = mean_over([network.resampled for network in networks], "error")
        by_seed = np.stack([one.sum(0)[:, 1] / one.sum(0)[:, 0] for one in sums])
        drawn = drawn + student_draws(np.nan_to_num(by_seed), len(drawn))
        low, high = percentile_bands(_filled(drawn))
        pixels = sums.sum((0, 1))[:, 0]
    return np.array([by_seed.mean(0), low, high]), pixels / max(pixels.sum(), 1)


def _read_bins(totals: Values, images: int) -> dict[str, Values]:
    both = totals.reshape(*totals.shape[:-1], -1, 2)
    return {"error": both[..., 1] / both[..., 0]}


def _filled(values: Values) -> Values:
    """Draws without a pixel in a bin take the mean of the others; bins without any are zeros, which nothing shows."""
    known = np.isfinite(values)
    mean = np.where(known, values, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known, values, mean)


def _panel(kind: str, rows: Named, look: Look) -> Draw:
    def draw(ax: Axes) -> None:
        """A line with its band per method over bars of the pixels."""
        limits = rows[0][1][f"{kind}_limits"]
        _, pixels = binned_errors(rows[0][1][kind])
        bins = np.flatnonzero(pixels >= FEWEST).tolist()
        behind = ax.twinx()
        behind.bar(np.arange(len(bins)), pixels[bins], width=0.9, color=LINE, zorder=0)
        behind.set_ylim(0, 3 * pixels.max())
        behind.set_axis_off()
        ax.set_zorder(behind.get_zorder() + 1)
        for cell, content in rows:
            (mean, low, high), _ = binned_errors(content[kind], content["name"].tolist())
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
