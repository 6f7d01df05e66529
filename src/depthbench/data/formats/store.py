"""Storage of a data set's files: a folder, or a zip that stays zipped."""

import os
import posixpath
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from depthbench.errors import UserError
from depthbench.input_files import MAX_PICTURE, open_zip, read_bytes, read_member

T = TypeVar("T")
_LONGEST_NAME, _LONGEST_PATH = 255, 4000  # bytes: limits of file systems


class PerProcess(Generic[T]):
    """A handle opened on first use in each process: handles survive neither fork nor pickle."""

    def __init__(self, opener: Callable[[], T]) -> None:
        self._opener = opener
        self._handle: T | None = None
        self._owner = 0

    def get(self) -> T:
        """The handle of this process."""
        handle = self._handle if self._owner == os.getpid() else None
        if handle is None:
            self._handle = None  # closes the inherited file of a fork, which shares its offset with the parent
            handle = self._opener()  # threads that come here together each use their own
            self._handle, self._owner = handle, os.getpid()
        return handle

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handle": None}


class Store:
    """Files by their names with forward slashes, below a folder or inside of a zip (read in place, never extracted).

    Args:
        path: the folder or the zip.

    Raises:
        UserError: if it is missing, or a damaged zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: PerProcess[zipfile.ZipFile] | None = None
        self._members: dict[str, zipfile.ZipInfo] = {}
        if path.is_file():
            self._zip = PerProcess(self._open)
            self._members = {info.filename: info for info in self._zip.get().infolist() if not info.is_dir()}
        elif not path.is_dir():
            raise UserError(f"{path} is missing; data.root is the downloaded zip or the folder of its content.")

    def where(self, name: str) -> str:
        """Name of the file in errors."""
        return f"{self.path}:{name}" if self._zip else str(self.path / name)

    def names(self) -> list[str]:
        """Every file, sorted; links to folders are not followed."""
        if self._zip:
            return sorted(self._members)
        found: list[str] = []
        for folder, _, files in os.walk(self.path):
            within = Path(folder).relative_to(self.path)
            found += [(within / file).as_posix() for file in files]
        return sorted(found)

    def __contains__(self, name: str) -> bool:
        return name in self._members if self._zip else (self.path / inside(name, self.path)).is_file()

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            UserError: if it is missing, damaged, or lies outside of the folder.
        """
        if self._zip is None:
            return read_bytes(self.path / inside(name, self.path))
        info = self._members.get(name)
        if info is None:
            raise UserError(f"{self.where(name)} is missing; download the zip again.")
        return read_member(self._zip.get(), info, MAX_PICTURE, self.where(name))

    def _open(self) -> zipfile.ZipFile:
        return open_zip(self.path)


def inside(name: str, where: object) -> str:
    """A name from a list as a path below its root.

    Raises:
        UserError: if it would lead out of the root.
    """
    plain = posixpath.normpath(name.replace("\\", "/").lstrip("/"))
    if plain.split("/")[0] == ".." or "\0" in plain or plain == ".":
        raise UserError(f"{name[:80]!r} in the list of {where} leads out of the data set; mend the list.")
    if max(len(os.fsencode(part)) for part in plain.split("/")) > _LONGEST_NAME or len(plain) > _LONGEST_PATH:
        raise UserError(f"{name[:80]!r}... in the list of {where} is longer than a file's name can be; mend the list.")
    return plain
