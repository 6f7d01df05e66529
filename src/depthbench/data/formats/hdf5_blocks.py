"""Packed blocks of HDF5: the unpacked size of each, known before HDF5 takes the memory for it."""

import math
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from depthbench.errors import UserError
from depthbench.input_files import can_inflate_to

DEFLATE, FLETCHER, SZIP, LZF = 1, 3, 4, 32000  # HDF5's numbers of filters
MAX_CHUNK = 1 << 28  # bytes that one block unpacks to: a map of 67 megapixels as float32
MAX_LZF = 1 << 25  # bytes of a block packed by LZF, which are walked through in Python: 2 seconds
_PIECE = 1 << 20
_LZF_MOST = 88  # bytes that LZF makes of one at most: 264 of three


def filters(array: Any) -> list[int]:
    """HDF5's numbers of the filters that pack the blocks of an ``h5py.Dataset``, in their order."""
    listed = array.id.get_create_plist()
    return [int(listed.get_filter(index)[0]) for index in range(listed.get_nfilters())]


def check_blocks(array: Any, place: Any, where: str | Path) -> None:
    """Raise :class:`UserError` if a block at ``place`` unpacks to more than its shape says, as HDF5 would let it.

    Args:
        array: an ``h5py.Dataset`` in blocks.
        place: an index along the first axis, or ``()`` for all.
        where: names the file in errors.
    """
    packed = next((number for number in filters(array) if number in (DEFLATE, SZIP, LZF)), None)
    if packed is None or (packed != SZIP and _most(packed, array.id.get_storage_size()) <= MAX_CHUNK):
        return  # so little that it can't do harm
    block = math.prod(array.chunks) * array.dtype.itemsize
    for start in _blocks(array, place):
        skipped, stored = array.id.read_direct_chunk(start)
        if skipped:  # stored as it is, in the size of its shape
            continue
        if packed == LZF and len(stored) > MAX_LZF:
            raise UserError(
                f"{where}: a block of '{array.name}' has {len(stored):,} bytes packed by LZF, and at most {MAX_LZF:,} "
                "are read; pack it by gzip, or store it with one block for each map."
            )
        if FLETCHER in filters(array):
            stored = stored[:-4]
        if _most(packed, len(stored)) > MAX_CHUNK and unpacks_beyond(stored, packed, block + 64):
            raise UserError(f"{where}: a block of '{array.name}' unpacks to more than its {block:,} bytes.")


def unpacks_beyond(data: bytes, packed: int, limit: int) -> bool:
    """Whether bytes that a filter packed unpack to more than ``limit``; memory for a piece at a time is taken."""
    if packed == SZIP:  # which begins with the size, and HDF5 takes as much
        return int.from_bytes(data[:4], "little") > limit
    return (inflates_beyond if packed == DEFLATE else lzf_beyond)(data, limit)


def inflates_beyond(data: bytes, limit: int) -> bool:
    """Whether deflated bytes unpack to more than ``limit``; memory for a piece at a time is taken."""
    unzip, found = zlib.decompressobj(), 0
    try:
        while data and not unzip.eof and found <= limit:
            found += len(unzip.decompress(data, _PIECE))
            data = unzip.unconsumed_tail
    except zlib.error:
        return False  # HDF5 will say so
    return found > limit


def lzf_beyond(data: bytes, limit: int) -> bool:
    """Whether bytes packed by LZF unpack to more than ``limit``; nothing is unpacked.

    A first byte below 32 stands for that many bytes and one more, which follow. Another one holds in its upper three
    bits how many bytes are repeated, less two; seven is to be continued in the next byte. A place follows (LibLZF).
    """
    place, found, end = 0, 0, len(data)
    while place < end and found <= limit:
        first = data[place]
        if first < 32:
            found += first + 1
            place += first + 2
        elif first < 224:
            found += (first >> 5) + 2
            place += 2
        else:
            found += 9 + (data[place + 1] if place + 1 < end else 0)
            place += 3
    return found > limit


def _most(packed: int, stored: int) -> int:
    if packed == SZIP:
        return MAX_CHUNK + 1  # it says itself
    return can_inflate_to(stored) if packed == DEFLATE else _LZF_MOST * stored


def _blocks(array: Any, place: Any) -> Iterator[tuple[int, ...]]:
    """Beginnings of the blocks that hold a place."""
    steps = [range(0, side, step) for side, step in zip(array.shape, array.chunks, strict=True)]
    if place != ():
        first = int(place) // array.chunks[0] * array.chunks[0]
        steps[0] = range(first, first + 1)
    return product(*steps)
