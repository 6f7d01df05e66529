"""Anybody's prediction files, for scoring: a folder of maps or one stack; what is wrong is said in one sentence."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from depthbench.data.formats.hdf5 import check_stored, find_array, open_hdf5, read_array, read_texts
from depthbench.data.formats.listed import by_numbers
from depthbench.errors import UserError
from depthbench.evaluation.file_names import matched, without_ending
from depthbench.evaluation.map_files import MAP_SUFFIXES, Map, load_numpy, only_key, read_map, text_of
from depthbench.input_files import MAX_PIXELS, check_pixels
from depthbench.output_kinds import OutputKind, output_kind

ORDERS = ("frames", "names", "numbers")
STACKS = (".h5", ".hdf5", ".npz", ".npy")


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
            name is a subfolder; a prefix and a suffix that all files share do not matter), or one stack
            ``(N, h, w)`` as ``.h5``, ``.npz`` or ``.npy``. A stack with an array ``names`` is matched by it, else by
            ``order``.
        names: of all frames of the data set.
        kind: what the files hold, see :class:`~depthbench.output_kinds.OutputKind`; points ``(h, w, 3)`` or
            ``(3, h, w)`` are read for their depth.
        unit: metres per unit of metric depth and points; what is divided by metric disparity (1 for 1 / metres, focal
            length times baseline for pixels). By default 1, except that integers (png) need it.
        key: of the array within ``.h5`` or ``.npz``, where there is more than one.
        order: of a stack without names: ``frames`` (as the data set lists them), ``names`` (by letters: 0, 1, 10, 2) or
            ``numbers`` (0, 1, 2, 10). By default that of the frames, where letters and numbers agree or the frames
            follow a list of their own; else it must be said.
        pictures: files of the frames' pictures without endings, which predictions may be named like, too.

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
    ) -> None:
        self.path = Path(path).expanduser()
        self.names, self.pictures = list(names), list(pictures)
        self.kind = output_kind(kind, unit)
        if not self.path.exists():
            raise UserError(f"There is nothing at {self.path}; give a folder of predictions or one stack.")
        check_unit_of(self.kind, unit)
        if order not in (None, *ORDERS):
            raise UserError(f"A stack is in the order of {', '.join(ORDERS)}, not '{order}'.")
        self.unit = unit
        self.order = order
        self.key = key
        self._stack: Map | None = None
        self._files = [Path()] * len(self.names)
        self._rows = list(range(len(self.names)))
        if self.path.is_dir():
            self._files = self._match_folder()
        else:
            self._rows = self._match_stack()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """The prediction of frame ``index``; raises :class:`UserError` if it can't be read or is not one map."""
        values = read_map(self._files[index], self.key) if self.path.is_dir() else self._row(self._rows[index])
        where = f"the prediction of '{self.names[index]}' in {self.path}"
        if values.dtype.kind in "iu" and self.unit is None and self.kind.is_metric:
            meant = "what they divide" if self.kind.falls else "the metres per unit (0.001 for millimetres)"
            raise UserError(f"{where} holds integers; give unit, {meant}.")
        values = one_map(values, where, self.kind)
        return torch.from_numpy(in_quantity(values, self.kind, self.unit))[None]

    def of(self, items: Placed, mirror: bool = False) -> Tensor:
        """The prediction of one test frame; of its mirror image there is none."""
        return self[items.places[0]]

    @property
    def name(self) -> str:
        """For sentences."""
        return self.path.name

    def _match_folder(self) -> list[Path]:
        every = sorted(self.path.rglob("*"))
        files = [file for file in every if file.suffix.lower() in MAP_SUFFIXES]
        if not files and any(file.suffix for file in every):
            other = next(file.name for file in every if file.suffix)
            read = ", ".join(MAP_SUFFIXES)
            raise UserError(f"{self.path} holds {other}; convert the predictions to one of {read}.")
        listed = [file.relative_to(self.path).as_posix()[: -len(file.suffix)] for file in files]
        return [files[place] for place in matched(self.names, listed, str(self.path), self.pictures)]

    def _match_stack(self) -> list[int]:
        if self.path.suffix.lower() not in STACKS:
            raise UserError(f"{self.path} can't be read as a stack; give one of {', '.join(STACKS)}, or a folder.")
        length, listed = self._open()
        if listed is not None and length != len(listed):
            raise UserError(f"{self.path} holds {length} maps, but {len(listed)} names.")
        if listed is None:
            if length != len(self.names):
                raise UserError(f"{self.path} holds {length} maps, but the data set has {len(self.names)} frames.")
            return stack_rows(self.names, self.order, self.path)
        if not set(listed) & set(self.names):
            listed = [without_ending(name) for name in listed]
        return matched(self.names, listed, str(self.path), self.pictures)

    def _open(self) -> tuple[int, list[str] | None]:
        """Length of the stack, and its names; keeps arrays that are not HDF5."""
        if self.path.suffix.lower() not in (".h5", ".hdf5"):
            self._stack, names = load_numpy(self.path, self.key, mapped=True)
            return self._length(self._stack), names
        with open_hdf5(self.path) as file:
            self.key = only_key(self.path, [key for key in file if key != "names"], self.key)
            stack = find_array(file, self.key, self.path)
            length = self._length(stack)
            check_stored(stack, self.path)
            return length, self._listed(find_array(file, "names", self.path))

    def _listed(self, array: Any) -> list[str] | None:
        """The names in an array of HDF5, as many as there may be maps."""
        if array is None:
            return None
        return [text_of(name, self.path) for name in read_texts(array, self.path)]

    def _length(self, stack: Any) -> int:
        shape = tuple(getattr(stack, "shape", None) or ())  # a group of HDF5 has none
        if len(shape) < 3:
            raise UserError(f"{self.path} holds an array of shape {shape}; give a stack (N, height, width).")
        check_pixels(math.prod(shape[1:-1]), shape[-1], f"{self.path}, in each map of the shape {shape[1:]},")
        return int(shape[0])

    def _row(self, row: int) -> Map:
        if self._stack is not None:
            return np.asarray(self._stack[row])
        with open_hdf5(self.path) as file:  # opened anew: safe with workers
            return np.asarray(read_array(find_array(file, self.key or "", self.path), row, self.path))


def stack_rows(names: Sequence[str], order: str | None, where: Path) -> list[int]:
    """The row of each frame in a stack without names.

    Args:
        names: of the frames, as the data set lists them.
        order: one of :data:`ORDERS`, or None.
        where: the stack.

    Raises:
        UserError: if nothing was said, and the frames' names have another order as letters than as numbers.
    """
    own = list(range(len(names)))
    found = {
        "frames": own,
        "names": sorted(own, key=lambda row: names[row]),
        "numbers": sorted(own, key=lambda row: by_numbers(names[row])),
    }
    if order is None:
        letters, numbers = found["names"], found["numbers"]
        if letters != numbers and own in (letters, numbers):
            told = [" ".join(names[row] for row in rows[:5]) for rows in (letters, numbers)]
            raise UserError(
                f"{where} has no names, and the frames have two orders: append order=names ({told[0]} ...) or "
                f"order=numbers ({told[1]} ...)."
            )
        order = "frames"
    rows = [0] * len(names)
    for row, place in enumerate(found[order]):
        rows[place] = row
    return rows


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
    """Whatever somebody gives for one picture, as the map ``(h, w)`` float32 of its kind; of points the depth.

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


def _depth_of_points(values: Map, where: str) -> Map:
    if values.ndim != 3 or 3 not in (values.shape[0], values.shape[-1]):
        raise UserError(f"{where} has shape {values.shape}, not points (height, width, 3).")
    return values[..., 2] if values.shape[-1] == 3 else values[2]


def missing_pixels(prediction: Tensor, kind: OutputKind = OutputKind.METRIC_DEPTH) -> Tensor:
    """Where a prediction ``(1, h, w)`` in its kind's quantity holds nothing: not finite; or, if depth, 0 or below."""
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
