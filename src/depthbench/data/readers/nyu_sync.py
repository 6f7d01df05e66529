"""NYUv2 as BTS prepared it: synchronized, projected pairs of the raw training scenes, with list files."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.listed import fitted
from depthbench.data.formats.lists import read_list
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.nyu_labeled import INTRINSICS
from depthbench.data.readers.reader import Reader, checked_files, existing_folder, read_pair
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.pinhole import camera_matrix


class NYUSync(Reader):
    """Pairs ``scene/rgb_00045.jpg`` and ``scene/sync_depth_00045.png`` (16 bits, millimetres, 0 = missing), 480x640.

    Args:
        root: the folder that holds the scenes (of ``sync`` for training, of ``official_splits/test`` for testing).
        files: the list, such as ``nyudepthv2_train_files_with_gt.txt`` (24,231 lines); plain or gzipped.
        split: how many of its frames, evenly spaced; None for all.
        scale: metres per unit.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None for 480x640.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        intrinsics: (fx, fy, cx, cy) in pixels of the pictures.

    Raises:
        UserError: when opened, if the list or files of it are missing, or the unit is implausible.
    """

    known_as = "NYUv2"
    truth = "raw"

    def __init__(
        self,
        root: str | Path,
        files: str | Path,
        split: str | int | None = None,
        scale: float = 0.001,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        intrinsics: Sequence[float] = INTRINSICS,
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.root = existing_folder(root, "the scenes, each with rgb_*.jpg and sync_depth_*.png")
        self.missing = missing(invalid, max_depth)
        self.scale, self.matrix = scale, camera_matrix(intrinsics)
        listed = [(entry.rgb, entry.depth) for entry in read_list(files) if entry.depth]
        if not listed:
            raise UserError(f"{files} lists no picture with depth; is it the right list?")
        columns = [fitted(self.root, column) for column in zip(*listed, strict=True)]
        listed = list(zip(*columns, strict=True))
        wanted = range(len(listed)) if split is None else evenly_spaced(len(listed), split)
        self.files = [listed[index] for index in wanted]
        self.listed = [rgb.rsplit(".", 1)[0] for rgb, _ in listed]
        self.names = [self.listed[index] for index in wanted]
        checked_files((self.root / name for pair in self.files for name in pair), self.root)
        self.check_units(scale, bits=16)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        rgb, depth = (self.root / name for name in self.files[index])
        return Sample(*read_pair(rgb, depth, self.scale, self.missing), self.matrix, self.names[index])
