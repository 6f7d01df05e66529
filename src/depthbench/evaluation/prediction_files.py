"""Anybody's prediction files, for scoring, in the quantity of their kind; each fault is reported in one sentence."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.evaluation.camera_files import read_predicted_camera
from depthbench.evaluation.map_files import Map
from depthbench.evaluation.map_sources import camera_files, open_maps
from depthbench.evaluation.predicted_cameras import camera_of_points, normalized_camera
from depthbench.input_files import MAX_PIXELS, check_pixels
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.pinhole import Matrix


class Placed(Protocol):
    """Something with places in the data set: a frame or several."""

    @property
    def places(self) -> list[int]: ...  # noqa: D102


class PredictionFiles:
    """Predicted depth by frame, read when asked for.

    ``files[i]`` is the prediction ``(1, h, w)`` float32 of frame ``names[i]``, in the kind's quantity: metres, except
    where a shift is unknown of a disparity or a logarithm, which can't become depth before it is fitted.

    Args:
        path: a folder with one file per frame, named like the frame (with one of :data:`MAP_SUFFIXES`; a ``/`` in a
            name is a subfolder; a prefix and a suffix that all files share do not matter), a zip or tar of one
            (``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``), a list (``.csv``, ``.txt``) with a path in each line and
            perhaps the name of its frame, or one stack ``(N, h, w)`` as ``.h5``, ``.npz`` or ``.npy``. A stack with an
            array ``names`` is matched by it, else by ``order``.
        names: of all frames of the data set.
        kind: of the files' values, see :class:`~depthbench.output_kinds.OutputKind`; points ``(h, w, 3)`` or
            ``(3, h, w)`` are read for their depth.
        unit: metres per unit of metric depth and points; what is divided by metric disparity (1 for 1 / metres, focal
            length times baseline for pixels). By default 1, except that integers (png) need it.
        key: of the array within ``.h5`` or ``.npz``, where there is more than one.
        order: of maps without names: ``frames`` (as the data set lists them), ``names`` (by letters: 0, 1, 10, 2) or
            ``numbers`` (0, 1, 2, 10). By default that of the frames, where letters and numbers agree or the frames
            follow a list of their own; else it must be said.
        pictures: files of the frames' pictures without endings, which predictions may be named like, too.
        cameras: the folder of predicted cameras, a file for each frame; None where they are beside the maps, if at all.

    Raises:
        UserError: if something is missing, superfluous, unreadable or not stated.
    """

    def __init__(
        self,
        path: str | Path,
        names: Sequence[str],
        kind: str = OutputKind.METRIC_DEPTH,
        unit: float | None = None,
        key: str | None = None,
        order: str | None = None,
        pictures: Sequence[str] = (),
        cameras: Path | None = None,
    ) -> None:
        self.path = Path(path).expanduser()
        self.names = list(names)
        self.kind = output_kind(kind, unit)
        check_unit_of(self.kind, unit)
        self.unit = unit
        self._maps = open_maps(self.path, self.names, key, order, pictures)
        self._cameras = None if cameras is None else camera_files(cameras, self.names, pictures)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """The prediction of frame ``index``; raises :class:`UserError` if it can't be read or is not one map."""
        values = self._maps.read(index)
        where = f"the prediction of '{self.names[index]}' in {self.path}"
        if values.dtype.kind in "iu" and self.unit is None and self.kind.is_metric:
            meant = "the number that they divide" if self.kind.falls else "metres per integer (0.001 for millimetres)"
            raise UserError(f"{where} holds integers; give unit, {meant}.")
        values = one_map(values, where, self.kind)
        return torch.from_numpy(in_quantity(values, self.kind, self.unit))[None]

    def camera(self, items: Placed) -> Matrix | None:
        """The predicted camera of a frame, normalized; None where neither an array nor points tell it.

        Raises:
            UserError: if it is no camera.
        """
        (place,) = items.places
        where = f"the prediction of '{self.names[place]}' in {self.path}"
        own = None if self._cameras is None else self._cameras[place]
        found = self._maps.camera(place) if own is None else read_predicted_camera(own)
        values = np.squeeze(self._maps.read(place))
        if found is None:
            return camera_of_points(values, where) if tells_camera(values, self.kind) else None
        height, width = one_map(values, where, self.kind).shape
        return normalized_camera(found, (height, width), where if own is None else str(own))

    def of(self, items: Placed, mirror: bool = False) -> Tensor:
        """The prediction of one test frame; of its mirror image there is none."""
        return self[items.places[0]]

    @property
    def name(self) -> str:
        """The name in sentences."""
        return self.path.name


def in_quantity(values: Map, kind: OutputKind, unit: float | None = None) -> Map:
    """Stored values in the quantity that a kind is scored from, float32; a disparity of 0 becomes infinite depth."""
    if kind.quantity == "depth":
        scale = np.float32(1.0 if unit is None else unit)
        with np.errstate(divide="ignore", over="ignore"):
            if kind.falls:
                return scale / values
            return np.exp(values) if kind.stored == "log" else values * scale
    return values


def check_unit_of(kind: OutputKind, unit: float | None) -> None:
    """Raise :class:`UserError` for a unit that is not positive, or of a kind that has none."""
    if unit is not None and unit <= 0:
        raise UserError(f"The unit of predictions must be positive, not {unit}.")
    if unit is not None and (not kind.is_metric or kind.stored == "log"):
        raise UserError(f"kind={kind} has no unit: it is {kind.words}; leave unit={unit} out.")


def one_map(values: Map, where: str, kind: OutputKind) -> Map:
    """The output of anybody's model for one picture, as the map ``(h, w)`` float32 of its kind; of points the depth.

    Args:
        values: with axes of length 1 or without.
        where: of the values, for sentences.
        kind: that they are of.

    Raises:
        UserError: if they are no real numbers or not one map.
    """
    if values.dtype.kind not in "fiu":
        raise UserError(f"{where} holds {values.dtype}, not real numbers.")
    values = np.squeeze(values)
    if math.prod(values.shape) > 3 * MAX_PIXELS:
        raise UserError(f"{where} has shape {values.shape}, more numbers than a map can have; is it the right file?")
    with np.errstate(over="ignore"):  # beyond float32: infinite, which is refused by name
        values = values.astype(np.float32, copy=False)
    if kind.stored == "points":
        values = _depth_of_points(values, where)
    if values.ndim != 2:
        raise UserError(f"{where} has shape {values.shape}, not one map (height, width).")
    check_pixels(values.shape[0], values.shape[1], where)
    return values


def tells_camera(values: Map, kind: OutputKind) -> bool:
    """Whether values are points whose directions are known: an unknown shift along z changes them."""
    return kind in (OutputKind.METRIC_POINTS, OutputKind.SCALE_POINTS) and values.ndim == 3


def _depth_of_points(values: Map, where: str) -> Map:
    if values.ndim != 3 or 3 not in (values.shape[0], values.shape[-1]):
        raise UserError(f"{where} has shape {values.shape}, not points (height, width, 3).")
    return values[..., 2] if values.shape[-1] == 3 else values[2]


def missing_pixels(prediction: Tensor, kind: OutputKind = OutputKind.METRIC_DEPTH) -> Tensor:
    """Missing pixels of a prediction ``(1, h, w)`` in its kind's quantity: not finite; or, if depth, 0 or below."""
    missing = ~prediction.isfinite()
    return missing | (prediction <= 0) if kind.is_positive else missing


def check_prediction(name: str, prediction: Tensor, kind: OutputKind = OutputKind.METRIC_DEPTH) -> None:
    """Raise :class:`UserError` for no pixels, and for pixels that hold no prediction.

    Args:
        name: of the frame.
        prediction: ``(1, h, w)`` in the kind's quantity.
        kind: that it is of.
    """
    if not prediction.numel():
        raise UserError(f"The prediction of '{name}' is {prediction.shape[-2]}x{prediction.shape[-1]}: no pixels.")
    bad = int(missing_pixels(prediction, kind).sum())
    if not bad:
        return
    infinite = int((~prediction.isfinite()).sum())
    what = "at or below 0 m"
    if infinite:
        bad, what = infinite, "that are NaN or infinite"
        if kind.falls and kind.quantity == "depth" and int(prediction.isinf().sum()) == infinite:
            what = "whose disparity is 0, which is infinitely far"
    raise UserError(f"The prediction of '{name}' has {bad} of {prediction.numel()} pixels {what}.")
