"""Lists of files: BTS's text files and csv files, plain or gzipped."""

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

from depthbench.data.formats.store import inside
from depthbench.errors import UserError
from depthbench.images import MAX_BYTES, read_bytes

_NO_DEPTH = "None"


class Entry(NamedTuple):
    """One line: picture and depth below their roots; the focal length in pixels where the list tells it."""

    rgb: str
    depth: str | None
    focal: float | None


def parse_lines(data: bytes, where: str | Path) -> list[str]:
    """The lines of a text, plain or gzipped.

    Raises:
        UserError: if it is neither.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            unzip = zlib.decompressobj(wbits=31)
            data = unzip.decompress(data, MAX_BYTES)
            if not unzip.eof:
                raise EOFError("its end is missing")
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise UserError(f"{where} is a damaged gzip file ({error}); download it again.") from error
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not a text file; it should be a list with one entry per line.") from error


def parse_list(data: bytes, where: str | Path) -> list[Entry]:
    """Lines ``picture depth [focal]``, separated by blanks or commas; ``None`` for a picture without depth.

    Raises:
        UserError: if a line reads otherwise or leads out of the data set, with its number.
    """
    entries = [
        _entry(line, f"{where}, line {number}")
        for number, line in enumerate(parse_lines(data, where), 1)
        if line.strip()
    ]
    if not entries:
        raise UserError(f"{where} is empty; it should list one picture and its depth per line.")
    return entries


def read_list(path: str | Path) -> list[Entry]:
    """:func:`parse_list` of a file."""
    return parse_list(read_bytes(Path(path).expanduser()), path)


def _entry(line: str, where: str) -> Entry:
    fields = [field.strip() for field in (line.split(",") if "," in line else line.split())]
    try:
        rgb, depth, *rest = fields
        focal = float(rest[0]) if rest else None
    except ValueError as error:
        raise UserError(f"{where} is not 'picture depth [focal]': {line[:120]!r}.") from error
    return Entry(inside(rgb, where), None if depth == _NO_DEPTH else inside(depth, where), focal)
