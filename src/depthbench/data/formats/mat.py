"""Numbers from MATLAB files, checked at every step: versions 5 to 7 here, 7.3 (HDF5) by h5py.

SciPy's reader crashes the process on some damaged files (its C code trusts the tags), so a training run would end
without a word.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.hdf5 import check_stored
from depthbench.errors import UserError
from depthbench.images import MAX_BYTES, read_bytes

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC = range(6, 16)  # mxDOUBLE_CLASS to mxUINT64_CLASS


def load_mat(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Numeric arrays of a file by their names.

    Raises:
        UserError: if the file is missing or damaged, or lacks one of them.
    """
    data = read_bytes(path)
    if _HDF5 in (data[:8], data[512:520]):
        return _load_hdf5(path, names)
    try:
        found = dict(_variables(data, names))
    except (ValueError, KeyError, struct.error, zlib.error) as error:
        raise UserError(f"{path} is damaged or not a MATLAB 5 to 7 file ({error}); download it again.") from error
    for name in names:
        if name not in found:
            raise UserError(f"{path} has no array of numbers '{name}'; is it the right file?")
    return found


def _load_hdf5(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    found = {}
    try:
        with h5py.File(path, "r", locking=False) as file:  # locks fail on many network disks
            for name in names:
                array = file.get(name)
                if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "fiu":
                    raise UserError(f"{path} has no array of numbers '{name}'; is it the right file?")
                if array.nbytes > MAX_BYTES:
                    raise UserError(f"{path} claims {array.nbytes >> 20} MiB for '{name}'; is it the right file?")
                check_stored(array, path)
                found[name] = np.asarray(array).T  # MATLAB counts axes from the other end
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"{path} is a damaged MATLAB 7.3 file ({error}); download it again.") from error
    return found


def _variables(data: bytes, names: Collection[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("no header")
    order = "<" if data[126:128] == b"IM" else ">"
    for kind, body in _elements(data[128:], order, top=True):
        if kind == _COMPRESSED:
            unzip = zlib.decompressobj()
            content = unzip.decompress(body, MAX_BYTES)
            if not unzip.eof:
                raise ValueError("a compressed array is cut off or too large")
            kind, body = next(_elements(content, order), (0, b""))
        if kind == _MATRIX and (variable := _matrix(body, order, names)):
            yield variable


def _elements(data: bytes, order: str, top: bool = False) -> Iterator[tuple[int, bytes]]:
    """(type, content) of each element; ``top`` elements that are compressed are not padded to 8 bytes."""
    start = 0
    while start + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, start)
        if kind >> 16:  # small: two bytes of size, two of type, up to four of content
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise ValueError("a small element of more than 4 bytes")
            yield kind, data[start + 4 : start + 4 + size]
            start += 8
            continue
        end = start + 8 + size
        if end > len(data):
            raise ValueError("an element reaches beyond the end")
        yield kind, data[start + 8 : end]
        start = end if top and kind == _COMPRESSED else end + (-size) % 8


def _matrix(data: bytes, order: str, names: Collection[str]) -> tuple[str, NDArray[Any]] | None:
    """Name and values; None for other names and for what is not real numbers."""
    parts = list(islice(_elements(data, order), 4))
    if len(parts) < 4:
        return None
    (_, flags), (_, dims), (_, name), (stored, content) = parts
    kind, title = struct.unpack_from(order + "I", flags)[0], name.decode("latin-1")
    if title not in names or kind & 0xFF not in _NUMERIC or kind & 0x0800:
        return None
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    values = np.frombuffer(content, order + _TYPES[stored])
    if min(shape, default=-1) < 0 or math.prod(shape) != values.size:
        raise ValueError(f"{title} has {values.size} values, but claims the shape {shape}")
    return title, values.reshape(shape, order="F")
