"""Lists of one's own pairs: a picture and its depth per line, and a mask and intrinsics where there are any."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from depthbench.data.formats.cameras import parse_camera
from depthbench.data.formats.lists import parse_lines, separated
from depthbench.data.formats.store import inside
from depthbench.errors import UserError, reason_of
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT
from depthbench.pinhole import Matrix

_COLUMNS = {
    "picture": "picture",
    "rgb": "picture",
    "image": "picture",
    "color": "picture",
    "depth": "depth",
    "gt": "depth",
    "mask": "mask",
    "intrinsics": "intrinsics",
    "camera": "intrinsics",
    "name": "name",
    **{key: key for key in ("fx", "fy", "cx", "cy")},
}
_NUMBERS = ("fx", "fy", "cx", "cy")
_BY_COUNT = {
    2: ("picture", "depth"),
    3: ("picture", "depth", "mask"),
    6: ("picture", "depth", *_NUMBERS),
    7: ("picture", "depth", "mask", *_NUMBERS),
}
_SHAPE = "picture, depth, and where there are any mask, and fx, fy, cx, cy or a file with them"
_NO_DEPTH = "none"  # BTS writes None for a picture without depth


class ListedPair(NamedTuple):
    """One line: files below the root; intrinsics as a matrix or a file; the name of the frame where it is given."""

    rgb: str
    depth: str
    mask: str | None = None
    camera: Matrix | str | None = None
    name: str | None = None


def read_pair_list(path: Path) -> list[ListedPair]:
    """The lines of a txt or csv, with cells between commas, tabs or blanks; lines that begin with # are comments.

    A first line without files may name the columns: picture, depth, mask, intrinsics, fx, fy, cx, cy, name.

    Raises:
        UserError: if a line reads otherwise or leads out of the data, with its number.
    """
    lines = [
        (number, line) for number, line in enumerate(parse_lines(read_bytes(path, MAX_TEXT), path), 1) if line.strip()
    ]
    lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        raise UserError(f"{path} is empty; it should list {_SHAPE} in each line.")
    columns = _header(_cells(lines[0][1]), path)
    if columns:
        lines = lines[1:]
    found = []
    for number, line in lines:
        cells = _cells(line)
        where = f"{path}, line {number}"
        pair = _pair(dict(zip(_of_line(cells, columns, where), cells, strict=True)), where)
        if pair is not None:
            found.append(pair)
    if not found:
        raise UserError(f"{path} lists no picture with depth; it should list {_SHAPE} in each line.")
    return found


def _cells(line: str) -> list[str]:
    return separated(line) if "," in line or "\t" in line else line.split()


def _header(cells: Sequence[str], path: Path) -> list[str] | None:
    """The columns where the first line names them, else None."""
    plain = [cell.lower().strip() for cell in cells]
    if not any(cell in _COLUMNS for cell in plain) or any("." in cell or "/" in cell for cell in plain):
        return None
    strange = [cell for cell in plain if cell not in _COLUMNS]
    if strange:
        raise UserError(
            f"{path} has the unknown column {strange[0]!r}; remove it. Known columns are picture, depth, "
            "mask, intrinsics (a file), fx, fy, cx, cy and name."
        )
    columns = [_COLUMNS[cell] for cell in plain]
    if len(set(columns)) < len(columns) or not {"picture", "depth"} <= set(columns):
        raise UserError(f"{path} names the columns {', '.join(plain)}; there must be one picture and one depth.")
    return columns


def _of_line(cells: Sequence[str], columns: Sequence[str] | None, where: str) -> Sequence[str]:
    found = columns or _BY_COUNT.get(len(cells))
    if found is None or len(found) != len(cells):
        blanks = "; put commas between the cells where names have blanks" if len(cells) > 3 else ""
        raise UserError(f"{where} has {len(cells)} cells, not {_SHAPE}{blanks}: {' '.join(cells)[:120]!r}.")
    if columns is None and len(cells) == 3:
        if _is_number(cells[2]):
            raise UserError(
                f"{where} ends in the number {cells[2]}, which can't be a mask: if it is a focal length, give "
                "data.intrinsics=[fx,fy,cx,cy] and leave it out of the list."
            )
        return ("picture", "depth", "intrinsics" if cells[2].lower().endswith((".txt", ".json")) else "mask")
    return found


def _pair(cells: dict[str, str], where: str) -> ListedPair | None:
    if cells["depth"].lower() in (_NO_DEPTH, ""):
        return None
    mask = cells.get("mask") or None
    return ListedPair(
        inside(cells["picture"], where),
        inside(cells["depth"], where),
        None if mask is None or mask.lower() == _NO_DEPTH else inside(mask, where),
        _camera(cells, where),
        cells.get("name") or None,
    )


def _camera(cells: dict[str, str], where: str) -> Matrix | str | None:
    numbers = [cells[key] for key in _NUMBERS if cells.get(key)]
    text = cells.get("intrinsics") or (" ".join(numbers) if numbers else None)
    if text is None:
        return None
    if text.lower().endswith((".txt", ".json")):
        return inside(text, where)
    try:
        return parse_camera(text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except ValueError as error:
        raise UserError(
            f"{where} has the intrinsics {text[:60]!r} ({reason_of(error, where)}); write fx, fy, cx and cy."
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
