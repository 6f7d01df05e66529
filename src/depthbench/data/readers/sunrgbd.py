"""SUN RGB-D: rooms seen by four kinds of depth camera."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.listed import fitted, found_instead
from depthbench.data.formats.lists import parse_lines
from depthbench.data.formats.store import inside
from depthbench.data.readers.reader import Reader, existing_folder, same_size
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import decode_depth, decode_rgb
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT

_MAX_CAMERA = 10_000  # bytes; nine numbers have 100


class SUNRGBD(Reader):
    """Folders that each hold ``image/*.jpg``, ``depth/*.png``, ``depth_bfx/*.png`` and ``intrinsics.txt``.

    Depth images hold millimetres with their bits rotated left by three.

    Args:
        root: the folder below which the frames' folders lie, at any depth.
        depth: ``bfx`` (holes filled from other views) or ``raw``.
        files: a text file of folders below root, one per line (an official split); None for all.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which a value counts as missing (the toolbox sets it to the limit instead).
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if there are no frames, one is incomplete, or the unit is implausible.
    """

    known_as = "SUN RGB-D"

    def __init__(
        self,
        root: str | Path,
        depth: Literal["bfx", "raw"] = "bfx",
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float = 10.0,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        if depth not in ("bfx", "raw"):
            raise UserError(f"data.depth={depth} is unknown; choose bfx or raw.")
        self.root = existing_folder(root, "the frames' folders, each with image and depth")
        self.kind, self.max_depth = "depth_bfx" if depth == "bfx" else "depth", max_depth
        folders = _find(self.root) if files is None else fitted(self.root, _listed(files), Path.is_dir)
        if not folders:
            raise UserError(f"No folder below {root} holds both image and depth; is data.root right?")
        wanted = range(len(folders)) if split is None else evenly_spaced(len(folders), split)
        self.names = [folders[index] for index in wanted]
        self.check_units(0.001, fixed=True)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        folder = self.root / self.names[index]
        rgb, depth = _only(folder / "image", ".jpg", self.root), _only(folder / self.kind, ".png", self.root)
        image = decode_rgb(read_bytes(rgb), rgb)
        metres = unrotate(decode_depth(read_bytes(depth), depth)) * np.float32(0.001)
        same_size(image, metres, rgb, depth)
        metres[metres > self.max_depth] = 0
        return Sample(image, metres, _camera(folder / "intrinsics.txt"), self.names[index])


def unrotate(stored: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Bits rotated right by three: stored value -> millimetres (SUNRGBDtoolbox, read3dPoints)."""
    return np.asarray((stored >> 3) | (stored << 13), np.uint16)


def _find(root: Path) -> list[str]:
    return sorted(
        Path(folder).relative_to(root).as_posix()
        for folder, inner, _ in os.walk(root)
        if "image" in inner and "depth" in inner
    )


def _listed(files: str | Path) -> list[str]:
    path = Path(files).expanduser()
    listed = [inside(line.strip(), path) for line in parse_lines(read_bytes(path, MAX_TEXT), path) if line.strip()]
    if not listed:
        raise UserError(f"{path} is empty; it should list one folder per line.")
    return listed


def _only(folder: Path, suffix: str, root: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder ({found_instead(folder, root)}); check data.root and the list.")
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() == suffix)
    if len(found) != 1:
        raise UserError(f"{folder} holds {len(found)} {suffix} files instead of one; download this frame again.")
    return found[0]


def _camera(path: Path) -> NDArray[np.float64]:
    data = read_bytes(path, _MAX_CAMERA)
    try:
        return np.array(data.split(), dtype=np.float64).reshape(3, 3)
    except ValueError as error:
        raise UserError(f"{path} does not hold the nine numbers of a camera; download this frame again.") from error
