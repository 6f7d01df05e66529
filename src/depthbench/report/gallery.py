"""Galleries: input, truth, and every method's prediction and error on the same frames in one color scale."""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from PIL import Image

from depthbench.report.runs import Panels
from depthbench.report.study import Study
from depthbench.report.style import MUTED, RC, label, save

DEPTH_MAP, ERROR_MAP = "magma_r", "RdBu_r"
ERROR_LIMIT = 0.5
MISSING = (176, 181, 188)
WIDTH, QUALITY = 320, 80
MOST_FRAMES = 5
BUDGET, PER_CELL = 3_000_000, 14_000  # bytes of all pictures, and of one prediction with its error
MOST_COLUMNS = 12
Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Shot:
    """One method's prediction of one frame and its signed relative error, as pictures."""

    method: str
    prediction: Pixels
    error: Pixels
    absrel: float


@dataclass(frozen=True)
class Frame:
    """One test frame as the methods of one amount of data see it; ``range`` is that of the truth in metres."""

    name: str
    image: Pixels
    truth: Pixels
    range: tuple[float, float]
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Gallery:
    """Frames by amount of data, all in one depth scale of 0 to ``far`` metres."""

    far: float
    frames: dict[int | None, tuple[Frame, ...]]


def build_gallery(study: Study) -> Gallery | None:
    """The frames that all runs with panels have in common; the first seed of each cell. None without any."""
    panels: dict[tuple[str, int | None], Panels] = {}
    for cell in study.cells:
        found = next((panel for run in cell.runs if run.state == "done" and (panel := run.panels())), None)
        if found:
            panels[cell.method, cell.amount] = found
    common = _common(list(panels.values()))
    if not common:
        return None
    common = common[: max(1, min(MOST_FRAMES, BUDGET // (PER_CELL * len(panels))))]
    far = _far([panel.truth[panel.name.index(name)] for panel in panels.values() for name in common])
    frames = {}
    for amount in study.amounts:
        here = {method: panel for (method, size), panel in panels.items() if size == amount}
        if here:
            frames[amount] = tuple(_frame(name, here, far) for name in common)
    return Gallery(far, frames)


def _common(panels: list[Panels]) -> list[str]:
    if not panels:
        return []
    shared = set.intersection(*(set(panel.name) for panel in panels))
    return [name for name in panels[0].name if name in shared]


def _far(truths: list[Map]) -> float:
    """The depth beyond which a hundredth of the truth lies, rounded up to half a metre."""
    depths = np.concatenate([truth[truth > 0].ravel() for truth in truths])
    return max(0.5, math.ceil(2 * float(np.percentile(depths, 99))) / 2) if len(depths) else 10.0


def _frame(name: str, panels: dict[str, Panels], far: float) -> Frame:
    first = next(iter(panels.values()))
    index = first.name.index(name)
    shots = []
    for method, panel in panels.items():
        place = panel.name.index(name)
        prediction, truth = panel.prediction[place], panel.truth[place]
        valid = (truth > 0) & np.isfinite(prediction)
        error = np.where(valid, prediction - truth, 0) / np.where(valid, truth, 1)
        absrel = float(np.abs(error[valid]).mean()) if valid.any() else math.nan
        colors = paint(error, ERROR_MAP, -ERROR_LIMIT, ERROR_LIMIT, valid)
        shots.append(Shot(method, paint(prediction, DEPTH_MAP, 0, far, np.isfinite(prediction)), colors, absrel))
    truth = first.truth[index]
    known = truth[truth > 0] if np.any(truth > 0) else np.zeros(1)
    bounds = (float(known.min()), float(known.max()))
    colors = paint(truth, DEPTH_MAP, 0, far, truth > 0)
    return Frame(name, first.image[index].astype(np.uint8), colors, bounds, tuple(shots))


def paint(values: NDArray[np.floating], name: str, low: float, high: float, valid: NDArray[np.bool_]) -> Pixels:
    """A map ``(h, w)`` as colors ``(h, w, 3)`` in a fixed scale; what is not valid is gray."""
    scaled = np.clip((np.where(valid, values, low) - low) / (high - low), 0, 1)
    colors = mpl.colormaps[name](scaled, bytes=True)[..., :3]
    return np.where(valid[..., None], colors, np.array(MISSING)).astype(np.uint8)


def data_uri(pixels: Pixels) -> str:
    """A picture as WebP inside the page."""
    picture = Image.fromarray(pixels)
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def gradient(name: str) -> str:
    """A colormap as a CSS gradient, for a colorbar."""
    stops = (mpl.colors.to_hex(mpl.colormaps[name](position)) for position in np.linspace(0, 1, 17))
    return f"linear-gradient(to right, {', '.join(stops)})"


def save_gallery(gallery: Gallery, amount: int | None, stem: Path, caption: str) -> None:
    """One amount's gallery as PNG and PDF, with colorbars and caption; the first twelve methods."""
    frames = gallery.frames[amount]
    titles = ["image", "truth", *(shot.method for shot in frames[0].shots[:MOST_COLUMNS])]
    picture = montage(frames)
    width = 1.6 * len(titles)
    height = width * picture.shape[0] / picture.shape[1]
    total = height + 1.3
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(width, total))
        top, bottom = (height + 1.05) / total, 1.05 / total
        canvas.text(0.01, 0.08 / total, fill(label(caption), int(19 * width)), fontsize=7, color=MUTED, va="bottom")
        ax = canvas.add_axes((0, bottom, 1, top - bottom))
        ax.imshow(picture, aspect="auto")
        ax.set_axis_off()
        for column, title in enumerate(titles):
            place = {"ha": "center", "va": "bottom", "fontsize": 9}
            canvas.text((column + 0.5) / len(titles), top + 0.05 / total, label(title[:24]), place)
        bars = ((DEPTH_MAP, 0, gallery.far, "depth (m)"), (ERROR_MAP, -50, 50, "error (% of the truth)"))
        for index, (name, low, high, text) in enumerate(bars):
            place_of_bar = (0.03 + 0.5 * index, 0.84 * bottom, 0.44, 0.08 * bottom)
            scale = ScalarMappable(Normalize(low, high), name)
            canvas.colorbar(scale, cax=canvas.add_axes(place_of_bar), orientation="horizontal", label=text)
        save(canvas, stem)


def montage(frames: tuple[Frame, ...]) -> Pixels:
    """All pictures of some frames in one, white between them: a row of predictions and a row of errors each."""
    height, width = frames[0].truth.shape[:2]
    gap = max(2, width // 40)
    rows: list[list[Pixels | None]] = []
    for frame in frames:
        shots = frame.shots[:MOST_COLUMNS]
        rows += [
            [frame.image, frame.truth, *(shot.prediction for shot in shots)],
            [None, None, *(s.error for s in shots)],
        ]
    sheet = np.full((len(rows) * (height + gap), len(rows[0]) * (width + gap), 3), 255, dtype=np.uint8)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            if picture is not None:
                y, x = row * (height + gap) + gap // 2, column * (width + gap) + gap // 2
                sheet[y : y + height, x : x + width] = _fit(picture, height, width)
    return sheet


def _fit(picture: Pixels, height: int, width: int) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
