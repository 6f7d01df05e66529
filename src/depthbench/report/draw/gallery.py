"""Galleries: input, truth, and every method's prediction, error and side view on the same frames in one scale."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthbench.images import colorize
from depthbench.report.analyze.study import Study
from depthbench.report.draw.side_view import Pixels, side_view
from depthbench.report.read.runs import KeptPanels

DEPTH_MAP, ERROR_MAP = "magma_r", "RdBu_r"
ERROR_LIMIT = 0.5
MISSING = (176, 181, 188)
WIDTH = 320  # of side views
MOST_FRAMES = 5
BUDGET, PER_CELL = 4_000_000, 28_000  # bytes of all pictures, and of one prediction with its error and side view
GalleryMap = NDArray[np.float32]


@dataclass(frozen=True)
class Shot:
    """One method's prediction of one frame, its signed relative error and its points from the side, as pictures."""

    method: str
    prediction: Pixels
    error: Pixels
    view: Pixels
    absrel: float


@dataclass(frozen=True)
class GalleryFrame:
    """One test frame as the methods of one amount of data see it; ``range`` is that of the truth in metres."""

    name: str
    image: Pixels
    truth: Pixels
    view: Pixels
    range: tuple[float, float]
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Gallery:
    """Frames by amount of data, all in one depth scale of 0 to ``far`` metres; whether every camera is known."""

    far: float
    cameras_known: bool
    frames: dict[int | None, tuple[GalleryFrame, ...]]


def build_gallery(study: Study) -> Gallery | None:
    """The frames that all runs with panels have in common; the first seed of each cell. None without any."""
    panels: dict[tuple[str, int | None], KeptPanels] = {}
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
    return Gallery(far, all(panel.intrinsics is not None for panel in panels.values()), frames)


def _common(panels: list[KeptPanels]) -> list[str]:
    if not panels:
        return []
    shared = set.intersection(*(set(panel.name) for panel in panels))
    return [name for name in panels[0].name if name in shared]


def _far(truths: list[GalleryMap]) -> float:
    """The depth beyond which a hundredth of the truth lies, rounded up to half a metre."""
    depths = np.concatenate([truth[truth > 0].ravel() for truth in truths])
    return max(0.5, math.ceil(2 * float(np.percentile(depths, 99))) / 2) if len(depths) else 10.0


def _frame(name: str, panels: dict[str, KeptPanels], far: float) -> GalleryFrame:
    first = next(iter(panels.values()))
    index = first.name.index(name)
    image, truth = first.image[index].astype(np.uint8), first.truth[index]
    known = truth[truth > 0] if np.any(truth > 0) else np.ones(1)
    step = math.ceil(image.shape[1] / WIDTH)
    camera = None if first.intrinsics is None else first.intrinsics[index] / [[step], [step], [1]]

    def view(depth: GalleryMap) -> Pixels:
        return side_view(depth[::step, ::step], image[::step, ::step], camera, float(np.median(known)))

    shots = []
    for method, panel in panels.items():
        place = panel.name.index(name)
        prediction, true = panel.prediction[place], panel.truth[place]
        valid = (true > 0) & np.isfinite(prediction)
        error = np.where(valid, prediction - true, 0) / np.where(valid, true, 1)
        absrel = float(np.abs(error[valid]).mean()) if valid.any() else math.nan
        colors = paint_map(prediction, DEPTH_MAP, 0, far, np.isfinite(prediction))
        errors = paint_map(error, ERROR_MAP, -ERROR_LIMIT, ERROR_LIMIT, valid)
        shots.append(Shot(method, colors, errors, view(prediction), absrel))
    bounds = (float(known.min()), float(known.max()))
    colors = paint_map(truth, DEPTH_MAP, 0, far, truth > 0)
    return GalleryFrame(name, image, colors, view(truth), bounds, tuple(shots))


def paint_map(values: NDArray[np.floating], name: str, low: float, high: float, valid: NDArray[np.bool_]) -> Pixels:
    """A map ``(h, w)`` as colors ``(h, w, 3)`` in a fixed scale; what is not valid is gray."""
    return colorize(np.where(valid, values, np.nan), high, name, low, MISSING)
