"""Pairs of pictures and depth files: the usual layouts of folders, found by names alone.

A folder is walked once and its files are sorted, so that the same files give the same frames everywhere. Where two
readings are possible, none is taken: a sentence says what to type.
"""

import fnmatch
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from depthbench.data.formats.depth_files import DEPTH_SUFFIXES
from depthbench.data.readers.file_listing import Listing, list_files, split_ending
from depthbench.data.readers.wanted_names import (
    AS_USUAL,
    FOLDERS,
    KEYS,
    PICTURE_SUFFIXES,
    SUFFIXES,
    Wanted,
    file_pattern,
    folder_pattern,
)
from depthbench.errors import UserError
from depthbench.pinhole import Matrix

_RGB = re.compile(r"rgb_(.+)\.(?:jpe?g|png)", re.IGNORECASE)
_DEPTH = re.compile(r"(?:sync_)?depth_(.+)\.png", re.IGNORECASE)
_OTHER_DEPTH = re.compile(r"(?:sync_)?depth_(.+)\.(?:png|npy|npz|exr|tiff?|pfm)", re.IGNORECASE)
_WORDS = {
    "picture": re.compile(r"(?:(?:rgb|image|color)[._-](.+)|(.+)[._-](?:rgb|image|colors?))", re.IGNORECASE),
    "depth": re.compile(r"(?:(?:sync_)?(?:depth|gt)[._-](.+)|(.+)[._-](?:depth|gt))", re.IGNORECASE),
    "mask": re.compile(r"(?:mask[._-](.+)|(.+?)(?:[._-]depth)?[._-]mask)", re.IGNORECASE),
    "camera": re.compile(r"(?:intrinsics?[._-](.+)|(.+)[._-]intrinsics?)", re.IGNORECASE),
}
FilesByRole = dict[str, dict[str, Path]]
"""Files by role and by the name of their frame."""


class Pair(NamedTuple):
    """The files of a frame and the name that they share; a mask and the camera, or its file, where there are any."""

    name: str
    rgb: Path
    depth: Path
    mask: Path | None = None
    camera: Path | Matrix | None = None


def find_pairs(root: Path, wanted: Wanted = AS_USUAL) -> list[Pair]:
    """All pairs below ``root``, sorted by name.

    Args:
        root: the folder.
        wanted: the names that the user gave.

    Raises:
        UserError: if there are none, a file has no partner, or two readings are possible.
    """
    listing = list_files(root)
    numbered: FilesByRole = {}
    if wanted in (Wanted(), Wanted(masks="none")):
        for pattern in (_DEPTH, _OTHER_DEPTH):  # png alone first, as it was before other formats were read
            numbered = _numbered(listing, pattern)
            if _both(numbered):
                return _joined(root, numbered)
    in_folders = _in_folders(listing, wanted)
    if _both(in_folders) and in_folders["picture"].keys().isdisjoint(in_folders["depth"]) and _of_tum(listing):
        raise UserError(_nothing_fits(listing, wanted, in_folders))
    if _both(in_folders):
        return _complete(_joined(root, in_folders), wanted)
    if wanted.pictures is None and wanted.depths is None and _both(beside := _beside(listing, wanted)):
        return _complete(_joined(root, beside), wanted)
    if any(numbered.values()):
        return _joined(root, numbered)  # the sentence about files without a partner
    raise UserError(_nothing_fits(listing, wanted, in_folders))


def _complete(pairs: list[Pair], wanted: Wanted) -> list[Pair]:
    """Raise :class:`UserError` if a frame lacks its mask or the file of its camera where such were named."""
    for role in ("mask", "camera"):
        alone = [pair for pair in pairs if getattr(pair, role) is None]
        if wanted[role] is not None and alone:
            endings = ", ".join(ending[1:] for ending in SUFFIXES[role])
            raise UserError(
                f"{KEYS[role]}={wanted[role]} has no file for {len(alone)} of {len(pairs)} frames, first "
                f"{alone[0].name} ({endings} are read); add it, or correct the name of the folder."
            )
    return pairs


def _both(found: FilesByRole) -> bool:
    return bool(found["picture"] and found["depth"])


def _numbered(listing: Listing, depths: re.Pattern[str]) -> FilesByRole:
    """``rgb_NAME.jpg`` and ``depth_NAME.png`` in one folder, or in ``rgb/`` and ``depth/`` side by side."""
    found: FilesByRole = {"picture": {}, "depth": {}}
    for parts, files in listing.folders.items():
        place = listing.root.joinpath(*parts)
        within = parts[:-1] if parts and parts[-1] in ("rgb", "depth") else parts
        for file in files:
            for pattern, role in ((_RGB, "picture"), (depths, "depth")):
                if match := pattern.fullmatch(file):
                    _add(found, role, "/".join((*within, match[1])), place / file, listing.root)
    return found


def _in_folders(listing: Listing, wanted: Wanted) -> FilesByRole:
    """Files by role and by the rest of their path, without the folder that names the role and without ending."""
    found: FilesByRole = {"picture": {}, "depth": {}, "mask": {}, "camera": {}}
    for parts, files in listing.folders.items():
        told = _role(parts, wanted)
        if told is None or (told[0] == "mask" and wanted.masks == "none"):
            continue
        role, start, stop = told
        within = (*parts[:start], *parts[stop:])
        pattern, folder = file_pattern(wanted[role]), listing.root.joinpath(*parts)
        for file in files:
            stem, ending = split_ending(file)
            if ending in SUFFIXES[role] and (pattern is None or fnmatch.fnmatchcase(file, pattern)):
                _add(found, role, "/".join((*within, stem)), folder / file, listing.root)
    if _both(found) and not found["picture"].keys() & found["depth"].keys():
        found["picture"], found["depth"] = (_without_words(found[role], role) for role in ("picture", "depth"))
    for role in ("mask", "camera"):
        if not found["picture"].keys() & found[role].keys():
            found[role] = _without_words(found[role], role)
    _ask_for_masks(found, wanted)
    return found


def _ask_for_masks(found: FilesByRole, wanted: Wanted) -> None:
    """Raise :class:`UserError` if there may be masks and nobody said whether they count."""
    same = found["mask"].keys() & found["picture"].keys() if wanted.masks is None else set()
    if not same:
        return
    path = found["mask"][min(same)]
    word = _WORDS["mask"].fullmatch(path.stem)
    said = f"'*_mask{path.suffix}'" if word and path.parent == found["picture"][min(same)].parent else path.parent.name
    raise UserError(
        f"{path} may be a mask of the depth: append data.masks={said} if depth counts where such files are not 0, "
        "data.masks=none to ignore them."
    )


def _role(parts: tuple[str, ...], wanted: Wanted) -> tuple[str, int, int] | None:
    """Role of a folder by the last part of its path that names one, and the range of these parts."""
    for stop in range(len(parts), 0, -1):
        for role in SUFFIXES:
            said = folder_pattern(wanted[role])
            start = stop - 1 - (said.count("/") if said else 0)
            name = "/".join(parts[max(start, 0) : stop])
            if fnmatch.fnmatchcase(name, said) if said else name.lower() in FOLDERS.get(role, ()):
                return role, start, stop
    return None


def _beside(listing: Listing, wanted: Wanted) -> FilesByRole:
    """``NAME_rgb.png`` or ``NAME.png`` beside ``NAME_depth.png``; ``x.color.png`` beside ``x.depth.png``."""
    found: FilesByRole = {"picture": {}, "depth": {}, "mask": {}, "camera": {}}
    plain: FilesByRole = {"picture": {}}
    for parts, files in listing.folders.items():
        place = listing.root.joinpath(*parts)
        for file in files:
            stem, ending = split_ending(file)
            for role in ("mask", "depth", "picture"):
                match = _WORDS[role].fullmatch(stem) if ending in SUFFIXES[role] else None
                if match or (ending in SUFFIXES[role] and stem.lower() in FOLDERS[role]):
                    own = (match[1] or match[2],) if match else ()  # rgb.png alone is called like its folder
                    _add(found, role, "/".join((*parts, *own)) or listing.root.name, place / file, listing.root)
                    break
            else:
                if ending in PICTURE_SUFFIXES:
                    _add(plain, "picture", "/".join((*parts, stem)), place / file, listing.root)
    if not found["picture"] and plain["picture"].keys() & found["depth"].keys():
        found["picture"] = plain["picture"]
    if wanted.masks == "none":
        found["mask"] = {}
    if _both(found):
        _ask_for_masks(found, wanted)
    return found


def _without_words(files: Mapping[str, Path], role: str) -> dict[str, Path]:
    """Names without the word for their role: ``rgb_0001`` is ``0001``. Unchanged where that would give a name twice."""
    short: dict[str, Path] = {}
    for name, path in files.items():
        folder, slash, stem = name.rpartition("/")
        match = _WORDS[role].fullmatch(stem)
        short.setdefault(f"{folder}{slash}{(match[1] or match[2]) if match else stem}", path)
    return short if len(short) == len(files) else dict(files)


def _add(found: FilesByRole, role: str, name: str, path: Path, root: Path) -> None:
    other = found[role].setdefault(name, path)
    if other is path:
        return
    one, two = sorted((other, path))
    what = {"picture": "pictures", "depth": "depth files", "mask": "masks", "camera": "files of the camera"}[role]
    told = f"{one} and {two.relative_to(root)} are {what} of the same frame"
    if one.parent != two.parent:
        a, b = _telling(one.relative_to(root).parts, two.relative_to(root).parts)
        raise UserError(f"{told}; append {KEYS[role]}={a} or {KEYS[role]}={b}, or remove one.")
    if one.suffix != two.suffix:
        raise UserError(f"{told}; append {KEYS[role]}='*{one.suffix}' or {KEYS[role]}='*{two.suffix}', or remove one.")
    raise UserError(f"{told}; remove one.")


def _telling(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, str]:
    """The folders that tell two paths apart."""
    for a, b in zip(one, two, strict=False):
        if a != b:
            return a, b
    return one[-2], two[-2]


def _joined(root: Path, found: Mapping[str, Mapping[str, Path]]) -> list[Pair]:
    pictures, depths = found["picture"], found["depth"]
    if pictures and depths and pictures.keys().isdisjoint(depths):
        one, other = (held[min(held)].relative_to(root) for held in (pictures, depths))
        raise UserError(
            f"No picture in {root} has the name of a depth file, first {one} and {other}; rename them, or name the "
            "pairs in a list (data.files=LIST)."
        )
    for lonely, has, lacks in ((pictures, "picture", "depth"), (depths, "depth image", "picture")):
        alone = sorted(lonely.keys() - (depths if lonely is pictures else pictures).keys())
        if alone:
            raise UserError(
                f"{len(alone)} files have no partner, first {lonely[alone[0]]}: a {has} without its {lacks}; "
                f"add the {lacks} or remove the {has}, or name the pairs in a list (data.files=LIST)."
            )
    masks, cameras = found.get("mask", {}), found.get("camera", {})
    return [Pair(name, pictures[name], depths[name], masks.get(name), cameras.get(name)) for name in sorted(pictures)]


def _of_tum(listing: Listing) -> bool:
    return any({"rgb.txt", "depth.txt"} <= set(files) for files in listing.folders.values())


def _nothing_fits(listing: Listing, wanted: Wanted, found: Mapping[str, Mapping[str, Path]]) -> str:
    """Contents of the folder, and layouts that would be read."""
    root = listing.root
    if _of_tum(listing):
        return f"{root} holds rgb.txt and depth.txt, as TUM RGB-D does; choose data=tum."
    shown = listing.first()
    holds = f"the first files there are {', '.join(shown)}" if shown else "it holds no files"
    if listing.links:
        holds += f" (links to folders, such as {listing.links[0]}, are not followed: copy, mount or bind them)"
    have = [role for role in ("picture", "depth") if found.get(role)]
    if have:
        lacking = "depth" if have == ["picture"] else "picture"
        first = next(iter(found[have[0]].values()))
        start = f"{first} is a {have[0]}, but no {lacking} files were found below {root}"
    else:
        start = f"No pictures with depth were found below {root}"
    said = [f"{KEYS[role]}={wanted[role]}" for role in ("picture", "depth") if wanted[role]]
    given = f" by {' and '.join(said)}" if said else ""
    endings = ", ".join(suffix[1:] for suffix in DEPTH_SUFFIXES)
    return (
        f"{start}{given}; {holds}. These layouts are read: folders rgb, image, images or color with jpg or png, beside "
        f"depth, depths or gt with files of the same names ({endings}); rgb_NAME.jpg beside depth_NAME.png; "
        "NAME_rgb.jpg beside NAME_depth.png. Other folders: data.pictures=FOLDER data.depths=FOLDER; other names: a "
        "list, data.files=LIST."
    )
