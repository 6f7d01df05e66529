"""Bonn RGB-D Dynamic (Palazzolo et al., IROS 2019): people and balloons before a depth camera."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.data.missing import Invalid
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.reader import INDOOR
from depthbench.data.readers.tum import PER_METRE, TUM, read_stamps
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.pinhole import Matrix, camera_matrix

INTRINSICS = (542.822841, 542.576870, 315.593520, 237.756098)  # the data set's page; depth is registered to them
_PREFIX = "rgbd_bonn_"


class Bonn(TUM):
    """``rgbd_bonn_balloon2`` and its sisters, in the form of TUM RGB-D: 480x640, 1/5000 m.

    A picture belongs to the depth nearest in time. The published lists (MonST3R's ``rgb_110``) pair the sorted files by
    their place instead, so single frames may have another depth there.

    Args:
        root: a sequence, or a folder with sequences at any depth.
        sequences: names without ``rgbd_bonn_``; None for all.
        frames: of each sequence's pictures, from the first number up to the second, exclusive; None for all.
        max_difference: seconds between a picture and its depth at most.
        split: how many frames, evenly spaced; None for all.
        invalid: as of :class:`TUM`.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: as :class:`TUM`; also if a sequence is not there, or has none of the frames.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Bonn
        >>> folder = Path(tempfile.mkdtemp()) / "rgbd_bonn_crowd2"
        >>> folder.mkdir()
        >>> for name, value, dtype in (("rgb", 90, np.uint8), ("depth", 10000, np.uint16)):
        ...     written = cv2.imwrite(f"{folder}/{name}.png", np.full((24, 32), value, dtype))
        ...     written = (folder / f"{name}.txt").write_text(f"0.5 {name}.png")
        >>> float(Bonn(folder.parent, ["crowd2"])[0].depth.mean())
        2.0
    """

    known_as = "Bonn"

    def __init__(
        self,
        root: str | Path,
        sequences: Sequence[str] | None = None,
        frames: Sequence[int] | None = None,
        max_difference: float = 0.02,
        split: str | int | None = None,
        invalid: Invalid = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if frames is not None and not _is_range(frames):
            raise UserError(f"data.frames={frames} is not a range of frames; give first and end: [30,140].")
        self.sequences, self.frames = sequences, frames
        super().__init__(root, 1 / PER_METRE, max_difference, split, None, INDOOR, size, depth_size, invalid, max_depth)

    def camera_of(self, sequence: Path) -> Matrix | None:
        """The one camera of all sequences."""
        return camera_matrix(INTRINSICS)

    def pose(self, index: int) -> Matrix | None:
        """Unknown: ``groundtruth.txt`` is of the markers on the sensor, not of its camera."""
        return None

    def _find(self, folder: Path) -> list[Pair]:
        self.seen: list[str] = []
        pairs = super()._find(folder)
        lacking = [name for name in self.sequences or () if name not in self.seen]
        if lacking:
            raise UserError(
                f"{folder} has no sequence {_PREFIX}{lacking[0]}, but {', '.join(self.seen)}; unpack it there."
            )
        return pairs

    def _sequence(self, root: Path, parts: tuple[str, ...]) -> list[Pair]:
        place = root.joinpath(*parts)
        name = place.name.removeprefix(_PREFIX)
        self.seen.append(name)
        if self.sequences is not None and name not in self.sequences:
            return []
        pairs = super()._sequence(root, parts)
        if self.frames is None:
            return pairs
        stamps = read_stamps(place / "rgb.txt")
        wanted = {place / file for _, file in stamps[slice(*self.frames)]}
        kept = [pair for pair in pairs if pair.rgb in wanted]
        if not kept:
            raise UserError(f"{place} has {len(stamps)} pictures; none of data.frames={list(self.frames)} has depth.")
        return kept


def _is_range(frames: Sequence[int]) -> bool:
    listed = isinstance(frames, Sequence) and not isinstance(frames, str) and len(frames) == 2
    return listed and all(isinstance(end, int) for end in frames) and 0 <= frames[0] < frames[1]
