"""Tars, plain or gzipped: regular files only, each of a size that is read, and no header that asks for memory."""

import gzip
import os
import shutil
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from depthbench.errors import UserError
from depthbench.input_files.damage import told_damage
from depthbench.input_files.limits import MAX_MEMBERS, MAX_UNPACKED
from depthbench.input_files.regular import check_regular, open_regular

_BLOCK = tarfile.BLOCKSIZE
_MOST_HEADER = 1 << 20  # bytes of one header, with the long names in it
_PIECE = 1 << 20  # bytes
_GZIP = b"\x1f\x8b"
# Errors that tarfile and gzip raise on damaged files, each seen.
_DAMAGED = (tarfile.TarError, zlib.error, struct.error, OSError, EOFError, ValueError, OverflowError, IndexError)


class _Place(NamedTuple):
    """The place of a member's bytes: in the tar, or in the unpacked file of a gzipped tar."""

    start: int
    size: int


class TarFiles:
    """Files of a tar by their names, read when asked for.

    A gzipped tar is read once, and the wanted files go to a temporary file without a name, which ends with this object:
    gzip can't be read from the middle.

    Args:
        path: of the tar; its content decides whether it is gzipped.
        wanted: whether a file of a name is read.
        limit: bytes that a wanted file may have.

    Attributes:
        others: names of the files that are not wanted.

    Raises:
        UserError: if it is not a regular file or damaged, holds links among the wanted files or two of one name, or
            more than is read.

    Example:
        >>> import io, tarfile, tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "maps.tar.gz"
        >>> with tarfile.open(path, "w:gz") as archive:
        ...     info = tarfile.TarInfo("a.txt")
        ...     info.size = 3
        ...     archive.addfile(info, io.BytesIO(b"abc"))
        >>> TarFiles(path, lambda name: True, 100).read("a.txt")
        b'abc'
    """

    def __init__(self, path: Path, wanted: Callable[[str], bool], limit: int) -> None:
        self.path = path
        self.others: list[str] = []
        self._places: dict[str, _Place] = {}
        self._unpacked: BinaryIO | None = None
        check_regular(path)
        with ExitStack() as stack:
            file: BinaryIO = stack.enter_context(open_regular(path))
            stack.enter_context(told_damage(path, "tar", _DAMAGED))
            if file.read(len(_GZIP)) == _GZIP:
                file.seek(0)
                self._unpacked = tempfile.TemporaryFile()  # noqa: SIM115
                file = stack.enter_context(gzip.GzipFile(fileobj=file))  # type: ignore[assignment]
            file.seek(0)
            self._look(file, wanted, limit)

    @property
    def names(self) -> list[str]:
        """The names of the wanted files."""
        return list(self._places)

    def read(self, name: str) -> bytes:
        """The content of a wanted file."""
        data = bytearray()
        self.unpack(name, data.extend)
        return bytes(data)

    def unpack(self, name: str, take: Callable[[bytes], object]) -> None:
        """Hand the content of a wanted file to ``take`` piece by piece.

        Raises:
            UserError: if the tar is shorter than when it was opened.
        """
        start, left = self._places[name]
        with ExitStack() as stack:
            file = self._unpacked or stack.enter_context(open_regular(self.path))
            file.seek(start)
            while left and (piece := file.read(min(left, _PIECE))):
                take(piece)
                left -= len(piece)
        if left:
            raise UserError(f"{self.path}:{name} is truncated; make the tar again.")

    def _look(self, file: BinaryIO, wanted: Callable[[str], bool], limit: int) -> None:
        """Every member once, in the order of the file, and never back: a gzip would be read from its start again."""
        end = os.fstat(file.fileno()).st_size if self._unpacked is None else None
        room = min(MAX_UNPACKED, shutil.disk_usage(tempfile.gettempdir()).free // 2)
        spared = _Sparing(file)
        with tarfile.open(fileobj=spared, mode="r:") as archive:  # type: ignore[call-overload]
            for count, info in enumerate(_members(archive), 1):
                if count > MAX_MEMBERS:
                    raise UserError(f"{self.path} has more than the {MAX_MEMBERS:,} members that are read.")
                if info.isdir():
                    continue
                if not wanted(info.name):
                    self.others.append(info.name)
                    continue
                self._check(info, limit)
                place = _Place(info.offset_data, info.size)
                if end is not None and place.start + place.size > end:
                    raise UserError(f"{self.path} is truncated: {info.name[:80]!r} lies beyond its end; make it again.")
                if self._unpacked is not None:
                    place = self._copied(file, info)
                    room -= info.size
                    if room < 0:
                        raise UserError(
                            f"{self.path} unpacks to more than there is room for in {tempfile.gettempdir()}; unpack "
                            "it to a folder, and give that."
                        )
                self._places[info.name] = place
        if any(spared.last) or len(spared.last) < _BLOCK:  # tarfile takes whatever is no header for the end
            raise tarfile.ReadError("it has no end")
        file.read(_PIECE)  # the zeros there, after which gzip compares its checksum

    def _check(self, info: tarfile.TarInfo, limit: int) -> None:
        if not info.isreg() or info.issparse():
            raise UserError(f"{self.path} holds {info.name[:80]!r} as a link or a special file; put files into it.")
        if info.name in self._places:
            raise UserError(f"{self.path} has {info.name[:80]!r} twice; make it again.")
        if info.size > limit:
            raise UserError(
                f"{self.path}:{info.name[:80]} has {info.size:,} bytes, more than the {limit:,} that are read."
            )

    def _copied(self, file: BinaryIO, info: tarfile.TarInfo) -> _Place:
        assert self._unpacked is not None
        start, left = self._unpacked.tell(), info.size
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise EOFError(f"{info.name[:80]!r} is cut off")
            self._unpacked.write(piece)
            left -= len(piece)
        file.read(-info.size % _BLOCK)  # to where tarfile reads on
        return _Place(start, info.size)


class _Sparing:
    """A file for ``tarfile``, which reads headers of whatever size they claim."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.last = file, b""
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """Read so many bytes and keep them as :attr:`last`: the last block that was read is that of the end."""
        if size > _MOST_HEADER:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        self.last = self._file.read(size)
        return self.last


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members one by one, without the list of all that ``tarfile`` keeps and nobody needs."""
    while (info := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]
        yield info
