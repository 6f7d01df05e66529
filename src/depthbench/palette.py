"""Depth as colors: one colormap for depth everywhere, the range of its colors, and a bar that shows both.

Red is near, blue is far, gray is missing. A picture that stands alone gets a range of its own, :func:`own_range`;
pictures to compare share one that begins at 0, :func:`shared_end`. Plain numpy: nothing here imports torch.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DEPTH, ERROR, SIGNED_ERROR = "turbo_r", "magma", "RdBu_r"
"""The colormaps, by the names of matplotlib."""
MISSING = (128, 128, 128)
"""RGB where there is no depth; no colormap above holds a gray of it."""
NO_DEPTH = "no depth"
ERROR_LIMIT = 0.5
"""The signed relative error at both ends of its colors."""

MOST_METRES = 10.0
"""The end of a shared range where neither a protocol nor the truth gives one."""

_BEYOND = 0.01  # share of the pixels that an own range leaves out at each end
_LOOKED_AT = 200_000  # pixels of a photo whose quantiles stand for all
_NARROWEST = 64  # pixels that a bar needs
_INK = (40, 40, 40)


class ColorRange(NamedTuple):
    """The values at both ends of the colors.

    Attributes:
        near: the value of the first color.
        far: the value of the last color; below ``near`` where values fall with distance, as disparity does.
        unit: of the values; empty where their scale is unknown, and numbers would say nothing.
    """

    near: float
    far: float
    unit: str = "m"


def own_range(values: NDArray[Any], falls: bool = False, unit: str = "m") -> ColorRange:
    """The range of one picture that is compared with no other: all values but a hundredth at each end.

    Args:
        values: any shape; NaN and infinite values don't count.
        falls: whether the largest value is the nearest one.
        unit: as of :class:`ColorRange`.

    Returns:
        A range of positive length, also of a constant or empty picture.

    Example:
        >>> import numpy as np
        >>> from depthbench.palette import own_range
        >>> own_range(np.linspace(1, 3, 201))
        ColorRange(near=1.02, far=2.98, unit='m')
    """
    known = values[np.isfinite(values)]
    known = known[:: max(1, known.size // _LOOKED_AT)].astype(np.float64)
    low, high = (float(end) for end in np.quantile(known, (_BEYOND, 1 - _BEYOND))) if known.size else (0.0, 1.0)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        half = 0.05 * abs(low) or 0.5
        low, high = low - half, high + half
    return ColorRange(high, low, unit) if falls else ColorRange(low, high, unit)


def shared_end(truths: Sequence[NDArray[Any]]) -> float:
    """The end of a range from 0 that several pictures share.

    Args:
        truths: maps in metres; 0 is missing.

    Returns:
        Metres: the depth beyond which a hundredth of the truth lies, rounded up to half a metre.
    """
    known = np.concatenate([truth[truth > 0].ravel() for truth in truths] or [np.empty(0)])
    return max(0.5, math.ceil(2 * float(np.percentile(known, 99))) / 2) if known.size else MOST_METRES


def colorize(values: NDArray[Any], top: float, colormap: str = DEPTH, bottom: float = 0.0) -> NDArray[np.uint8]:
    """A map as colors.

    Args:
        values: any shape ``(...)``; missing values are NaN.
        top: the value of the colormap's last color; values beyond get the same.
        colormap: a name that matplotlib knows.
        bottom: the value of the first color, above or below ``top``; values beyond get the same.

    Returns:
        RGB ``(..., 3)``; missing values in :data:`MISSING`.
    """
    # By a table in 8 bits: matplotlib would make 32 bytes of each pixel, much for a photo.
    table = np.vstack([color_table(colormap), MISSING]).astype(np.uint8)
    count = len(table) - 1
    places = np.minimum(np.clip((values - bottom) / (top - bottom), 0, 1) * count, count - 1)
    rows = np.where(np.isnan(values), count, places).astype(np.intp)
    return np.asarray(table[rows])


def color_table(colormap: str = DEPTH) -> NDArray[np.uint8]:
    """The colors of a colormap, ``(256, 3)`` RGB."""
    import matplotlib  # here: half a second that most commands need not wait

    colors = matplotlib.colormaps[colormap]
    return np.asarray((colors(np.arange(colors.N))[:, :3] * 255).round(), np.uint8)


def color_depth(depth: NDArray[Any], colors: ColorRange, positive: bool = True) -> NDArray[np.uint8]:
    """A depth map ``(H, W)`` as ``(H, W, 3)``.

    Args:
        depth: NaN and infinite values are missing.
        colors: the range.
        positive: whether values of 0 and below are missing, too.
    """
    known = np.isfinite(depth) & ((depth > 0) | (not positive))
    return colorize(np.where(known, depth, np.nan), colors.far, DEPTH, colors.near)


def color_error(error: NDArray[Any]) -> NDArray[np.uint8]:
    """A signed relative error ``(H, W)`` as ``(H, W, 3)``; NaN is missing."""
    return colorize(error, ERROR_LIMIT, SIGNED_ERROR, -ERROR_LIMIT)


def color_bar(
    colors: ColorRange, width: int, colormap: str = DEPTH, size: int | None = None, swatch: bool = True
) -> NDArray[np.uint8]:
    """A bar with the values of its colors, and the color of missing depth, to stand below a picture.

    Args:
        colors: the range; without a unit the bar says ``near``, ``relative``, ``far``.
        width: pixels.
        colormap: a name that matplotlib knows.
        size: of the letters in pixels; by default it follows the width.
        swatch: whether the color of missing depth is shown, where there is room for it.

    Returns:
        ``(h, width, 3)`` RGB on white, with an even ``h``: 0 rows where the width is below 64 pixels.
    """
    if width < _NARROWEST:
        return np.empty((0, width, 3), np.uint8)
    size = size or max(9, width // 32)
    height = 2 * round(1.5 * size)
    from PIL import Image, ImageDraw, ImageFont  # help and mistakes of commands don't wait for it

    font = ImageFont.load_default(size)
    strip = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(strip)
    left, top, thick = size, round(0.5 * size), round(0.8 * size)
    right = width - left
    baseline = height - round(0.35 * size)
    words = round(font.getlength(NO_DEPTH))
    if swatch and right - left > 4 * words:
        draw.rectangle((right - words, top, right - 1, top + thick - 1), MISSING)
        draw.text((right, baseline), NO_DEPTH, _INK, font, "rs")
        right -= words + size
    table = color_table(colormap)
    stops = table[np.linspace(0, len(table) - 1, right - left).round().astype(int)]
    strip.paste(Image.fromarray(np.ascontiguousarray(np.broadcast_to(stops, (thick, right - left, 3)))), (left, top))
    taken: list[tuple[float, float]] = []
    for share, text in bar_labels(colors, (right - left) // (4 * size)):
        half = font.getlength(text) / 2
        x = min(max(left + share * (right - left), left / 2 + half), right + left / 2 - half)
        if all(x - half > end + size / 2 or x + half < start - size / 2 for start, end in taken):
            draw.text((x, baseline), text, _INK, font, "ms")
            taken.append((x - half, x + half))
    return np.asarray(strip, np.uint8)


def with_bar(picture: NDArray[np.uint8], colors: ColorRange) -> NDArray[np.uint8]:
    """A picture ``(H, W, 3)`` with its bar below."""
    return np.concatenate([picture, color_bar(colors, picture.shape[1])])


def bar_labels(colors: ColorRange, most: int = 6) -> list[tuple[float, str]]:
    """Places between 0 and 1 on a bar and the text at each, by rank: first the last number, which has the unit."""
    if not colors.unit:
        return [(0.0, "near"), (1.0, "far"), (0.5, "relative")]
    from matplotlib.ticker import MaxNLocator

    low, high = sorted((colors.near, colors.far))
    values = MaxNLocator(max(2, min(most, 6)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    shares = {float(value): (float(value) - colors.near) / (colors.far - colors.near) for value in values}
    found = sorted((share, f"{value:.6g}") for value, share in shares.items() if -1e-9 <= share <= 1 + 1e-9)
    return [(found[-1][0], f"{found[-1][1]} {colors.unit}"), *found[:-1]] if found else []
