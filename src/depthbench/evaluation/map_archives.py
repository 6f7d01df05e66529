"""Prediction files in a zip or a tar, which stays packed: a map is a file for as long as it is read."""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from depthbench.data.formats.store import PerProcess, inside
from depthbench.errors import UserError
from depthbench.evaluation.file_names import below_one_folder
from depthbench.evaluation.map_files import MAP_SUFFIXES, Map, read_camera_beside, read_map
from depthbench.input_files import MAX_PICTURE, TarFiles, open_zip
from depthbench.input_files.zips import unpack

T = TypeVar("T")
ZIP, TARS = ".zip", (".tar", ".tar.gz", ".tgz")
ARCHIVES = (ZIP, *TARS)
_MACS_OWN = "__MACOSX/"  # macOS adds it to a zip, and files that begin with ._ to a tar: no files of the user


class Archive(Protocol):
    """Files in one file.

    Attributes:
        maps: names of the files that may be maps, as stored.
        others: names of the others.
    """

    maps: list[str]
    others: list[str]

    def unpack(self, name: str, take: Callable[[bytes], object]) -> None:
        """Hand a map's bytes to ``take``; raises :class:`UserError` if they are damaged or too many."""
        ...


def open_archive(path: Path) -> Archive:
    """The zip or tar at a path.

    Raises:
        UserError: if it is damaged, or claims more than it can hold.
    """
    return _Zip(path) if path.suffix.lower() == ZIP else _Tar(path)


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: PerProcess[zipfile.ZipFile] = PerProcess(partial(open_zip, path))
        every = [one for one in self._zip.get().infolist() if not one.is_dir()]
        self._members = {one.filename: one for one in every if not one.filename.startswith(_MACS_OWN)}
        self.maps = [name for name in self._members if _is_map(name)]
        self.others = [name for name in self._members if not _is_map(name)]

    def unpack(self, name: str, take: Callable[[bytes], object]) -> None:
        """See :class:`Archive`."""
        unpack(self._zip.get(), self._members[name], MAX_PICTURE, f"{self.path}:{name}", take)


class _Tar:
    def __init__(self, path: Path) -> None:
        self._tar = TarFiles(path, lambda name: _is_map(name) and not _is_macs(name), MAX_PICTURE)
        self.maps, self.others = self._tar.names, [name for name in self._tar.others if not _is_macs(name)]

    def unpack(self, name: str, take: Callable[[bytes], object]) -> None:
        """See :class:`Archive`."""
        self._tar.unpack(name, take)


class ArchiveMaps:
    """A file for each frame, named as in a folder; all of them may lie below one more folder.

    Args:
        archive: of the files.
        path: of it.
        names: of the frames.
        key: of the array in files with several.
        pictures: of the frames.

    Raises:
        UserError: if it does not fit the frames, or a name leads out of it.
    """

    def __init__(
        self, archive: Archive, path: Path, names: Sequence[str], key: str | None, pictures: Sequence[str]
    ) -> None:
        self.archive, self.path, self.key = archive, path, key
        maps = {inside(name, path): name for name in archive.maps}
        if not maps:
            other = f"no maps but {archive.others[0]}" if archive.others else "nothing"
            raise UserError(f"{path} holds {other}; pack files of one of {', '.join(MAP_SUFFIXES)} into it.")
        listed = list(maps)
        self._members = [maps[listed[place]] for place in below_one_folder(names, listed, str(path), pictures)]

    def read(self, place: int) -> Map:
        """The map of a frame."""
        return self._read(place, partial(read_map, key=self.key))

    def camera(self, place: int) -> Map | None:
        """The intrinsics beside the map of a frame, as stored; None where there are none."""
        return self._read(place, read_camera_beside)

    def _read(self, place: int, reader: Callable[[Path], T]) -> T:
        name = self._members[place]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"map{Path(name).suffix.lower()}"
            with file.open("wb") as part:
                self.archive.unpack(name, part.write)
            try:
                return reader(file)
            except UserError as error:
                raise UserError(str(error).replace(str(file), f"{self.path}:{name}")) from None


def _is_map(name: str) -> bool:
    return name.lower().endswith(MAP_SUFFIXES)


def _is_macs(name: str) -> bool:
    return name.rpartition("/")[2].startswith("._")
