"""Sequences in the form of TUM RGB-D (Sturm et al., IROS 2012): pictures and depth with time stamps of their own."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from depthbench.data.formats.lists import parse_lines
from depthbench.data.formats.poses import Trajectory, read_trajectory
from depthbench.data.formats.store import inside
from depthbench.data.missing import Invalid
from depthbench.data.readers.file_listing import list_files
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.pairs import Pairs
from depthbench.data.readers.parts import PartName
from depthbench.data.readers.reader import INDOOR, checked_files
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT
from depthbench.pinhole import Matrix, camera_matrix

PER_METRE = 5000
# The data set's page "File formats", intrinsics of the color cameras; depth is registered to them.
INTRINSICS = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
_LISTS = ("rgb.txt", "depth.txt")


class TUM(Pairs):
    """Folders with ``rgb.txt`` and ``depth.txt``, each line a time in seconds and a file.

    A picture belongs to the depth that is nearest in time, as the data set's ``associate.py`` pairs them: the closest
    first, each file once. Pictures without depth near in time are left out. A frame is called like its picture.

    Args:
        root: a sequence, or a folder with sequences at any depth.
        scale: metres per unit of the depth files.
        max_difference: seconds between a picture and its depth at most.
        split: how many frames, evenly spaced; None for all.
        intrinsics: as of :class:`Pairs`; None for the published ones, where the sequence's name has ``freiburg1``,
            ``2`` or ``3``, and else unknown.
        plausible: metres between which the median depth must lie.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is none.
        max_depth: metres beyond which depth is missing; None for no limit.
        part: ``train``, ``val`` or ``test``; None for all frames.
        val_fraction: of the training sequences, held out for validation.
        test_fraction: of all sequences, held out for the test.
        split_by: ``folder`` holds whole sequences out, ``frame`` single frames.
        split_seed: of the lot that decides which.

    Raises:
        UserError: when opened, if there is no sequence, a list is damaged, files of it are missing, or no depth is near
            a picture in time.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import TUM
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name, value, dtype in (("rgb", 90, np.uint8), ("depth", 10000, np.uint16)):
        ...     written = cv2.imwrite(f"{folder}/{name}.png", np.full((24, 32), value, dtype))
        ...     written = (folder / f"{name}.txt").write_text(f"0.5 {name}.png")
        >>> float(TUM(folder)[0].depth.mean())
        2.0
    """

    known_as = "TUM RGB-D"

    def __init__(
        self,
        root: str | Path,
        scale: float = 1 / PER_METRE,
        max_difference: float = 0.02,
        split: str | int | None = None,
        intrinsics: Sequence[float] | str | None = None,
        plausible: tuple[float, float] = INDOOR,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
        part: PartName | None = None,
        val_fraction: float | None = None,
        test_fraction: float | None = None,
        split_by: Literal["folder", "frame"] = "folder",
        split_seed: int = 0,
    ) -> None:
        if not max_difference > 0:
            raise UserError(f"data.max_difference={max_difference} must be positive: seconds, such as 0.02.")
        self.max_difference = max_difference
        self._times: dict[Path, float] = {}
        self._trajectories: dict[Path, Trajectory | None] = {}
        self.published = intrinsics is None
        super().__init__(
            root,
            scale,
            split,
            intrinsics,
            plausible,
            size,
            depth_size,
            invalid,
            max_depth,
            part,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            split_by=split_by,
            split_seed=split_seed,
        )

    def _find(self, folder: Path) -> list[Pair]:
        listing = list_files(folder)
        places = [parts for parts, files in listing.folders.items() if set(_LISTS) <= set(files)]
        if not places:
            shown = ", ".join(listing.first()) or "nothing"
            raise UserError(
                f"No folder below {folder} holds rgb.txt and depth.txt, as sequences of TUM RGB-D do; it holds {shown}."
            )
        found = [pair for parts in sorted(places) for pair in self._sequence(folder, parts)]
        return sorted(found, key=lambda pair: pair.name)

    def pose(self, index: int) -> Matrix | None:
        """See :meth:`Reader.pose`: the nearest in time in ``groundtruth.txt``, within ``max_difference`` seconds."""
        picture = self.pairs[index].rgb
        place = next((one for one in picture.parents if (one / _LISTS[0]).is_file()), picture.parent)
        if place not in self._trajectories:
            path = place / "groundtruth.txt"
            self._trajectories[place] = read_trajectory(path) if path.is_file() else None
        known = self._trajectories[place]
        return None if known is None else known.at(self._times[picture], self.max_difference)

    def camera_of(self, sequence: Path) -> Matrix | None:
        """The published intrinsics of a sequence, None where there are none."""
        return published_camera(sequence)

    def _sequence(self, root: Path, parts: tuple[str, ...]) -> list[Pair]:
        place = root.joinpath(*parts)
        rgb, depth = (read_stamps(place / name) for name in _LISTS)
        matched = associate([time for time, _ in rgb], [time for time, _ in depth], self.max_difference)
        if not matched:
            raise UserError(
                f"{place} has no depth within {self.max_difference:g} s of a picture; append "
                "data.max_difference=SECONDS if its clocks are so far apart."
            )
        camera = self.camera_of(place) if self.published else None
        self._times |= {place / rgb[one][1]: rgb[one][0] for one, _ in matched}
        pairs = [
            Pair("/".join((*parts, Path(rgb[one][1]).stem)), place / rgb[one][1], place / depth[other][1], None, camera)
            for one, other in matched
        ]
        checked_files((path for pair in pairs for path in (pair.rgb, pair.depth)), place)
        return pairs


def published_camera(sequence: Path) -> Matrix | None:
    """The published intrinsics of a sequence of the data set by its name; None for others."""
    match = re.search(r"freiburg[123]", sequence.name)
    return camera_matrix(INTRINSICS[match[0]]) if match else None


def read_stamps(path: Path) -> list[tuple[float, str]]:
    """Lines ``seconds file`` in order of time; lines that begin with # are comments.

    Raises:
        UserError: if a line reads otherwise or leads out of the sequence.
    """
    found = []
    for number, line in enumerate(parse_lines(read_bytes(path, MAX_TEXT), path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        time, _, name = line.strip().replace("\t", " ").partition(" ")
        try:
            found.append((float(time), inside(name.strip(), f"{path}, line {number}")))
        except ValueError as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path}, line {number} is not 'seconds file': {line[:80]!r}.") from None
    return sorted(found)


def associate(one: Sequence[float], other: Sequence[float], limit: float) -> list[tuple[int, int]]:
    """Pairs of places whose times differ by less than ``limit``, the nearest first, each place once.

    The rule of TUM's ``associate.py``, with ties in order of time.

    Args:
        one: times in seconds, sorted.
        other: likewise.
        limit: in seconds.

    Returns:
        Places in both, in the order of ``one``.

    Example:
        >>> associate([0.0, 1.0, 2.0], [0.01, 0.99, 1.02, 5.0], 0.02)
        [(0, 0), (1, 1)]
    """
    near = [
        (abs(time - other[place]), index, place)
        for index, time in enumerate(one)
        for place in range(bisect_left(other, time - limit), bisect_right(other, time + limit))
        if abs(time - other[place]) < limit
    ]
    used, taken, found = set(), set(), []
    for _, index, place in sorted(near):
        if index not in used and place not in taken:
            used.add(index)
            taken.add(place)
            found.append((index, place))
    return sorted(found)
