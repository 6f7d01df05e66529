"""Writing files and folders as a whole: a reader, a crash or a full disk never leaves half of one."""

import csv
import errno
import io
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from depthbench.errors import UserError, reason_of
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON

PART = ".part-"  # names of unfinished files begin with it; then come the machine and the process
_HOST = re.sub(r"\W", "", platform.node())[:32]
# Errors that the user can mend, in words; any other error is ours or the machine's.
_REASONS = {
    errno.ENOSPC: "the disk is full; make room, and start the same command again",
    errno.EDQUOT: "the quota is used up; make room, and start the same command again",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "its folder may not be written to",
    errno.EPERM: "its folder may not be written to",
    errno.EISDIR: "a folder has its name; move it away",
    errno.ENOTDIR: "a file has the name of its folder; move it away",
    errno.EEXIST: "a file has the name of its folder; move it away",
    errno.ENAMETOOLONG: "the name is too long for the file system",
}


@contextmanager
def whole(path: Path, durable: bool = True) -> Iterator[Path]:
    """A place beside ``path`` for a file or folder, which becomes ``path`` when nothing was raised.

    The place has the same suffix as ``path``. A folder takes a place that is free or an empty folder; a file replaces
    the file that is there.

    Args:
        path: of the file or folder.
        durable: wait until it is on the disk, so that a power cut can't leave an empty file under its name.

    Raises:
        UserError: if the disk is full or the place may not be written to.
    """
    part = part_of(path)
    try:
        with told_unwritable(path):
            yield part
            if durable:
                sync(part)
            part.replace(path)
            if durable:
                _sync_one(path.parent)
    finally:
        discard(part)


def write_atomically(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Replace a file as a whole; text is UTF-8 whatever the locale, and file names that are not text stay as they are.

    Raises:
        UserError: if the disk is full or the place may not be written to.
    """
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    with whole(path, durable) as part:
        part.write_bytes(data)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no file.

    Raises:
        UserError: if the file is damaged, or holds something else.
    """
    try:
        if not os.path.lexists(path):
            return {}
        content = parse_json(read_bytes(path, MAX_JSON))
        if not isinstance(content, dict):
            raise ValueError(f"it holds {type(content).__name__} where an object is expected")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not readable JSON ({reason_of(error, path)}); repair it, or leave that run out."
        ) from None
    return content


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, each ended by a line feed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextmanager
def told_unwritable(path: Path) -> Iterator[None]:
    """Turn errors that the user can mend (a full disk, a read-only folder) into a sentence that names ``path``.

    Raises:
        UserError: in place of such an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise UserError(f"{path} can't be written: {reason}.") from error


def full_disk(error: OSError) -> str | None:
    """A sentence where an error says that a disk takes no more, of a file that others write; None for other errors."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return None
    return f"{error.filename or 'A file'} can't be written: {_REASONS[error.errno]}."


def sync(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for inside in path.rglob("*"):
            _sync_one(inside)
    _sync_one(path)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that can't sync a folder
            raise
    finally:
        os.close(handle)


def part_of(path: Path) -> Path:
    """A name beside ``path`` for something that is not there as a whole, which :func:`clean` removes."""
    return path.with_name(f"{PART}{_HOST}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix[-16:]}")


def discard(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def clean(folder: Path, age: float = 3600) -> None:
    """Remove half-written files of killed processes from a folder.

    Args:
        folder: parts of this machine's processes are removed when their process is gone.
        age: seconds after which a part is removed, regardless of its process.
    """
    with suppress(OSError):
        for part in folder.glob(f"{PART}*"):
            with suppress(OSError):
                if _is_orphan(part.name) or time.time() - part.stat().st_mtime > age:
                    discard(part)


def _is_orphan(name: str) -> bool:
    """Whether a process of this machine wrote a part and is gone."""
    host, _, rest = name.removeprefix(PART).partition("-")
    pid = rest.partition("-")[0]
    if host != _HOST or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:  # somebody else's
        return False
    return False
