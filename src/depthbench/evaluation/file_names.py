"""Matching predictions with frames, where files are not named exactly like the frames."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from depthbench.errors import UserError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".npy", ".npz", ".pfm", ".exr", ".tif", ".tiff", ".mat")
_FORMS: tuple[Callable[[str], str], ...] = (
    lambda name: name,
    lambda name: name.replace("/", "_"),
    lambda name: name.replace("/", "-"),
    lambda name: name.rpartition("/")[2],
)
"""Forms of a frame's name in one folder: as it is, without subfolders, or its last part."""


def matched(names: Sequence[str], listed: Sequence[str], where: str, pictures: Sequence[str] = ()) -> list[int]:
    """The place in ``listed`` of the prediction of each frame.

    Exact names go first. Else one prefix and one suffix around all of them are taken off (``rgb_0000_depth``,
    ``scene/pred/0000``), if that gives every frame one prediction and every prediction one frame, and only one such
    reading exists. Else the same is tried with the files of the pictures (``scene/rgb/0000``), and with these below a
    folder that all share.

    Args:
        names: of the frames.
        listed: of the predictions, without endings.
        where: how errors call the folder or the stack.
        pictures: of the frames, without endings, where they may be called otherwise.

    Raises:
        UserError: if predictions are lacking, superfluous or repeated, or there are two readings.
    """
    repeated = sorted(name for name, count in Counter(listed).items() if count > 1)
    if repeated:
        raise UserError(f"{where} holds several predictions of {_first(repeated)}; keep one of each.")
    places = {name: place for place, name in enumerate(listed)}
    lacking = [name for name in names if name not in places]
    superfluous = sorted(set(listed) - set(names))
    if not lacking and not superfluous:
        return [places[name] for name in names]
    found: dict[tuple[int, ...], None] = {}
    for called in (names, *_within(pictures)) if len(names) == len(listed) else ():
        found = found or dict.fromkeys(_readings(called, places))
    if len(found) == 1:
        return list(next(iter(found)))
    holds = f"; it holds {_first(superfluous)}" if superfluous else ""
    if len(found) > 1:
        one, other = (listed[reading[0]] for reading in list(found)[:2])
        raise UserError(f"{where}: '{one}' and '{other}' both may be the prediction of {names[0]}; name it {names[0]}.")
    if lacking:
        raise UserError(f"{where} lacks predictions of {_first(lacking)}{holds}.")
    raise UserError(
        f"{where} holds files that belong to no frame of this data set: {_first(superfluous)}; remove them, or "
        "choose the data set that they belong to."
    )


def _readings(names: Sequence[str], places: dict[str, int]) -> Iterator[tuple[int, ...]]:
    """Every way to pair all of them by one prefix and one suffix, the shortest additions first."""
    for form in _FORMS:
        short = [form(name) for name in names]
        if len(set(short)) < len(short):
            continue
        folder, _, base = short[0].rpartition("/")
        around = set()
        for one in places:
            inside, _, file = one.rpartition("/")
            if inside != folder and not inside.startswith(f"{folder}/" if folder else ""):
                continue
            inner = inside[len(folder) :].strip("/")  # scene/pred/0000 for scene/0000
            start = file.find(base)
            while start >= 0:
                around.add((f"{inner}/{file[:start]}" if inner else file[:start], file[start + len(base) :]))
                start = file.find(base, start + 1)
        for before, after in sorted(around, key=lambda pair: (len("".join(pair)), pair)):
            wanted = [_framed(name, before, after) for name in short]
            if all(name in places for name in wanted):
                yield tuple(places[name] for name in wanted)


def _within(pictures: Sequence[str]) -> Iterator[list[str]]:
    """Names of pictures, then without the first folder that all share, the second, and so on."""
    names = list(pictures)
    while names:
        yield names
        first = {name.partition("/")[0] if "/" in name else "" for name in names}
        if len(first) != 1 or first == {""}:
            return
        names = [name.partition("/")[2] for name in names]


def _framed(name: str, before: str, after: str) -> str:
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}{before}{base}{after}"


def below_one_folder(names: Sequence[str], maps: Sequence[str], where: str, pictures: Sequence[str] = ()) -> list[int]:
    """Like :func:`matched` of files, also without the first folder where all lie in one: zips often hold one folder."""
    listed = [stem_of(name) for name in maps]
    try:
        return matched(names, listed, where, pictures)
    except UserError:
        first = {name.partition("/")[0] if "/" in name else "" for name in listed}
        if len(first) > 1 or first == {""}:
            raise
        return matched(names, [name.partition("/")[2] for name in listed], where, pictures)


def stem_of(name: str) -> str:
    """A name without its last ending."""
    return name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix else name


def without_ending(name: str) -> str:
    """A name without the ending of a picture or a map."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending.lower()}" in _SUFFIXES else name


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
