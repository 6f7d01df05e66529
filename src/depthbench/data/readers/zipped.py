"""Pairs listed by a csv, read straight from the zip they came in: DenseDepth's NYUv2, and Lee and Kim's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.lists import Entry, parse_list
from depthbench.data.formats.store import Store
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.nyu_labeled import INTRINSICS
from depthbench.data.readers.reader import INDOOR, Reader, same_size
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import decode_depth, decode_rgb
from depthbench.pinhole import camera_matrix


class Zipped(Reader):
    """Pairs of a zip (or of the folder of its content) that a csv inside lists as ``picture,depth``.

    Args:
        root: the zip, or the folder.
        csv: name of the list inside.
        scale: metres per unit of the depth images.
        bits: of the depth images, 8 or 16.
        split: how many of the frames, evenly spaced; None for all.
        intrinsics: (fx, fy, cx, cy) in pixels of the pictures, None where unknown.
        plausible: metres between which the median depth must lie.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if the zip is damaged, the csv or a listed file is missing, or the unit is implausible.
    """

    def __init__(
        self,
        root: str | Path,
        csv: str,
        scale: float,
        bits: Literal[8, 16] = 16,
        split: str | int | None = None,
        intrinsics: Sequence[float] | None = None,
        plausible: tuple[float, float] = INDOOR,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        if bits not in (8, 16):
            raise UserError(f"data.bits={bits}: depth images have 8 or 16 bits.")
        self.root = Path(root).expanduser()
        self.scale, self.dtype = scale, np.uint8 if bits == 8 else np.uint16
        self.missing = missing(invalid, max_depth)
        self.matrix = None if intrinsics is None else camera_matrix(intrinsics)
        self.store = Store(self.root)
        listed = [(entry.rgb, entry.depth) for entry in self._entries(csv) if entry.depth]
        if not listed:
            raise UserError(f"{self.store.where(csv)} lists no picture with depth; is it the right list?")
        wanted = range(len(listed)) if split is None else evenly_spaced(len(listed), split)
        self.files = [listed[index] for index in wanted]
        self.names = [rgb.rsplit(".", 1)[0] for rgb, _ in self.files]
        self.check_units(scale, plausible, bits=bits)

    def _entries(self, csv: str) -> list[Entry]:
        if csv not in self.store:
            raise UserError(f"{self.root} has no {csv}; is it the right zip, or the folder of its content?")
        entries = parse_list(self.store.read(csv), self.store.where(csv))
        for entry in entries:
            for name in (entry.rgb, entry.depth):
                if name and name not in self.store:
                    raise UserError(f"{self.store.where(name)} is listed but missing; download the zip again.")
        return entries

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        rgb, depth = self.files[index]
        image = decode_rgb(self.store.read(rgb), self.store.where(rgb))
        stored = decode_depth(self.store.read(depth), self.store.where(depth), self.dtype)
        metres = self.missing.metres(stored, self.scale)
        same_size(image, metres, self.store.where(rgb), self.store.where(depth))
        return Sample(image, metres, self.matrix, self.names[index])


class DenseDepthNYU(Zipped):
    """``nyu_data.zip`` of DenseDepth (also Hu et al.): about 50k training pairs and the 654 test pairs.

    Training depth has 8 bits, 255 = 10 m (a step of 3.9 cm); test depth 16 bits, millimetres.

    Args:
        root: ``nyu_data.zip``, or the folder of its content.
        part: ``train`` or ``test``.
        split: how many of the part's frames, evenly spaced; None for all.
        size: (height, width) of the image delivered; None for 480x640.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: as :class:`Zipped`.
    """

    known_as = "NYUv2"
    truth = "filled"

    def __init__(
        self,
        root: str | Path,
        part: Literal["train", "test"] = "train",
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        forms: dict[str, tuple[float, Literal[8, 16]]] = {"train": (10 / 255, 8), "test": (0.001, 16)}
        if part not in forms:
            raise UserError(f"part={part} is unknown; choose train or test.")
        scale, bits = forms[part]
        csv = f"data/nyu2_{part}.csv"
        # 255 is a depth: beyond 10 m DenseDepth stores 10 m.
        super().__init__(root, csv, scale, bits, split, INTRINSICS, size=size, depth_size=depth_size, invalid="none")
