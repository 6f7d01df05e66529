"""Figures: panels drawn on demand, one SVG each for the page, all together for PNG and PDF."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from depthbench.report.draw.style import MUTED, RC, Look, label, save_figure, to_svg

POINTS = 160
ALONE = (5.6, 3.0)  # inches, of a panel without neighbors
Draw = Callable[[Axes], None]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """Panels drawn on demand: one SVG each for the page, all side by side for PNG and PDF."""

    key: str
    title: str
    caption: str
    panels: tuple[Draw, ...]
    methods: tuple[str, ...]
    size: tuple[float, float] = (4.0, 3.0)

    def svgs(self, prefix: str) -> list[str]:
        """One inline SVG per panel."""
        found = []
        with mpl.rc_context(RC):
            for index, draw in enumerate(self.panels):
                size = ALONE if len(self.panels) == 1 else self.size
                canvas = Canvas(figsize=size, layout="constrained")
                draw(canvas.subplots())
                found.append(to_svg(canvas, f"{prefix}-{self.key}-{index}"))
        return found

    def save(self, stem: Path, look: Look) -> None:
        """Write ``stem.png`` and ``stem.pdf`` with a legend above."""
        columns = min(len(self.panels), 3)
        rows = math.ceil(len(self.panels) / columns)
        with mpl.rc_context(RC):
            canvas = Canvas(figsize=(self.size[0] * columns, self.size[1] * rows + 0.8), layout="constrained")
            axes = canvas.subplots(rows, columns, squeeze=False).ravel()
            for ax, draw in zip(axes, self.panels, strict=False):
                draw(ax)
            for ax in axes[len(self.panels) :]:
                ax.remove()
            if self.methods:
                handles = _handles(self.methods, look)
                canvas.legend(handles=handles, loc="outside upper left", ncols=min(7, len(handles)))
            caption = fill(label(self.caption), int(19 * self.size[0] * columns))
            canvas.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=MUTED)
            save_figure(canvas, stem)


def _handles(methods: Sequence[str], look: Look) -> list[Line2D]:
    return [
        Line2D([], [], color=look.color(name), marker=look.marker(name), linestyle=look.dash(name), label=label(name))
        for name in methods
    ]


def amount_axis(ax: Axes, ticks: Sequence[float]) -> None:
    """Ticks at these places of a logarithmic axis and nowhere else, as short numbers."""
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """``12000`` as ``12k``."""
    return f"{value / 1000:g}k" if value >= 1000 and value % 100 == 0 else f"{value:g}"


def thin(steps: Values, values: Values) -> tuple[Values, Values]:
    """At most ``POINTS`` points, by the mean of equal shares, so that long logs stay small and readable."""
    if len(steps) <= POINTS:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), POINTS)
    return np.array([steps[part].mean() for part in parts]), np.array([values[part].mean() for part in parts])
