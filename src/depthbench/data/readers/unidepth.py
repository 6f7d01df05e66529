"""Data sets in the archives of UniDepth (Piccinelli et al.): HDF5 files that hold the files of pictures and depth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.hdf5 import check_stored, find_array, open_hdf5, read_array
from depthbench.data.formats.lists import parse_lines
from depthbench.data.missing import missing
from depthbench.data.readers.reader import Reader, existing_folder, same_size
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError, reason_of
from depthbench.images import decode_depth, decode_rgb
from depthbench.input_files import parse_json
from depthbench.pinhole import Matrix, camera_matrix

_MAX_FILE = 1 << 28  # bytes of a file inside of an archive


class ArchivedFrame(NamedTuple):
    """A frame: its picture and depth by their names inside of an archive, and its camera."""

    rgb: str
    depth: str
    archive: Path
    camera: Matrix


class UniDepthArchive(Reader):
    """Subclasses name the files: encoded pictures and 16-bit depth as arrays of bytes, lists and cameras beside them.

    A list is a text, each line ``picture depth`` or ``picture depth NUMBER`` (of the archive); the cameras are JSON, by
    picture. Both lie in the first archive. Depth is 1/256 m, 0 = missing.

    Args:
        root: the folder of the archives, or the one above it.
        part: ``val`` or ``train``.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Attributes:
        archives: files in their order.
        lists: names of the lists by part.
        cameras: name of the cameras.
        unit: metres per stored value.
        plausible: metres between which the median depth must lie.

    Raises:
        UserError: when opened, if an archive, a list or a camera is missing, or depth is implausible; when read, if a
            file is damaged.
    """

    archives: tuple[str, ...] = ()
    lists: Mapping[str, str] = MappingProxyType({})
    cameras = "intrinsics.json"
    unit = 1 / 256
    plausible: tuple[float, float] = (0.1, 100.0)

    def __init__(
        self,
        root: str | Path,
        part: Literal["val", "train"] = "val",
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        if part not in self.lists:
            raise UserError(f"data.part={part} is unknown; choose {' or '.join(self.lists)}.")
        self.missing = missing("none", max_depth)
        self.root = existing_folder(root, f"{self.known_as} as UniDepth stores it, {self.archives[0]}")
        first, name = self._archive(0), self.lists[part]
        with open_hdf5(first) as file:
            lines = parse_lines(_content(file, name, first), f"{first}:{name}")
            cameras = _cameras(_content(file, self.cameras, first), f"{first}:{self.cameras}")
        found = [self._frame(line, cameras, f"{first}:{name}") for line in lines if line.strip("\0 ")]
        if not found:
            raise UserError(f"{first}:{name} lists no frame.")
        self.frames = found if split is None else [found[index] for index in evenly_spaced(len(found), split)]
        self.names = [frame.rgb.rsplit(".", 1)[0] for frame in self.frames]
        self.check_units(self.unit, self.plausible, fixed=True)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        frame = self.frames[index]
        with open_hdf5(frame.archive) as file:
            picture, depth = (_content(file, name, frame.archive) for name in (frame.rgb, frame.depth))
        where = [f"{frame.archive}:{name}" for name in (frame.rgb, frame.depth)]
        rgb = decode_rgb(picture, where[0])
        metres = self.missing.metres(decode_depth(depth, where[1]), self.unit)
        same_size(rgb, metres, *where)
        return Sample(rgb, metres, frame.camera, self.names[index])

    def _archive(self, number: int) -> Path:
        name = self.archives[number]
        places = list(dict.fromkeys([self.root / name, self.root / Path(name).name]))
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise UserError(f"{' and '.join(map(str, places))} are not there; give data.root the folder of {name}.")
        return found

    def _frame(self, line: str, cameras: dict[str, Any], where: str) -> ArchivedFrame:
        words = line.strip("\0 ").split(" ")
        numbered = len(words) == 3 and words[2].isdecimal() and int(words[2]) < len(self.archives)
        if len(words) != 2 and not numbered:
            raise UserError(f"{where} has the line {line[:80]!r}, not 'picture depth' or 'picture depth NUMBER'.")
        if words[0] not in cameras:
            raise UserError(f"{where} lists {words[0]}, which has no camera in {self.cameras}.")
        archive = self._archive(int(words[2]) if numbered else 0)
        return ArchivedFrame(words[0], words[1], archive, _matrix(cameras[words[0]], f"{self.cameras}: {words[0]}"))


def _content(file: Any, name: str, where: Path) -> bytes:
    """The bytes of a file inside of an archive."""
    array = find_array(file, name, where)
    if array is None or array.dtype.kind not in "uiS" or array.nbytes > _MAX_FILE:
        raise UserError(f"{where} holds no file '{name}'; is it UniDepth's archive of this set?")
    check_stored(array, where)
    return np.asarray(read_array(array, (), where)).tobytes()


def _cameras(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = parse_json(data.rstrip(b"\0"))
    except ValueError as error:
        raise UserError(f"{where} can't be read as JSON ({reason_of(error, where)}).") from None
    if not isinstance(found, dict):
        raise UserError(f"{where} is not a JSON object of cameras by picture.")
    return found


def _matrix(values: Any, where: str) -> Matrix:
    try:
        matrix = np.array(values, np.float64).squeeze()[:3, :3]
    except (ValueError, TypeError, IndexError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise UserError(f"{where} is not a camera of 3x3 or 3x4 numbers.")
    return camera_matrix([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])
