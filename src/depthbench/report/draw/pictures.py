"""Pictures inside the page, and galleries as files."""

import base64
import io
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from PIL import Image

from depthbench.palette import DEPTH, NO_DEPTH, SIGNED_ERROR
from depthbench.report.draw.gallery import Gallery, GalleryFrame
from depthbench.report.draw.side_view import Pixels
from depthbench.report.draw.style import MUTED, RC, label, save_figure

WIDTH, QUALITY = 320, 80
MOST_COLUMNS = 12


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
        bars = (
            (DEPTH, 0, gallery.far, f"depth (m); gray: {NO_DEPTH}"),
            (SIGNED_ERROR, -50, 50, "error (% of the truth)"),
        )
        for index, (name, low, high, text) in enumerate(bars):
            place_of_bar = (0.03 + 0.5 * index, 0.84 * bottom, 0.44, 0.08 * bottom)
            scale = ScalarMappable(Normalize(low, high), name)
            canvas.colorbar(scale, cax=canvas.add_axes(place_of_bar), orientation="horizontal", label=text)
        save_figure(canvas, stem)


def montage(frames: tuple[GalleryFrame, ...]) -> Pixels:
    """All pictures of some frames in one, white between them: rows of predictions, side views and errors."""
    height, width = frames[0].truth.shape[:2]
    gap = max(2, width // 40)
    rows: list[list[Pixels | None]] = []
    for frame in frames:
        shots = frame.shots[:MOST_COLUMNS]
        rows += [
            [frame.image, frame.truth, *(shot.prediction for shot in shots)],
            [None, frame.view, *(shot.view for shot in shots)],
            [None, None, *(shot.error for shot in shots)],
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
