"""Lists of prediction files: a path in each line, and perhaps the name of its frame."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from depthbench.data.formats.listed import fitted
from depthbench.data.formats.lists import parse_lines, separated
from depthbench.data.formats.store import inside
from depthbench.errors import UserError
from depthbench.evaluation.map_files import MAP_SUFFIXES
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT

LISTS = (".csv", ".txt")

_COLUMNS = {
    **dict.fromkeys(("name", "frame", "id", "image", "picture", "rgb"), "name"),
    **dict.fromkeys(("path", "file", "filename", "prediction", "pred", "depth", "disparity"), "path"),
}
_SHAPE = "the path of a prediction in each line, and perhaps the name of its frame (header: name,path)"


class ListedMaps(NamedTuple):
    """Prediction files in the order of their list, and the names of their frames where the list has these."""

    files: list[Path]
    names: list[str] | None


def read_map_list(path: Path) -> ListedMaps:
    """The prediction files of a csv or txt, whose paths are relative to its folder.

    Cells are separated by commas or tabs; lines that begin with # are comments. A first line without a file may name
    the columns ``name`` and ``path``. Without it, of two columns the one that names files of predictions is the path.

    Raises:
        UserError: if a line reads otherwise, leads out of the list's folder or names no file, or a file is named twice.
    """
    rows = [
        (number, separated(line))
        for number, line in enumerate(parse_lines(read_bytes(path, MAX_TEXT), path), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    columns, rows = _columns(rows, path)
    for number, cells in rows:
        if len(cells) != len(columns):
            raise UserError(
                f"{path}, line {number} has {len(cells)} cells, not {len(columns)}; it should list {_SHAPE}."
            )
    place = columns.index("path")
    names = [cells[columns.index("name")] for _, cells in rows] if "name" in columns else None
    return ListedMaps(_files(path, [(number, cells[place]) for number, cells in rows]), names)


def _columns(rows: list[tuple[int, list[str]]], path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The meaning of each column, and the rows without the header."""
    if not rows:
        raise UserError(f"{path} is empty; it should list {_SHAPE}.")
    first = [cell.lower() for cell in rows[0][1]]
    if set(first) & set(_COLUMNS) and not any(map(_is_map, first)):
        columns = [_COLUMNS.get(cell, cell) for cell in first]
        if columns.count("path") != 1 or columns.count("name") > 1:
            raise UserError(
                f"{path} names the columns {', '.join(first)}; there must be one path and at most one name."
            )
        if len(rows) == 1:
            raise UserError(f"{path} has a header and no line below it; it should list {_SHAPE}.")
        return columns, rows[1:]
    if len(first) == 1:
        return ["path"], rows
    found = [place for place in (0, 1) if all(_is_map(cells[place]) for _, cells in rows if place < len(cells))]
    if len(first) == 2 and len(found) == 1:
        return (["path", "name"] if found == [0] else ["name", "path"]), rows
    raise UserError(
        f"{path} has {len(first)} columns, and it is not clear which is the path: write name,path (or path,name ...) "
        "into a first line."
    )


def _files(path: Path, listed: Sequence[tuple[int, str]]) -> list[Path]:
    for number, cell in listed:
        if not _is_map(cell):
            raise UserError(
                f"{path}, line {number} names {cell[:120]!r}, which is not a prediction ({', '.join(MAP_SUFFIXES)})."
            )
    plain = [inside(cell, f"{path}, line {number}") for number, cell in listed]
    repeated = [name for name, count in Counter(plain).items() if count > 1]
    if repeated:
        raise UserError(f"{path} names {repeated[0]} twice; name each file once.")
    files = [path.parent / name for name in fitted(path.parent, plain)]
    lacking = [(number, file) for (number, _), file in zip(listed, files, strict=True) if not file.is_file()]
    if lacking:
        number, file = lacking[0]
        more = f" ({len(lacking)} of {len(files)} are missing)" if len(lacking) > 1 else ""
        raise UserError(f"{path}, line {number}: there is no {file}{more}; paths are relative to the list's folder.")
    return files


def _is_map(cell: str) -> bool:
    return cell.lower().endswith(MAP_SUFFIXES)
