"""The files below a folder, walked once, in order of name: the same files give the same frames everywhere."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from depthbench.errors import UserError


@dataclass
class Listing:
    """Contents of a folder: files by the parts of their folder, and links to folders, which are not followed."""

    root: Path
    folders: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)

    def first(self, count: int = 4) -> list[str]:
        """Some files to show, from as many folders."""
        found = [(*parts, files[0]) for parts, files in self.folders.items() if files]
        more = [(*parts, name) for parts, files in self.folders.items() for name in files[1:count]]
        return ["/".join(place) for place in [*found, *more][:count]]


def list_files(root: Path) -> Listing:
    """Every file below a folder in order of name, without hidden ones; links to folders are not followed."""
    listing = Listing(root)
    waiting: list[tuple[str, tuple[str, ...]]] = [(str(root), ())]
    while waiting:
        place, parts = waiting.pop()
        inner, files = [], []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        inner.append(entry.name)
                    elif entry.is_symlink() and entry.is_dir():
                        listing.links.append("/".join((*parts, entry.name)))
                    else:
                        files.append(entry.name)
        except OSError as error:
            raise UserError(f"{place} can't be read ({error}); check its permissions and the disk.") from None
        listing.folders[parts] = sorted(files)
        waiting += [(f"{place}/{name}", (*parts, name)) for name in sorted(inner, reverse=True)]
    listing.links.sort()
    return listing


def split_ending(file: str) -> tuple[str, str]:
    """The name of a file and its ending in small letters."""
    stem, dot, ending = file.rpartition(".")
    return (stem, f".{ending.lower()}") if dot else (file, "")
