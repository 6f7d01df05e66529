"""Opening files: regular ones only. A pipe would wait for ever, a device never ends, a socket is none."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from depthbench.errors import UserError
from depthbench.input_files.limits import MAX_PICTURE

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_MEND = "check its name and whether the download is complete"


def check_regular(path: Path, limit: int | None = None) -> int:
    """The size in bytes of a regular file; links are followed to the file that they name.

    Args:
        path: of the file.
        limit: bytes that the file may have; None for any number, where it is read piece by piece.

    Raises:
        UserError: if there is no such file, it is a folder, pipe, device or socket, or it is too large.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise UserError(f"{path} is not a file; {_MEND}.") from None
    except (OSError, ValueError) as error:  # a loop of links, no permission; a name with a null character
        raise UserError(f"{path} can't be read ({error}); check its permissions and the disk.") from None
    return _checked(path, found, limit)


@contextmanager
def open_regular(path: Path, limit: int | None = None) -> Iterator[BinaryIO]:
    """A regular file, open for reading.

    Args:
        path: of the file.
        limit: bytes that the file may have; None for any number.

    Raises:
        UserError: as :func:`check_regular`; also for errors of the disk while it is read.
    """
    check_regular(path, limit)  # before opening, which makes some devices do things
    try:
        # If something else has taken the file's place since then, it is not waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _checked(path, os.fstat(handle), limit)
            yield file
    except OSError as error:
        raise UserError(f"{path} can't be read ({error}); check its permissions and the disk.") from error


def read_bytes(path: Path, limit: int = MAX_PICTURE) -> bytes:
    """The whole file, as long as it was when it was opened.

    Args:
        path: of the file.
        limit: bytes that the file may have.

    Raises:
        UserError: if it is missing, no regular file, unreadable or too large.
    """
    with open_regular(path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def _checked(path: Path, found: os.stat_result, limit: int | None) -> int:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise UserError(f"{path} is not a file but {kind}; {_MEND}.")
    if limit is not None and found.st_size > limit:
        raise UserError(f"{path} has {found.st_size:,} bytes, more than the {limit:,} that such a file may have.")
    return found.st_size
