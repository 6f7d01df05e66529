"""Predictions of all frames in one file."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.data.formats.hdf5 import check_stored, find_array, open_hdf5, read_array, read_texts
from depthbench.data.formats.listed import by_numbers
from depthbench.errors import UserError
from depthbench.evaluation.file_names import matched, without_ending
from depthbench.evaluation.map_files import Map, load_numpy, only_key, read_camera_beside, text_of
from depthbench.input_files import check_pixels

ORDERS = ("frames", "names", "numbers")
STACKS = (".h5", ".hdf5", ".npz", ".npy")


class StackMaps:
    """A stack ``(N, h, w)``, matched by its names where it has an array ``names``, else by its order.

    Args:
        path: ``.h5``, ``.npz`` or ``.npy``.
        names: of the frames, as the data set lists them.
        key: of the array, where there are several.
        order: of a stack without names, see :func:`stack_rows`.
        pictures: of the frames, as for :func:`~depthbench.evaluation.file_names.matched`.

    Raises:
        UserError: if it can't be read, or does not fit the frames.
    """

    def __init__(
        self, path: Path, names: Sequence[str], key: str | None, order: str | None, pictures: Sequence[str]
    ) -> None:
        self.path, self.key = path, key
        self._stack: Map | None = None
        length, listed = self._open()
        self._rows = self._matched(length, listed, names, order, pictures)

    def read(self, place: int) -> Map:
        """The map of a frame."""
        row = self._rows[place]
        if self._stack is not None:
            return np.asarray(self._stack[row])
        with open_hdf5(self.path) as file:  # opened anew: safe with workers
            return np.asarray(read_array(find_array(file, self.key or "", self.path), row, self.path))

    def camera(self, place: int) -> Map | None:
        """The intrinsics of a frame in an ``.npz`` whose array of them has as many rows as there are maps, or one."""
        found = read_camera_beside(self.path)
        if found is None or found.ndim < 3:
            return found
        if len(found) != len(self._rows):
            raise UserError(f"{self.path} holds {len(self._rows)} maps, but {len(found)} intrinsics.")
        return np.asarray(found[self._rows[place]])

    def _matched(
        self, length: int, listed: list[str] | None, names: Sequence[str], order: str | None, pictures: Sequence[str]
    ) -> list[int]:
        if listed is not None and length != len(listed):
            raise UserError(f"{self.path} holds {length} maps, but {len(listed)} names.")
        if listed is None:
            if length != len(names):
                raise UserError(f"{self.path} holds {length} maps, but the data set has {len(names)} frames.")
            return stack_rows(names, order, self.path)
        if not set(listed) & set(names):
            listed = [without_ending(name) for name in listed]
        return matched(names, listed, str(self.path), pictures)

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


_KEYS: dict[str, Callable[[str], Any]] = {"names": str, "numbers": by_numbers}


def rows_in_order(names: Sequence[str], order: str) -> list[int]:
    """The row of each frame among maps in one of :data:`ORDERS`.

    Example:
        >>> rows_in_order(["2", "10", "1"], "numbers")
        [1, 2, 0]
    """
    rows = [0] * len(names)
    for row, place in enumerate(_places(names, order)):
        rows[place] = row
    return rows


def _places(names: Sequence[str], order: str) -> list[int]:
    """The frames in this order."""
    own = list(range(len(names)))
    return sorted(own, key=lambda place: _KEYS[order](names[place])) if order in _KEYS else own


def stack_rows(names: Sequence[str], order: str | None, where: Path) -> list[int]:
    """The row of each frame in a stack without names.

    Args:
        names: of the frames, as the data set lists them.
        order: one of :data:`ORDERS`, or None.
        where: the stack.

    Raises:
        UserError: if nothing was said, and the frames' names have another order as letters than as numbers.
    """
    if order is None:
        own, letters, numbers = (_places(names, one) for one in ORDERS)
        if letters != numbers and own in (letters, numbers):
            told = [" ".join(names[row] for row in rows[:5]) for rows in (letters, numbers)]
            raise UserError(
                f"{where} has no names, and the frames have two orders: append order=names ({told[0]} ...) or "
                f"order=numbers ({told[1]} ...)."
            )
    return rows_in_order(names, order or "frames")
