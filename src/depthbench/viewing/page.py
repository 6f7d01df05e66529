"""A scene as the files that a browser asks for, each under a name of our own making."""

import io
import json
import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from depthbench.output_kinds import OutputKind
from depthbench.palette import (
    DEPTH,
    ERROR_LIMIT,
    MISSING,
    SIGNED_ERROR,
    ColorRange,
    bar_labels,
    color_table,
    own_range,
    shared_end,
)
from depthbench.runs.panels import mean_error, relative_error
from depthbench.viewing.scene import Scene, ShownFrame

# Points are right up to one factor; the shape of kinds with more unknowns can't be known.
_UP_TO_SCALE = (OutputKind.SCALE_DEPTH, OutputKind.SCALE_POINTS)


class Served(NamedTuple):
    """A file of the page: its media type and its content."""

    media: str
    content: bytes


def page_files(scene: Scene) -> Mapping[str, Served]:
    """All files of the page by their names; ``""`` is the page itself.

    Names and titles of the scene are only in ``scene.json``, and the page shows them as text.
    """
    static = {"": ("view.html", "text/html"), "view.js": ("view.js", "text/javascript")}
    static |= {"points.js": ("points.js", "text/javascript"), "view.css": ("view.css", "text/css")}
    here = files("depthbench.viewing")
    found = {name: Served(media, (here / file).read_bytes()) for name, (file, media) in static.items()}
    for index, frame in enumerate(scene.frames):
        found[f"{index}.png"] = Served("image/png", _png(frame))
        found[f"{index}-truth"] = _floats(np.zeros((0, 0)) if frame.truth is None else frame.truth)
        for column, values in enumerate(frame.maps):
            found[f"{index}-{column}"] = _floats(values)
    found["scene.json"] = Served("application/json", json.dumps(scene_data(scene), allow_nan=False).encode())
    return found


def scene_data(scene: Scene) -> dict[str, Any]:
    """The scene as plain data, without its pixels."""
    kind = scene.kind
    unit = "m" if kind.is_metric else ""
    every = [frame.maps[0] if frame.truth is None else frame.truth for frame in scene.frames]
    shared = ColorRange(0.0, shared_end([np.nan_to_num(one, posinf=0) for one in every])) if unit else None
    errors = ColorRange(-100 * ERROR_LIMIT, 100 * ERROR_LIMIT, "%")
    return {
        "columns": list(scene.columns),
        "kind": kind.words,
        "unit": unit,
        "positive": kind.is_positive,
        "points": kind.is_metric or kind in _UP_TO_SCALE,
        "palette": {"depth": _colors(DEPTH), "error": _colors(SIGNED_ERROR), "missing": list(MISSING)},
        "errors": {"limit": ERROR_LIMIT, "labels": bar_labels(errors)},
        "shared": shared and _range(shared),
        "frames": [_frame_data(frame, kind, unit) for frame in scene.frames],
    }


def _frame_data(frame: ShownFrame, kind: OutputKind, unit: str) -> dict[str, Any]:
    """A frame; its own range of colors is that of the truth, or else of the map."""
    shown = frame.maps[0] if frame.truth is None else frame.truth
    known = shown[shown > 0] if kind.is_positive else shown
    height, width = shown.shape
    scores = [] if frame.truth is None else [mean_error(relative_error(one, frame.truth)) for one in frame.maps]
    return {
        "name": frame.name,
        "size": [height, width],
        "truth": frame.truth is not None,
        "absrel": [score if math.isfinite(score) else None for score in scores],
        "range": _range(own_range(known, kind.falls and not kind.is_metric, unit)),
        "camera": [float(frame.camera[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2))],
        "camera_known": frame.camera_known,
    }


def _range(colors: ColorRange) -> dict[str, Any]:
    return {"near": colors.near, "far": colors.far, "labels": bar_labels(colors)}


def _colors(colormap: str) -> list[list[int]]:
    table: list[list[int]] = color_table(colormap).tolist()
    return table


def _floats(values: np.ndarray) -> Served:
    """A map ``(h, w)`` as little-endian float32, row by row."""
    return Served("application/octet-stream", np.ascontiguousarray(values, "<f4").tobytes())


def _png(frame: ShownFrame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame.picture).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
