"""Predictions before and after their alignment, and the line between: one card for each model and frame."""

import math
from collections.abc import Sequence

import numpy as np

from depthbench.palette import ColorRange, color_depth, color_error, own_range, shared_end
from depthbench.report.analyze.sentences import format_score
from depthbench.report.draw.style import html
from depthbench.report.read.boards import AlignedPanels
from depthbench.report.write.html_figures import card_tag, picture_tag
from depthbench.runs.panels import mean_error, relative_error
from depthbench.stats.image_sums import Array

_AXES = {"depth": "depth (m)", "disparity": "1 / depth (1/m)", "log": "ln depth", "log1p": "ln(1 + depth)"}


def render_panels(panels: Sequence[AlignedPanels], key: str) -> str:
    """A row for each data set and frame: image, truth, and every model that was kept with this frame."""
    rows = []
    for data in dict.fromkeys(one.data for one in panels):
        here = [one for one in panels if one.data == data]
        names = [name for name in here[0].names if all(name in one.names for one in here)]
        rows += [_row(here, data, name) for name in names]
    if not rows:
        return ""
    caption = (
        "Each model: its prediction as it is, in colors of its own range, since it has no unit; the prediction after "
        "alignment, in the colors of the truth; its relative error; and the truth of single pixels against the "
        "prediction in the space of the fit, with the fitted line. The number is AbsRel of the pixels as shown."
    )
    title = "<h2>Before and after alignment</h2>"
    return f'<section id="{key}">{title}{"".join(rows)}<p class="caption">{caption}</p></section>'


def _row(panels: Sequence[AlignedPanels], data: str, name: str) -> str:
    first = panels[0]
    place = first.names.index(name)
    truth = first.arrays["truth"][place]
    far = shared_end([truth])
    image = picture_tag(np.asarray(first.arrays["image"][place], np.uint8), f"Input image {name}")
    shown = picture_tag(color_depth(truth, ColorRange(0, far)), f"True depth of {name}")
    title = f"<p title='{html(name)}'>{html(data)}: {html(name)}</p>"
    cards = [card_tag("image", "", image + title), card_tag("truth", "", f"{shown}<p>0 to {far:g} m</p>")]
    cards += [_model(one, one.names.index(name), far) for one in panels]
    return f'<div class="shots">{"".join(cards)}</div>'


def _model(panel: AlignedPanels, place: int, far: float) -> str:
    maps = {key: panel.arrays[key][place] for key in ("truth", "before", "after")}
    truth, before, after = maps["truth"], maps["before"], maps["after"]
    error = relative_error(after, truth)
    finite = before[np.isfinite(before)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    name = panel.names[place]
    own = own_range(before, panel.told["quantity"] == "disparity", "")
    pictures = [
        picture_tag(color_depth(before, own, positive=False), f"As predicted, {name}"),
        picture_tag(color_depth(after, ColorRange(0, far)), f"Aligned, {name}"),
        picture_tag(color_error(error), f"Error, {name}"),
    ]
    told = f"<p>{html(panel.told['quantity'])} {low:.3g} to {high:.3g}; {html(_fit_text(panel, place))}</p>"
    return card_tag(
        panel.model, format_score(mean_error(error)), "".join(pictures) + _cloud(panel, place) + told, panel.model
    )


def _fit_text(panel: AlignedPanels, place: int) -> str:
    scale, shift = (float(panel.arrays[key][place]) for key in ("scale", "shift"))
    if not math.isfinite(scale):
        return f"{panel.told['protocol']}: not aligned"
    moved = f" {'+' if shift >= 0 else '−'} {abs(shift):.3g}" if shift else ""
    return (
        f"{panel.told['protocol']}, {panel.told['alignment']}: {panel.told['space']} = {scale:.4g} · prediction{moved}"
    )


def _cloud(panel: AlignedPanels, place: int) -> str:
    """Truth against prediction as a small inline SVG; nothing where nothing was fitted."""
    x, y = panel.arrays["x"][place], panel.arrays["y"][place]
    scale, shift = (float(panel.arrays[key][place]) for key in ("scale", "shift"))
    known = np.isfinite(x) & np.isfinite(y)
    if not math.isfinite(scale) or known.sum() < 2:
        return ""
    x, y = x[known], y[known]
    left, right, low, high = x.min(), x.max(), min(y.min(), 0), y.max()
    if right <= left or high <= low:
        return ""

    def at(a: Array, b: Array) -> Array:
        return np.stack([100 * (a - left) / (right - left), 60 - 60 * (b - low) / (high - low)], -1)

    dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in at(x, y))
    ends = np.array([left, right])
    (a, b), (c, d) = at(ends, np.clip(scale * ends + shift, low - (high - low), high + (high - low)))
    name = html(f"{_AXES.get(panel.told['space'], 'truth')} against the prediction, with the fitted line")
    return (
        f'<svg viewBox="-2 -2 104 64" role="img" aria-label="{name}" width="100%"><title>{name}</title>'
        f'<path d="{dots}" stroke="var(--s0)" stroke-width="1.6" stroke-linecap="round" opacity="0.5"/>'
        f'<path d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" stroke="var(--s4)" stroke-width="1.2" fill="none"/></svg>'
    )
