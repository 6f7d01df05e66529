"""Style of figures: one color and marker per method, and colors that the page swaps between light and dark."""

import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from depthbench.files import write_atomically
from depthbench.report.analyze.study import LOSSES

# Okabe and Ito's palette (darkened where thin lines need it), then Tol's muted: safe for color-blind readers.
SERIES = (
    "#0072b2",
    "#3ba3dc",
    "#009e73",
    "#dd9a00",
    "#c9421a",
    "#c4609a",
    "#4a4f57",
    "#332288",
    "#882255",
    "#8f8a1f",
    "#117733",
    "#8c5a2b",
)
APART = (
    0,
    4,
    2,
    3,
    5,
    6,
    1,
    7,
    8,
    9,
    10,
    11,
)  # the order in which other methods take colors: the first ones differ most
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
INK, MUTED, LINE = "#1c2024", "#6a717a", "#e3e6ea"
VARIABLES = {color: f"var(--s{index})" for index, color in enumerate(SERIES)}
VARIABLES |= {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)"}
RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "depthbench",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "axes.formatter.useoffset": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "pdf.fonttype": 42,
}


class Look:
    """Color, marker and dash of each method; a loss of carvalho2018 has the same color on every page."""

    def __init__(self, methods: Sequence[str]) -> None:
        fixed = {method: LOSSES.index(method) for method in methods if method in LOSSES}
        free = [index for index in APART if index not in fixed.values()]
        others = [method for method in methods if method not in fixed]
        start = {method: free[index % len(free)] for index, method in enumerate(others)}
        self._index = fixed | start
        self._round = dict.fromkeys(fixed, 0) | {method: index // len(free) for index, method in enumerate(others)}

    def color(self, method: str) -> str:
        """The method's color, as hex."""
        return SERIES[self._index[method]]

    def marker(self, method: str) -> str:
        """The method's marker, so that color is never the only difference."""
        return MARKERS[(self._index[method] + self._round[method]) % len(MARKERS)]

    def dash(self, method: str) -> Any:
        """The method's line style; dashed where there are more methods than colors."""
        return DASHES[self._round[method] % len(DASHES)]

    def swatch(self, method: str) -> str:
        """The method's line and marker as a small inline SVG for an HTML legend."""
        color = VARIABLES[self.color(method)]
        size = 'width="26" height="12" viewBox="0 0 26 12"'
        dash = ("", ' stroke-dasharray="6 2"', ' stroke-dasharray="2 2"')[self._round[method] % 3]
        line = f'<path d="M1 6h24" stroke="{color}" stroke-width="2.2"{dash}/>'
        mark = f'<path d="{_SHAPES[self.marker(method)]}" fill="{color}"/>'
        return f'<svg class="swatch" {size} aria-hidden="true">{line}{mark}</svg>'


_SHAPES = {
    "o": "M9 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    "s": "M9.5 2.5h7v7h-7z",
    "D": "M13 1.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
    "^": "M13 1.5l4.5 8.5h-9z",
    "v": "M13 10.5l4.5-8.5h-9z",
    "P": "M11.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "X": "M10.5 2L13 4.5L15.5 2L17 3.5L14.5 6L17 8.5L15.5 10L13 7.5L10.5 10L9 8.5L11.5 6L9 3.5z",
}


def tip(ax: Axes, x: float, y: float, text: str) -> None:
    """An invisible disk on which the page shows ``text`` when the pointer rests there."""
    ax.plot([x], [y], "o", markersize=14, alpha=0, gid=f"tip:{text}", zorder=9, color=INK)


def to_svg(canvas: Canvas, prefix: str) -> str:
    """A figure as inline SVG: the page's fonts and colors, ids of its own, no reference to anything outside."""
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(?:xmlns(?::xlink)?="[^"]*"|version="1\.1")', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", svg)
    svg = re.sub(r'<g id="tip:([^"]*)">', lambda found: f'<g class="tip"><title>{found[1]}</title>', svg)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{prefix}-", svg)
    for color, variable in VARIABLES.items():
        svg = svg.replace(color, variable)
    return re.sub(r"\n\s*", "\n", svg)


def save_figure(canvas: Canvas, stem: Path) -> None:
    """The figure on white as PNG and PDF, for slides and papers; laid out once for both."""
    for line in canvas.findobj(lambda artist: str(artist.get_gid()).startswith("tip:")):
        line.remove()
    canvas.draw_without_rendering()
    canvas.set_layout_engine("none")
    for kind, options in (("png", {"dpi": 160}), ("pdf", {"metadata": {"CreationDate": None}})):
        # First in memory: where a disk is full, matplotlib's PDF fails once more, and otherwise, as it closes the file.
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, facecolor="white", **options)
        write_atomically(stem.with_name(f"{stem.name}.{kind}"), buffer.getvalue())


def label(text: str) -> str:
    """Text for matplotlib that is never read as mathematics, and is safe inside SVG."""
    return text.replace("$", "\\$")


def html(text: object) -> str:
    """Text made safe for the page."""
    return escape(str(text), quote=True)
