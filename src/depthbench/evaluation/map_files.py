"""One predicted map from a file of any usual format, as stored, and arrays of numpy's files with their names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.depth_files import read_depth
from depthbench.data.formats.hdf5 import open_hdf5, read_one
from depthbench.data.formats.mat import load_mat
from depthbench.data.formats.pfm import read_pfm
from depthbench.data.formats.sintel import read_dpt
from depthbench.errors import UserError
from depthbench.evaluation.predicted_cameras import CAMERA_KEYS
from depthbench.images import decode_depth
from depthbench.input_files import NumpyFile, read_bytes
from depthbench.input_files.limits import MAX_LINES

Map = NDArray[Any]

MAX_NAME = 10_000  # bytes of a frame's name in a stack: paths have at most 4,096


def read_map(path: Path, key: str | None = None) -> Map:
    """One file as an array, as stored.

    Args:
        path: of the file.
        key: of the array in ``.npz`` and ``.h5`` files with several, and in ``.mat`` files.

    Raises:
        UserError: if it is damaged or of the wrong kind.
    """
    return _READERS[path.suffix.lower()](path, key)


def _read_png(path: Path, key: str | None) -> Map:
    data = read_bytes(path)
    if data.startswith(b"\x89PNG") and data[24:26] not in (b"\x10\0", b""):
        colors = {0: "gray", 4: "gray and alpha"}.get(data[25], "colors")
        raise UserError(
            f"{path} is a png of {data[24]} bits and {colors}, not 16-bit gray; 8 bits are too coarse to score and "
            "colors are not depth."
        )
    return decode_depth(data, path)


def _read_tiff(path: Path, key: str | None) -> Map:
    values = read_depth(path, 8)
    if values.dtype == np.uint8:
        raise UserError(f"{path} holds integers of 8 bits, which are too coarse to score; save floats or 16 bits.")
    return values


def _read_h5(path: Path, key: str | None) -> Map:
    with open_hdf5(path) as file:
        chosen = only_key(path, [str(name) for name in file], key)
    return np.asarray(read_one(path, chosen))


def _read_mat(path: Path, key: str | None) -> Map:
    if key is None:
        raise UserError(f"{path} may hold several arrays; append key=NAME of the predictions.")
    return load_mat(path, [key])[key]


_READERS: dict[str, Callable[[Path, str | None], Map]] = {
    ".npy": lambda path, key: load_numpy(path, key, mapped=False)[0],
    ".npz": lambda path, key: load_numpy(path, key, mapped=False)[0],
    ".png": _read_png,
    ".pfm": lambda path, key: read_pfm(path),
    ".exr": lambda path, key: read_depth(path),
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".dpt": lambda path, key: read_dpt(path),
    ".h5": _read_h5,
    ".hdf5": _read_h5,
    ".mat": _read_mat,
}
MAP_SUFFIXES = tuple(_READERS)


def load_numpy(path: Path, key: str | None, mapped: bool) -> tuple[Map, list[str] | None]:
    """An array of a ``.npy`` or ``.npz`` file, and its ``names`` where it has these.

    Args:
        path: of the file.
        key: of the array, where there are several.
        mapped: whether a ``.npy`` stays on the disk.

    Raises:
        UserError: if it is damaged, or claims too much.
    """
    with NumpyFile(path) as file:
        if file.names == [""]:
            return file.read("", on_disk=mapped), None
        chosen = only_key(path, [name for name in file.names if name not in ("names", *CAMERA_KEYS)], key)
        listed = np.atleast_1d(file.read("names")) if "names" in file.names else None
        if listed is not None and (listed.size > MAX_LINES or listed.dtype.itemsize > MAX_NAME):
            raise UserError(f"{path} claims {listed.size:,} names of {listed.dtype}; is it the right file?")
        return file.read(chosen), None if listed is None else [text_of(name, path) for name in listed]


def read_camera_beside(path: Path) -> Map | None:
    """The intrinsics in an ``.npz`` beside its map; None where it has none, or is another file.

    Raises:
        UserError: if it is damaged.
    """
    if path.suffix.lower() != ".npz":
        return None
    with NumpyFile(path) as file:
        key = next((key for key in CAMERA_KEYS if key in file.names), None)
        return None if key is None else file.read(key)


def only_key(path: Path, keys: list[str], key: str | None) -> str:
    """The array that is meant: the one that was named, or the only one.

    Raises:
        UserError: if there is none of that name, or several and none was named.
    """
    if key is not None and key not in keys:
        raise UserError(f"{path} has no array '{key}'; it holds {', '.join(keys) or 'none'}.")
    if key is None and len(keys) != 1:
        raise UserError(f"{path} holds {len(keys)} arrays ({', '.join(keys)}); give the key of the predictions.")
    return keys[0] if key is None else key


def text_of(name: Any, path: Path) -> str:
    """A name in a stack as text.

    Raises:
        UserError: if it is none.
    """
    try:
        return name.decode() if isinstance(name, bytes) else str(name)
    except UnicodeDecodeError:
        raise UserError(f"{path} can't be read: its names are not text in UTF-8; write them again.") from None
