"""A contact sheet: pictures, their depth, and both together, for faults that an eye sees and numbers miss."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depthbench.data.sample import Sample
from depthbench.files import write_atomically
from depthbench.images import Picture, resize_depth
from depthbench.palette import color_bar, color_depth, own_range

CELL = (120, 160)
_COLUMNS = 4
_CAPTION = 14


def sheet(samples: Sequence[tuple[str, Sample]]) -> Picture:
    """Cells of three views side by side, captioned, as ``(H, W, 3)`` uint8 RGB."""
    cells = [_cell(caption, sample) for caption, sample in samples]
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % min(_COLUMNS, len(cells)))
    columns = min(_COLUMNS, len(cells))
    return np.vstack([np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)])


def save_sheet(picture: Picture, path: Path) -> None:
    """Write a picture as a whole."""
    data = cv2.imencode(path.suffix, picture[..., ::-1])[1].tobytes()
    write_atomically(path, data)


def _cell(caption: str, sample: Sample) -> Picture:
    """The picture, its depth in colors of its own range with their bar below, and both together."""
    rgb = np.asarray(cv2.resize(sample.rgb, CELL[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    depth = resize_depth(sample.depth, CELL)
    colors = own_range(depth[depth > 0])
    bar = color_bar(colors, CELL[1], swatch=False)
    cell = np.full((_CAPTION + CELL[0] + len(bar) + 4, 3 * CELL[1] + 6, 3), 255, np.uint8)
    cell[_CAPTION : _CAPTION + CELL[0], : 3 * CELL[1]] = np.hstack(
        [rgb, color_depth(depth, colors), _outlined(rgb, depth)]
    )
    cell[_CAPTION + CELL[0] : -4, CELL[1] : 2 * CELL[1]] = bar
    text = caption.encode("ascii", "replace").decode()
    cv2.putText(cell, text, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def _outlined(rgb: Picture, depth: NDArray[np.float32]) -> Picture:
    """Jumps of depth by a tenth, drawn on the picture."""
    log = np.log(np.where(depth > 0, depth, np.nan))
    jumps = np.zeros(depth.shape, bool)
    jumps[:, 1:] |= np.abs(np.diff(log, axis=1)) > 0.1
    jumps[1:] |= np.abs(np.diff(log, axis=0)) > 0.1
    return np.where(jumps[..., None], np.array([255, 0, 255]), rgb // 2 + 64).astype(np.uint8)
