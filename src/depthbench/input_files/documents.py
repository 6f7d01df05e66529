"""Texts, tables and JSON within limits of their bytes and of the Python objects that they make."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from depthbench.errors import UserError
from depthbench.input_files.limits import MAX_CELLS, MAX_JSON, MAX_OBJECTS, MAX_TEXT
from depthbench.input_files.regular import read_bytes


def read_text(path: Path, limit: int = MAX_TEXT) -> str:
    """A text file in UTF-8.

    Raises:
        UserError: if it is no regular file, too large, or no text.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file ({error}); save it as UTF-8.") from None


def read_table(path: Path) -> list[list[str]]:
    """The rows of a CSV file, each a list of its cells.

    Raises:
        UserError: if it is no regular file, too large, or no table.
    """
    text = read_text(path)
    cells = text.count(",") + text.count("\n") + text.count("\r")
    if cells > MAX_CELLS:
        raise UserError(f"{path} has {cells:,} cells, more than the {MAX_CELLS:,} that are read.")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]  # an empty line is no row
    except csv.Error as error:
        raise UserError(f"{path} is not a readable CSV ({error}); repair it, or leave it out.") from None


def parse_json(data: bytes) -> Any:
    """The content of a JSON text, whose names need not be valid UTF-8.

    Raises:
        ValueError: if it is no JSON, nested too deeply, or would take too much memory.
    """
    objects = data.count(b"{") + data.count(b"[")
    if len(data) > MAX_JSON or objects > MAX_OBJECTS:
        raise ValueError(
            f"{len(data):,} bytes with {objects:,} lists and objects; at most {MAX_JSON:,} and {MAX_OBJECTS:,}"
        )
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
