"""Numbers from MATLAB files, checked at every step: versions 5 to 7 here, 7.3 (HDF5) by h5py.

SciPy's reader crashes the process on some damaged files (its C code trusts the tags), so a training run would end
without a word.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.hdf5 import check_stored, find_array, open_hdf5, read_array
from depthbench.errors import UserError
from depthbench.input_files import read_bytes

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_STRUCT, _NUMERIC = 2, range(6, 16)  # mxSTRUCT_CLASS; mxDOUBLE_CLASS to mxUINT64_CLASS
_START = 1024  # bytes in which an array's name and shape stand
MAX_VARIABLE = 1 << 27  # bytes of one array: a laser grid of Make3D has 536,800, the splits of NYUv2 11,592


def load_mat(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Numeric arrays of a file by their names.

    Raises:
        UserError: if the file is missing or damaged, or lacks one of them.
    """
    data = read_bytes(path)
    if _HDF5 in (data[:8], data[512:520]):
        return _load_hdf5(path, names)
    with _told(path):
        found = dict(_variables(data, names))
    return _all_of(names, found, path)


def load_struct(path: Path, name: str, fields: Collection[str]) -> dict[str, NDArray[Any]]:
    """Numeric fields of a struct ``(1, 1)`` by their names, as iBims-1 stores an image.

    Raises:
        UserError: if the file is missing or damaged, or lacks the struct or one of the fields.
    """
    data = read_bytes(path)
    if _HDF5 in (data[:8], data[512:520]):
        found = _load_hdf5(path, [f"{name}/{field}" for field in fields])
        return {field: found[f"{name}/{field}"] for field in fields}
    with _told(path):
        held = next(filter(None, (_fields(body, order, name) for body, order in _bodies(data, [name]))), None)
        if held is None:
            raise UserError(f"{path} has no struct '{name}'; is it the right file?")
        numbers = {field: _numbers(*held[field], field) for field in fields if field in held}
    return _all_of(fields, {field: values for field, values in numbers.items() if values is not None}, path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (ValueError, KeyError, struct.error, zlib.error) as error:
        raise UserError(f"{path} is damaged or not a MATLAB 5 to 7 file ({error}); download it again.") from error


def _all_of(names: Collection[str], found: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    for name in names:
        if name not in found:
            raise UserError(f"{path} has no array of numbers '{name}'; is it the right file?")
    return found


def _load_hdf5(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    found = {}
    with open_hdf5(path) as file:
        for name in names:
            array = find_array(file, name, path)
            if array is None or array.dtype.kind not in "fiu":
                raise UserError(f"{path} has no array of numbers '{name}'; is it the right file?")
            if array.nbytes > MAX_VARIABLE:
                raise UserError(f"{path} claims {array.nbytes >> 20} MiB for '{name}'; is it the right file?")
            check_stored(array, path)
            found[name] = np.asarray(read_array(array, (), path)).T  # MATLAB counts axes from the other end
    return found


def _variables(data: bytes, names: Collection[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    seen: set[str] = set()
    for body, order in _bodies(data, names):
        title = _title(bytes(body[:_START]), order)
        values = _numbers(body, order, title) if title in names else None
        if values is None:
            continue
        if title in seen:
            raise ValueError(f"it has {title} twice")
        seen.add(title)
        yield title, values


def _bodies(data: bytes, names: Collection[str]) -> Iterator[tuple[memoryview, str]]:
    """Content and byte order of each array; packed ones only if they are among ``names``."""
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("no header")
    order = "<" if data[126:128] == b"IM" else ">"
    for kind, body in _elements(memoryview(data)[128:], order, top=True):
        if kind == _COMPRESSED:
            kind, body = _unpacked(body, order, names)
        if kind == _MATRIX:
            yield body, order


def _unpacked(body: memoryview, order: str, names: Collection[str]) -> tuple[int, memoryview]:
    """Type and content of a compressed element; type 0 for an array that is not asked for, which stays packed."""
    unzip = zlib.decompressobj()
    start = unzip.decompress(body, _START)
    if len(start) < 8:
        raise ValueError("a compressed array is cut off")
    kind, size = struct.unpack_from(order + "II", start)
    if kind != _MATRIX or _title(start[8:], order) not in names:
        return 0, body
    if size > MAX_VARIABLE:
        raise ValueError(f"a compressed array claims {size:,} bytes")
    rest = unzip.decompress(unzip.unconsumed_tail, size + 16 - len(start) + _START)
    if not unzip.eof:  # its checksum stands at the end
        raise ValueError("a compressed array is cut off or larger than it claims")
    return next(_elements(memoryview(start + rest), order), (0, memoryview(b"")))


def _elements(data: memoryview, order: str, top: bool = False) -> Iterator[tuple[int, memoryview]]:
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


def _title(data: bytes, order: str) -> str:
    """The name at the beginning of an array's content, of which the rest may be missing."""
    found = list(islice(_elements(memoryview(data), order), 3))
    return "" if len(found) < 3 else bytes(found[2][1]).decode("latin-1")


def _numbers(data: memoryview, order: str, title: str) -> NDArray[Any] | None:
    """The values of an array's content; None unless they are real numbers."""
    parts = list(islice(_elements(data, order), 4))
    if len(parts) < 3:
        return None
    (_, flags), (_, dims), *_ = parts
    kind = struct.unpack_from(order + "I", flags)[0]
    if kind & 0xFF not in _NUMERIC or kind & 0x0800:
        return None
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    stored, content = parts[3] if len(parts) > 3 else (9, memoryview(b""))
    values = np.frombuffer(content, order + _TYPES[stored])
    if min(shape, default=-1) < 0 or math.prod(shape) != values.size:
        raise ValueError(f"{title} has {values.size} values, but claims the shape {shape}")
    return values.reshape(shape, order="F")


def _fields(data: memoryview, order: str, title: str) -> dict[str, tuple[memoryview, str]] | None:
    """Content and byte order of the fields of a struct of that name; None for other arrays."""
    parts = list(_elements(data, order))
    if len(parts) < 5 or bytes(parts[2][1]).decode("latin-1") != title:
        return None
    (_, flags), (_, dims), _, (_, length), (_, names), *contents = parts
    if struct.unpack_from(order + "I", flags)[0] & 0xFF != _STRUCT:
        return None
    shape, step = struct.unpack(f"{order}{len(dims) // 4}i", dims), struct.unpack_from(order + "i", length)[0]
    if math.prod(shape) != 1 or step < 1 or len(names) != step * len(contents):
        raise ValueError(f"the struct {title} claims the shape {shape} and has {len(contents)} fields")
    titles = (bytes(names[start : start + step]).split(b"\0")[0] for start in range(0, len(names), step))
    return {one.decode("latin-1"): (body, order) for one, (_, body) in zip(titles, contents, strict=True)}
