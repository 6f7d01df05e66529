"""Galleries: input, truth, and every method's prediction, error and side view on the same frames in one scale."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthbench.palette import ColorRange, color_depth, color_error, shared_end
from depthbench.report.analyze.study import Study
from depthbench.report.draw.side_view import Pixels, side_view
from depthbench.runs.panels import KeptPanels, mean_error, relative_error

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
    far = shared_end([panel.truth[panel.name.index(name)] for panel in panels.values() for name in common])
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


def _frame(name: str, panels: dict[str, KeptPanels], far: float) -> GalleryFrame:
    first = next(iter(panels.values()))
    index = first.name.index(name)
    image, truth = first.image[index], first.truth[index]
    known = truth[truth > 0] if np.any(truth > 0) else np.ones(1)
    step = math.ceil(image.shape[1] / WIDTH)
    camera = None if first.intrinsics is None else first.intrinsics[index] / [[step], [step], [1]]

    def view(depth: GalleryMap) -> Pixels:
        return side_view(depth[::step, ::step], image[::step, ::step], camera, float(np.median(known)))

    shots, colors = [], ColorRange(0, far)
    for method, panel in panels.items():
        place = panel.name.index(name)
        prediction = panel.prediction[place]
        error = relative_error(prediction, panel.truth[place])
        seen = (color_depth(prediction, colors), color_error(error), view(prediction))
        shots.append(Shot(method, *seen, mean_error(error)))
    bounds = (float(known.min()), float(known.max()))
    return GalleryFrame(name, image, color_depth(truth, colors), view(truth), bounds, tuple(shots))
