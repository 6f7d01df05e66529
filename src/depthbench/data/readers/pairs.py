"""A folder of pictures with 16-bit depth images beside them: your own data, NYUv2 as BTS lays it out."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from depthbench.config.amounts import evenly_spaced
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.reader import INDOOR, Reader, existing_folder, read_pair
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.geometry import camera_matrix

_RGB = re.compile(r"rgb_(.+)\.(?:jpe?g|png)", re.IGNORECASE)
_DEPTH = re.compile(r"(?:sync_)?depth_(.+)\.png", re.IGNORECASE)


class Pair(NamedTuple):
    """The two files of a frame and its name: the folder within the root and what follows ``rgb_``."""

    name: str
    rgb: Path
    depth: Path


class Pairs(Reader):
    """Frames from ``rgb_NAME.jpg|png`` and ``depth_NAME.png`` or ``sync_depth_NAME.png``, in any subfolders.

    Both lie in one folder, or the pictures in ``rgb/`` and the depth images in ``depth/`` beside it.

    Args:
        root: the folder.
        scale: metres per unit of the 16-bit depth images (0.001 for millimetres). Never guessed.
        split: how many frames, evenly spaced over the sorted names; None for all.
        intrinsics: (fx, fy, cx, cy) in pixels of the stored pictures, integer coordinates at pixel centers.
        plausible: metres between which the median depth must lie; a few frames are looked at when opened.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if there are no pairs, a picture lacks its depth or the reverse, the unit is
            implausible; when read, if a file is damaged, not 16-bit, or the two differ in size.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from depthbench.data import Pairs
        >>> folder = tempfile.mkdtemp()
        >>> written = cv2.imwrite(f"{folder}/rgb_0.png", np.full((24, 32, 3), 90, np.uint8))
        >>> written = cv2.imwrite(f"{folder}/depth_0.png", np.full((24, 32), 2500, np.uint16))
        >>> frame = Pairs(folder, scale=0.001)[0]
        >>> frame.name, round(float(frame.depth.mean()), 3)
        ('0', 2.5)
    """

    def __init__(
        self,
        root: str | Path,
        scale: float | None = None,
        split: str | int | None = None,
        intrinsics: Sequence[float] | None = None,
        plausible: tuple[float, float] = INDOOR,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.root = existing_folder(root, "rgb_*.jpg with depth_*.png or sync_depth_*.png")
        self.scale = checked_scale(scale, self.root)
        self.missing = missing(invalid, max_depth)
        self.matrix = None if intrinsics is None else camera_matrix(intrinsics)
        pairs = find_pairs(self.root)
        self.pairs = pairs if split is None else [pairs[index] for index in evenly_spaced(len(pairs), split)]
        self.names = [pair.name for pair in self.pairs]
        self.check_units(self.scale, plausible, bits=16)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        name, rgb, depth = self.pairs[index]
        return Sample(*read_pair(rgb, depth, self.scale, self.missing), self.matrix, name)


def checked_scale(scale: float | None, root: Path) -> float:
    """Metres per unit.

    Raises:
        UserError: if it is not given or not positive; says where the unit may be written.
    """
    if isinstance(scale, int | float) and scale > 0:
        return float(scale)
    readme = next((path for path in (root, root.parent) if (path / "README.md").is_file()), None)
    hint = f"; {readme / 'README.md'} may say it" if readme else ""
    problem = "is not given" if scale is None else f"cannot be {scale}"
    raise UserError(
        f"The unit of the depth images in {root} {problem}: set data.scale to metres per unit, "
        f"such as data.scale=0.001 for millimetres{hint}."
    )


def find_pairs(root: Path) -> list[Pair]:
    """All pairs below ``root``, sorted by name; links to folders are not followed, so a loop cannot trap it.

    Raises:
        UserError: if there are none, or a file has no partner.
    """
    pictures: dict[str, Path] = {}
    depths: dict[str, Path] = {}
    for folder, _, files in os.walk(root):
        place = Path(folder)
        within = place.relative_to(root)
        frame_folder = within.parent if within.name in ("rgb", "depth") else within
        for file in files:
            for pattern, found in ((_RGB, pictures), (_DEPTH, depths)):
                if match := pattern.fullmatch(file):
                    key = (frame_folder / match[1]).as_posix()
                    if key in found:
                        raise UserError(f"{place / file} and {found[key]} are the same frame; remove one.")
                    found[key] = place / file
    if not pictures and not depths:
        raise UserError(f"No rgb_*.jpg or rgb_*.png below {root}; is data.root right?")
    for lonely, has, lacks in ((pictures, "picture", "depth"), (depths, "depth image", "picture")):
        missing = sorted(lonely.keys() - (depths if lonely is pictures else pictures).keys())
        if missing:
            raise UserError(
                f"{len(missing)} files have no partner, first {lonely[missing[0]]}: a {has} without its {lacks}; "
                f"add the {lacks} or remove the {has}."
            )
    return [Pair(key, pictures[key], depths[key]) for key in sorted(pictures)]
