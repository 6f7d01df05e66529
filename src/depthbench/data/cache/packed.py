"""Frames as ``prepare cache`` wrote them: resized once, read back from a memory-mapped file without decoding a PNG.

A part is three files. ``train.bin`` holds the frames one after the other: depth, picture, annotations.
``train.jsonl`` has a line for each: name, where it begins, sizes, a checksum. ``train.json`` is written last and says
what the other two must be, so half a cache is never taken for a whole one.
"""

import hashlib
import math
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.cache.noted import Note, checked_notes, decode_annotations, encode_annotations
from depthbench.data.formats.store import PerProcess
from depthbench.data.readers.reader import Reader, existing_folder
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size, decode_rgb
from depthbench.input_files import check_pixels, check_regular, parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON

if TYPE_CHECKING:
    from depthbench.data.frame import Frame

FORMAT = 2
READABLE = (1, FORMAT)  # the first format has no annotations
CARRIED = ("known_as", "edition", "truth")  # fields of the cached data set
MAX_INDEX = 500_000_000  # bytes: a line has 250, NYUv2's raw data have 400,000 frames
_ALIGNED = 8  # bytes
UNITS = (0.001, 1 / 256, 1 / 4000, 10 / 255)  # metres per unit of the formats that the bench reads


class FrameRecord(NamedTuple):
    """Place and form of a stored frame.

    Attributes:
        name: of the frame.
        start: its first byte.
        bytes: of the depth, of the picture and, where there are some, of the annotations.
        image: height and width of the picture.
        depth: height and width of the depth.
        unit: metres per unit of 16-bit depth; 0 for 32-bit floats in metres.
        quality: of the JPEG, with depth deflated; 0 for both as they are.
        crc: of all bytes.
        intrinsics: nine numbers in pixels of the picture, row by row, or None.
        notes: of its annotations.
    """

    name: str
    start: int
    bytes: tuple[int, ...]
    image: Size
    depth: Size
    unit: float
    quality: int
    crc: int
    intrinsics: list[float] | None
    notes: list[Note] = []  # noqa: RUF012 - never changed

    @property
    def end(self) -> int:
        """The first possible place of the next frame: its depth, which comes first, must be aligned."""
        return -(-(self.start + sum(self.bytes)) // _ALIGNED) * _ALIGNED


def encode_frame(
    frame: "Frame", start: int, quality: int = 0, units: Sequence[float] = UNITS
) -> tuple[FrameRecord, bytes]:
    """A frame as bytes.

    Args:
        frame: as a data set delivers it; an image that is not of 8 bits is rounded.
        start: where it will lie.
        quality: of a JPEG; 0 keeps every pixel.
        units: tried for 16-bit depth; where none reproduces the depth exactly, it stays in floats.
    """
    planes = (frame.image * 255).round().byte().numpy()
    depth = frame.depth[0].numpy()
    unit = next((unit for unit in units if np.array_equal(_decoded(_coded(depth, unit), unit), depth)), 0.0)
    pixels = _coded(depth, unit)
    if quality:
        parts = [zlib.compress(_sorted_bytes(pixels), 1), _jpeg(planes, quality)]
    else:
        parts = [pixels.tobytes(), planes.tobytes()]
    notes, noted = encode_annotations(frame.annotations)
    parts += [noted] if notes else []
    known = frame.intrinsics
    record = FrameRecord(
        name=frame.name,
        start=start,
        bytes=tuple(map(len, parts)),
        image=(planes.shape[1], planes.shape[2]),
        depth=(depth.shape[0], depth.shape[1]),
        unit=unit,
        quality=quality,
        crc=zlib.crc32(b"".join(parts)),
        intrinsics=None if known is None else [float(value) for value in known.flatten()],
        notes=notes,
    )
    return record, b"".join(parts)


def decode(data: NDArray[np.uint8], record: FrameRecord) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Picture ``(H, W, 3)`` and depth ``(h, w)`` in metres from a frame's bytes, whose checksum was right."""
    first, second = np.split(data, np.cumsum(record.bytes))[:2]
    if not record.quality:
        pixels = first.view(_dtype(record.unit)).reshape(record.depth)
        # Planes one after the other, as networks want them, seen as a picture.
        return second.reshape(3, *record.image).transpose(1, 2, 0), _decoded(pixels, record.unit)
    planes = np.frombuffer(_inflated(first.data, record), np.uint8).reshape(-1, *record.depth)
    pixels = np.ascontiguousarray(planes.transpose(1, 2, 0)).view(_dtype(record.unit))[..., 0]
    if record.unit:
        pixels = np.cumsum(pixels, axis=1, dtype=np.uint16)
    return decode_rgb(second.tobytes(), record.name), _decoded(pixels, record.unit)


def _inflated(data: memoryview, record: FrameRecord) -> bytes:
    """The depth of a frame, unpacked to no more than it takes; raises :class:`UserError` if it is more or less."""
    wanted, unzip = math.prod(record.depth) * _dtype(record.unit).itemsize, zlib.decompressobj()
    try:
        found = unzip.decompress(data, wanted + 1)
    except zlib.error:
        found = b""
    if len(found) != wanted:
        raise UserError(f"The depth of frame {record.name} in the cache is damaged; make the cache again.")
    return found


def _check(record: FrameRecord, size: int) -> None:
    """Raise ValueError for a line that claims more than ``size`` bytes of frames hold, or other than its frame has."""
    for sides in (record.image, record.depth):
        height, width = sides
        check_pixels(height, width, record.name)
    if min(record.start, *record.bytes) < 0 or record.start % _ALIGNED or record.start + sum(record.bytes) > size:
        raise ValueError("a frame lies outside of the file")
    if len(record.bytes) != (3 if record.notes else 2):
        raise ValueError("a frame has another number of parts")
    plain = math.prod(record.depth) * _dtype(record.unit).itemsize, 3 * math.prod(record.image)
    if not record.quality and record.bytes[:2] != plain:
        raise ValueError("the bytes of a frame do not fit its size")
    if not (isinstance(record.name, str) and isinstance(record.crc, int) and math.isfinite(record.unit)):
        raise TypeError("a name, a checksum or a unit is missing")
    if record.intrinsics is not None and len([float(value) for value in record.intrinsics]) != 9:
        raise ValueError("intrinsics are not nine numbers")


def _dtype(unit: float) -> Any:
    return np.dtype("<u2" if unit else "<f4")


def _coded(depth: NDArray[np.float32], unit: float) -> NDArray[Any]:
    if not unit:
        return depth.astype("<f4")
    return np.clip(np.rint(depth / np.float64(unit)), 0, 65535).astype("<u2")


def _decoded(pixels: NDArray[Any], unit: float) -> NDArray[np.float32]:
    # The multiplication of the readers, so that the same floats come out.
    return np.asarray(pixels * np.float32(unit) if unit else pixels.copy(), np.float32)


def _sorted_bytes(pixels: NDArray[Any]) -> bytes:
    """Data that deflate well: the steps along rows of integers, and the bytes of all values sorted by their place."""
    steps = np.diff(pixels, axis=1, prepend=pixels.dtype.type(0)) if pixels.dtype == "<u2" else pixels
    return np.ascontiguousarray(steps)[..., None].view(np.uint8).transpose(2, 0, 1).tobytes()


def _jpeg(planes: NDArray[np.uint8], quality: int) -> bytes:
    image = np.ascontiguousarray(planes[::-1].transpose(1, 2, 0))
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def read_index(path: Path, size: int | None = None) -> tuple[list[FrameRecord], list[str]]:
    """The complete lines of a ``.jsonl``: frames, and sentences about damaged ones. A last half line is left out.

    Args:
        path: of the file.
        size: bytes of the frames; None where they are not compared.

    Raises:
        UserError: if another line is damaged.
    """
    records, damaged = [], []
    for number, line in enumerate(read_bytes(path, MAX_INDEX).split(b"\n")[:-1], 1):
        try:
            content = parse_json(line)
            if "damaged" in content:
                damaged.append(str(content["damaged"]))
            else:
                pairs = {key: tuple(map(int, content[key])) for key in ("bytes", "image", "depth")}
                record = FrameRecord(**content | pairs)
                record = record._replace(notes=checked_notes(record.notes, record.depth))
                _check(record, sys.maxsize if size is None else size)
                records.append(record)
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}, line {number} is damaged; delete the folder and make the cache again.") from error
    return records, damaged


class PackedDataset(Reader):
    """A part of a cache that ``python -m depthbench.prepare cache`` made.

    Args:
        root: the folder of the cache.
        part: ``train`` or ``test``.
        split: how many of its frames, evenly spaced; None for all.
        size: (height, width) of the image delivered; None for that of the cache.
        depth_size: ``image`` or ``native`` (as it lies in the cache), see :class:`Reader`.

    Without JPEGs the frames equal the cached data set's, bit for bit. Annotations travel along, as do the name of the
    data set and the kind of its truth, which protocols ask for.

    Raises:
        UserError: when opened, if the cache is missing, unfinished or damaged; when read, if a frame is damaged.
    """

    def __init__(
        self,
        root: str | Path,
        part: Literal["train", "test"] = "train",
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        self.root = existing_folder(root, "a cache made by `python -m depthbench.prepare cache`")
        self.file = self.root / f"{part}.bin"
        records, manifest = checked_records(self.root, part)
        self.known_as, self.edition, self.truth = (_word(manifest.get(key)) for key in CARRIED)
        wanted = range(len(records)) if split is None else evenly_spaced(len(records), split)
        self.records = [records[index] for index in wanted]
        self.names = [record.name for record in self.records]
        self._bytes = PerProcess(self._open)
        self._checked: set[int] = set()

    def _open(self) -> NDArray[np.uint8]:
        # Private pages: a write into a frame changes no file.
        return np.memmap(self.file, np.uint8, "c")

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`. A frame's checksum is compared the first time that a process reads it."""
        record = self.records[index]
        data = self._bytes.get()[record.start : record.start + sum(record.bytes)]
        if index not in self._checked:
            if zlib.crc32(data.data) != record.crc:
                raise UserError(f"{self.file} is damaged at frame {record.name}; make the cache again.")
            self._checked.add(index)
        image, depth = decode(np.asarray(data), record)
        matrix = None if record.intrinsics is None else np.reshape(record.intrinsics, (3, 3))
        try:
            annotations = decode_annotations(np.asarray(data)[sum(record.bytes[:2]) :], record.notes)
        except ValueError as error:
            raise UserError(f"Frame {record.name} of {self.file} holds {error}; make the cache again.") from error
        return Sample(image, depth, matrix, record.name, annotations)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def checked_records(root: Path, part: str) -> tuple[list[FrameRecord], dict[str, Any]]:
    """The frames of a finished part, and its manifest.

    Raises:
        UserError: if it is missing or unfinished, or its files were changed.
    """
    told = root / f"{part}.json"
    if not told.is_file():
        found = sorted(path.stem for path in root.glob("*.json"))
        if (root / f"{part}.jsonl").exists():
            raise UserError(f"The {part} part of {root} is unfinished; start `prepare cache` again and it goes on.")
        raise UserError(f"{root} holds no {part} part of a cache{f', only {found}' if found else ''}.")
    try:
        manifest = parse_json(read_bytes(told, MAX_JSON))
        index, size = read_bytes(root / f"{part}.jsonl", MAX_INDEX), check_regular(root / f"{part}.bin")
        right = manifest["format"] in READABLE and manifest["bytes"] == size
        right = right and manifest["index_sha256"] == hashlib.sha256(index).hexdigest()
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{told} or a file beside it can't be read ({error}); make the cache again.") from error
    if not right:
        raise UserError(f"{told} does not belong to the files beside it; delete the folder and make the cache again.")
    return read_index(root / f"{part}.jsonl", size)[0], manifest
