"""Annotations of a frame as bytes of a cache. They are tensors: a cache without any is read without torch."""

import math
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.images import Size

if TYPE_CHECKING:
    from depthbench.annotations import Annotations

_TYPES = ("|b1", "|u1", "<i4", "<i8", "<f4", "<f8")
_MAX_ROWS = 10_000  # of an annotation that is no map
_MAX_CHANNELS = 3


class Note(NamedTuple):
    """The stored form of one annotation.

    Attributes:
        name: a field of :class:`~depthbench.annotations.Annotations`.
        type: of its numbers, as NumPy spells it.
        shape: of them.
    """

    name: str
    type: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """The number of bytes of its numbers."""
        return math.prod(self.shape) * np.dtype(self.type).itemsize


def encode_annotations(annotations: "Annotations | None") -> tuple[list[Note], bytes]:
    """Annotations as notes and deflated bytes; both are empty where there are none."""
    notes, parts = [], []
    for name in annotations.present if annotations else ():
        values = getattr(annotations, name).numpy()
        values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        notes.append(Note(name, values.dtype.str, values.shape))
        parts.append(values.tobytes())
    return notes, zlib.compress(b"".join(parts), 1) if notes else b""


def decode_annotations(data: NDArray[np.uint8], notes: list[Note]) -> "Annotations | None":
    """The annotations that :func:`encode_annotations` wrote.

    Raises:
        ValueError: if the bytes are not of these notes.
    """
    if not notes:
        return None
    import torch

    from depthbench.annotations import Annotations

    wanted, unzip = sum(note.bytes for note in notes), zlib.decompressobj()
    try:
        found = unzip.decompress(np.ascontiguousarray(data).data, wanted + 1)
    except zlib.error as error:
        raise ValueError("annotations that can't be unpacked") from error
    if len(found) != wanted:
        raise ValueError("annotations of another size")
    values, start = {}, 0
    for note in notes:
        part = np.frombuffer(found, note.type, math.prod(note.shape), start).reshape(note.shape)
        values[note.name] = torch.from_numpy(part.copy())
        start += note.bytes
    return Annotations(**values)


def checked_notes(content: Any, depth: Size) -> list[Note]:
    """Notes as a line of the index has them.

    Args:
        content: of the line.
        depth: height and width of the frame's depth, which maps must have.

    Raises:
        ValueError: if they don't describe annotations.
    """
    notes = [Note(name, kind, tuple(map(int, shape))) for name, kind, shape in content]
    if not notes:
        return []
    from depthbench.annotations import LISTS, Annotations

    for note in notes:
        if note.name not in Annotations._fields or note.type not in _TYPES or min(note.shape, default=-1) < 0:
            raise ValueError("an annotation of unknown form")
        fits = (
            len(note.shape) == 2 and note.shape[0] <= _MAX_ROWS and note.shape[1] == 3
            if note.name in LISTS
            else len(note.shape) == 3 and note.shape[0] <= _MAX_CHANNELS and note.shape[1:] == depth
        )
        if not fits:
            raise ValueError("an annotation of another size than the depth")
    if len({note.name for note in notes}) < len(notes):
        raise ValueError("an annotation twice")
    return notes
