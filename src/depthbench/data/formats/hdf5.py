"""HDF5 files of anybody: every number of an array lies in the file itself, and a block unpacks to its own size."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from depthbench.data.formats.hdf5_blocks import DEFLATE, FLETCHER, LZF, MAX_CHUNK, SZIP, check_blocks, filters
from depthbench.errors import UserError
from depthbench.input_files import MAX_ARRAY, check_regular, open_regular
from depthbench.input_files.limits import MAX_LINES, MAX_TEXT

_LINKS = 8  # soft links that may follow one another
_COMPRESSORS = {DEFLATE: "gzip", SZIP: "szip", LZF: "lzf"}
_HARMLESS = {2: "shuffle", FLETCHER: "fletcher32", 5: "nbit", 6: "scaleoffset"}  # no more bytes than numbers have


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file, an ``h5py.File``, open for reading.

    Raises:
        UserError: if it is not a regular file, or damaged: also for errors of h5py while it is used.
    """
    check_regular(path)  # HDF5 would wait for a pipe
    with told_hdf5(path), h5py.File(path, "r", locking=False) as file:  # locks fail on many network disks
        yield file


@contextmanager
def told_hdf5(path: Path) -> Iterator[None]:
    """Turn h5py's errors on damaged files into a sentence that names ``path``.

    Raises:
        UserError: in place of any other error.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # h5py raises whatever its parts do on damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} can't be read as HDF5 ({reason}); is the file complete? Download it again.") from error


def find_array(file: Any, name: str, where: str | Path) -> Any:
    """The array of that name, an ``h5py.Dataset``, or None; soft links are followed within the file only.

    Raises:
        UserError: if a link leads out of the file or in a circle.
    """
    place = [part for part in name.split("/") if part]
    for _ in range(_LINKS):
        node: Any = file
        for depth, part in enumerate(place):
            link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
            if link is None:
                return None
            if isinstance(link, h5py.ExternalLink):
                raise UserError(
                    f"{where}: '{name}' is a link to {link.filename}; copy the numbers into the file itself."
                )
            if isinstance(link, h5py.SoftLink):
                above = [] if link.path.startswith("/") else place[:depth]
                place = [*above, *(item for item in link.path.split("/") if item not in ("", ".")), *place[depth + 1 :]]
                break
            node = node[part]
        else:
            return node if isinstance(node, h5py.Dataset) else None
    raise UserError(f"{where} can't be read as HDF5 ('{name}' is a link that leads in a circle).")


def check_stored(array: Any, where: str | Path) -> None:
    """Raise :class:`UserError` unless every number of an array is in its own file, in blocks of a size fit for reading.

    HDF5 delivers a fill value for numbers that it lacks, and follows virtual arrays and raw storage to any file.

    Args:
        array: an ``h5py.Dataset``.
        where: names the file in errors.
    """
    if array.external or array.is_virtual:
        raise UserError(
            f"{where}: '{array.name}' takes its numbers from other files or arrays; copy the numbers into one array."
        )
    if array.dtype.hasobject:
        raise UserError(f"{where}: '{array.name}' holds {array.dtype}, not numbers.")
    lacking = _lacking(array)
    if lacking:
        raise UserError(f"{where}: '{array.name}' is not complete ({lacking}), and HDF5 would fill in the rest.")
    _check_filters(array, where)


def read_array(array: Any, place: Any, where: str | Path) -> Any:
    """The numbers at ``place`` of an array that :func:`check_stored` found whole, as NumPy's.

    Args:
        array: an ``h5py.Dataset``.
        place: an index along the first axis, or ``()`` for all.
        where: names the file in errors.

    Raises:
        UserError: if they take too much memory, or a block unpacks to more than it should hold.
    """
    shape = array.shape if place == () else array.shape[1:]
    wanted = math.prod(shape) * array.dtype.itemsize
    if wanted > MAX_ARRAY:
        raise UserError(
            f"{where} claims {wanted:,} bytes for '{array.name}', more than the {MAX_ARRAY:,} that are read."
        )
    if array.chunks is not None:
        check_blocks(array, place, where)
    return array[place]


def read_one(path: Path, name: str) -> Any:
    """All numbers of the array of that name, as NumPy's.

    Raises:
        UserError: if the file is damaged, lacks the array, or the array is not whole or too large.
    """
    with open_hdf5(path) as file:
        array = find_array(file, name, path)
        if array is None:
            held = ", ".join(list(file)[:5]) or "nothing"
            raise UserError(f"{path} holds {held}, but no array '{name}'; is it the right file?")
        check_stored(array, path)
        return read_array(array, (), path)


def read_texts(array: Any, where: Path) -> list[Any]:
    """All texts of an array; arguments and errors as :func:`read_array`.

    A text of any length is a place in the file and a length, up to 4 GiB, for which HDF5 takes memory before it looks
    at the place: the lengths are compared with the size of the file.
    """
    if array.size > MAX_LINES or array.size * array.dtype.itemsize > MAX_TEXT:
        raise UserError(f"{where} claims {array.size:,} names of {array.dtype}; is it the right file?")
    kind = h5py.check_string_dtype(array.dtype)
    if kind is not None and kind.length is None and array.size:
        start = array.id.get_offset()  # None for blocks, compact arrays, and where nothing was written
        if start is None:
            raise UserError(f"{where}: '{array.name}' is stored in blocks; store it in one piece, without compression.")
        with open_regular(where) as file:
            file.seek(start)
            stored = file.read(array.id.get_storage_size())
        lengths = np.frombuffer(stored[: len(stored) // array.size * array.size], np.uint8).reshape(array.size, -1)
        claimed = int(np.ascontiguousarray(lengths[:, :4]).view("<u4").sum(dtype=np.uint64))
        if claimed > check_regular(where):
            raise UserError(f"{where} claims {claimed:,} bytes of names, more than the file has; it is damaged.")
    return list(np.atleast_1d(np.asarray(array)))


def _lacking(array: Any) -> str | None:
    if array.chunks is not None:
        expected = math.prod(-(-side // step) for side, step in zip(array.shape, array.chunks, strict=True))
        written = array.id.get_num_chunks()
        if written != expected:
            return f"{written} of {expected} chunks were written"
        return _misplaced(array, expected)
    return "nothing was written" if array.size and array.id.get_storage_size() < array.nbytes else None


def _misplaced(array: Any, expected: int) -> str | None:
    """The fault of the table of blocks, which has no checksum: where it is damaged, HDF5 fills in values or crashes."""
    places: set[tuple[int, ...]] = set()
    spans: list[tuple[int, int]] = []
    plain = math.prod(array.chunks) * array.dtype.itemsize
    damaged = f"the table of its {expected} blocks is damaged"

    def note(block: Any) -> None:
        fits = zip(block.chunk_offset, array.shape, array.chunks, strict=True)
        # A filter is left out only where it would not make a block smaller; a checksum has four bytes.
        whole = block.filter_mask == 0 or block.size in (plain, plain + 4)
        if whole and all(0 <= at < side and at % step == 0 for at, side, step in fits):
            places.add(tuple(block.chunk_offset))
        spans.append((block.byte_offset, block.byte_offset + block.size))

    try:
        array.id.chunk_iter(note)
    except Exception:  # h5py raises whatever its parts do on damaged files
        return damaged
    spans.sort()
    size = Path(array.file.filename).stat().st_size
    apart = all(end <= start for (_, end), (start, _) in pairwise(spans))
    sound = len(places) == expected and apart and all(0 < start < end <= size for start, end in spans)
    return None if sound else damaged


def _check_filters(array: Any, where: str | Path) -> None:
    if array.chunks is None:
        return
    block = math.prod(array.chunks) * array.dtype.itemsize
    if block > MAX_CHUNK:
        raise UserError(
            f"{where}: '{array.name}' is stored in blocks of {block:,} bytes, and at most {MAX_CHUNK:,} are read; "
            "store it with one block for each map."
        )
    used = filters(array)
    strange = [number for number in used if number not in _COMPRESSORS | _HARMLESS]
    packed = [number for number in used if number in _COMPRESSORS]
    if strange or len(packed) > 1:
        raise UserError(f"{where}: '{array.name}' is packed by the filters {used}; pack it by gzip, or not at all.")
