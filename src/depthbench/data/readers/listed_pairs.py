"""Pairs of a list, where its files lie below the root."""

from collections import Counter
from pathlib import Path

from depthbench.data.formats.listed import fitted
from depthbench.data.formats.pair_lists import ListedPair, read_pair_list
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.reader import checked_files
from depthbench.errors import UserError


def listed_pairs(files: Path, root: Path) -> list[Pair]:
    """The pairs of a list in its order; a frame is called like its picture, or as the list says.

    Args:
        files: the list; looked for as it is written, then below the root.
        root: of the files in it.

    Raises:
        UserError: if the list can't be read, files of it are missing, or a name stands twice.
    """
    given = files.expanduser()
    path = given if given.is_file() or not (root / given).is_file() else root / given
    listed = read_pair_list(path)
    rgbs, depths = (fitted(root, [getattr(pair, key) for pair in listed]) for key in ("rgb", "depth"))
    masks, cameras = (_column(listed, key, root) for key in ("mask", "camera"))
    names = [pair.name or rgb.rpartition(".")[0] for pair, rgb in zip(listed, rgbs, strict=True)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{path} names the frame {twice[0]} several times; remove the repeated lines.")
    checked_files((root / name for pair in zip(rgbs, depths, strict=True) for name in pair), root)
    return [
        Pair(name, root / rgb, root / depth, masks.get(index), cameras.get(index, pair.camera))  # type: ignore[arg-type]
        for index, (name, rgb, depth, pair) in enumerate(zip(names, rgbs, depths, listed, strict=True))
    ]


def _column(listed: list[ListedPair], key: str, root: Path) -> dict[int, Path]:
    """Files of a column that need not be in each line, by line."""
    files = {index: value for index, pair in enumerate(listed) if isinstance(value := getattr(pair, key), str)}
    return dict(zip(files, (root / name for name in fitted(root, list(files.values()))), strict=True))
