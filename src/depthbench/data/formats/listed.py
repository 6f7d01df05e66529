"""Places and order of the files of a list that was written on another machine."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

PICTURES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")
_PROBES = 16


def by_numbers(name: str) -> list[tuple[int, str]]:
    """A key that sorts runs of digits by their value.

    Example:
        >>> from depthbench.data.formats.listed import by_numbers
        >>> sorted(["a/10", "a/9", "a"], key=by_numbers)
        ['a', 'a/9', 'a/10']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def fitted(root: Path, names: Sequence[str], exists: Callable[[Path], bool] = Path.is_file) -> list[str]:
    """Names of a list as they lie below ``root``.

    A list may have a prefix of its own (``/n/fs/sun3d/data/SUNRGBD/kv1/...``), and pictures may have been stored anew
    with another ending (``.jpg`` for ``.png``). Where the names as they stand are not there, and exactly one prefix
    taken off, with at most one other ending, gives files for all names that are looked at, the names are read so.

    Args:
        root: the folder.
        names: from the list, with forward slashes.
        exists: whether there is something at a path.
    """
    if not names:
        return []
    probes = [names[index * len(names) // _PROBES] for index in range(_PROBES)]
    if all(exists(root / name) for name in probes):
        return list(names)
    least = min(name.count("/") for name in probes)
    readings = []
    for drop in range(least + 1):
        for ending in (None, *PICTURES):
            changed = [_changed(name, drop, ending) for name in probes]
            if changed != probes and all(exists(root / name) for name in changed):
                readings.append((drop, ending))
                break  # .jpg and .JPG are one file on some systems
    if len(readings) != 1:
        return list(names)
    return [_changed(name, *readings[0]) for name in names]


def _changed(name: str, drop: int, ending: str | None) -> str:
    name = "/".join(name.split("/")[drop:])
    stem, dot, old = name.rpartition(".")
    return f"{stem}{ending}" if ending and dot and f".{old}" in PICTURES else name


def found_instead(path: Path, root: Path) -> str:
    """The thing found at the place of a listed file, as half a sentence for errors."""
    if path.parent.is_dir():
        beside = sorted(file.name for file in path.parent.iterdir() if file.is_file())
        same = [name for name in beside if Path(name).stem == path.stem]
        if same or beside:
            return f"its folder holds {(same or beside)[0]}"
        return "its folder is empty"
    inside = path.parent
    while inside != root and root in inside.parents and not inside.is_dir():
        inside = inside.parent
    some = sorted(file.name for file in inside.iterdir())[:3] if inside.is_dir() else []
    return f"there is no such folder; {inside} holds {', '.join(some) or 'nothing'}"
