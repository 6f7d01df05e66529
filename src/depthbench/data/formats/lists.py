"""Lists of files: BTS's text files and csv files, plain or gzipped."""

import csv
import io
import zlib
from pathlib import Path
from typing import NamedTuple

from depthbench.data.formats.store import inside
from depthbench.errors import UserError
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_LINES, MAX_TEXT

_NO_DEPTH = "None"


class Entry(NamedTuple):
    """One line: picture and depth below their roots; the focal length in pixels if the list has it."""

    rgb: str
    depth: str | None
    focal: float | None


def parse_lines(data: bytes, where: str | Path) -> list[str]:
    """The lines of a text, plain or gzipped.

    Raises:
        UserError: if it is neither, or unpacks to more than a list has.
    """
    if data.startswith(b"\x1f\x8b"):
        data = _unzipped(data, where)
    if len(data) > MAX_TEXT:
        raise UserError(f"{where} has {len(data):,} bytes, more than the {MAX_TEXT:,} that a list may have.")
    lines: list[str] = []
    try:
        for line in io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=None):
            if len(lines) >= MAX_LINES:
                raise UserError(f"{where} has more than {MAX_LINES:,} lines; split it.")
            lines.append(line.rstrip("\n"))
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not a text file; it should be a list with one entry per line.") from error
    return lines


def separated(line: str) -> list[str]:
    """The cells of a line between commas or, without these, tabs; the whole line where there are neither.

    Example:
        >>> separated('"a, b.npy", 3')
        ['a, b.npy', '3']
    """
    for mark in (",", "\t"):
        if mark in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]
    return [line.strip()]


def _unzipped(data: bytes, where: str | Path) -> bytes:
    """All members of a gzip file one after the other, as ``gzip`` reads them, their checksums compared."""
    text = bytearray()
    try:
        while data:
            unzip = zlib.decompressobj(wbits=31)
            text += unzip.decompress(data, MAX_TEXT + 1 - len(text))
            if len(text) > MAX_TEXT:
                raise UserError(f"{where} unpacks to more than the {MAX_TEXT:,} bytes that a list may have.")
            if not unzip.eof:
                raise EOFError("its end is missing")
            data = unzip.unused_data.lstrip(b"\0")
    except (zlib.error, EOFError) as error:
        raise UserError(f"{where} is a damaged gzip file ({error}); download it again.") from error
    return bytes(text)


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
    return parse_list(read_bytes(Path(path).expanduser(), MAX_TEXT), path)


def _entry(line: str, where: str) -> Entry:
    fields = [field.strip() for field in (line.split(",") if "," in line else line.split())]
    try:
        rgb, depth, *rest = fields
        focal = float(rest[0]) if rest else None
    except ValueError as error:
        raise UserError(f"{where} is not 'picture depth [focal]': {line[:120]!r}.") from error
    return Entry(inside(rgb, where), None if depth == _NO_DEPTH else inside(depth, where), focal)
