"""SYNS-Patches (Adams et al. 2016; Spencer et al. 2022): fields, woods and streets with dense laser depth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from depthbench.data.formats.depth_files import read_depth, read_mask
from depthbench.data.formats.lists import parse_lines
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth, edges_only
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT
from depthbench.pinhole import Matrix, camera_matrix

FIELD_OF_VIEW = (25.46, 84.10)  # degrees down and across, of 376x1242


class SYNSPatches(SceneFiles):
    """``01/images/00.png`` with ``01/depths/00.npy`` (metres, 0 = missing) and ``01/edges/00.png``, 376x1242.

    ``splits/val_files.txt`` and ``test_files.txt`` list ``scene file``: 400 and 775 pictures. The organizers of the
    Monocular Depth Estimation Challenge keep the depth of the test part.

    Args:
        root: the folder of the scenes and of ``splits``.
        part: ``val`` or ``test`` of the splits; None for all pictures that are there.
        edges: the folder of annotated edges, such as ``edges`` or ``edges_02_log``; None for no edges.
        files: see :class:`~depthbench.data.readers.scene_files.SceneFiles`; the next arguments, too.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``.

    Raises:
        UserError: as :class:`~depthbench.data.readers.scene_files.SceneFiles`.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import SYNSPatches
        >>> scene = Path(tempfile.mkdtemp()) / "01"
        >>> for kind in ("images", "depths"):
        ...     (scene / kind).mkdir(parents=True)
        >>> written = cv2.imwrite(f"{scene}/images/00.png", np.full((376, 1242, 3), 90, np.uint8))
        >>> np.save(scene / "depths/00.npy", np.full((376, 1242), 8, np.float32))
        >>> frame = SYNSPatches(scene.parent, edges=None)[0]
        >>> round(float(frame.intrinsics[0, 0]), 1), float(frame.depth.mean())
        (688.5, 8.0)
    """

    known_as = "SYNS-Patches"
    plausible = (0.5, 200.0)

    def __init__(
        self,
        root: str | Path,
        part: Literal["val", "test"] | None = None,
        edges: str | None = "edges",
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if part not in (None, "val", "test"):
            raise UserError(f"data.part={part} is unknown; choose val or test, or leave it out for all.")
        if edges is not None and not (edges.startswith("edges") and "/" not in edges):
            raise UserError(f"data.edges={edges} is not a folder of edges; give edges, edges_02_log ... or null.")
        self.part, self.wanted = part, None if part is None else _read_split(Path(root).expanduser(), part)
        self.layouts = (
            FrameFiles(
                r"(?P<scene>\d+)/images/(?P<frame>[^/]+)\.(?:png|jpg)",
                "{scene}/depths/{frame}.npy",
                "01/images/00.png beside 01/depths/00.npy" + (f" and 01/{edges}/00.png" if edges else ""),
                mask=f"{{scene}}/{edges}/{{frame}}.png" if edges else None,
                name="{scene}/{frame}",
            ),
        )
        super().__init__(root, files, split, max_depth, size, depth_size)

    def keeps(self, pair: Pair) -> bool:
        """See :class:`SceneFiles`."""
        return self.wanted is None or "/".join(pair.name.split("/")[-2:]) in self.wanted

    def _asked(self) -> str:
        return "" if self.part is None else f", with the pictures of splits/{self.part}_files.txt"

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        depth, edges = read_depth(pair.depth), None if pair.mask is None else read_mask(pair.mask)
        if edges is not None and edges.shape != depth.shape:
            raise UserError(f"{pair.mask} is {edges.shape}, but {pair.depth} {depth.shape}; get both again.")
        notes = None if edges is None else edges_only(edges)
        return Truth(depth, syns_camera(size), notes)


def syns_camera(size: Size) -> Matrix:
    """The camera of a picture of ``size`` by its field of view, with the axis at half the sides (its own devkit)."""
    centers = [side // 2 for side in size]
    focals = [center / np.tan(np.radians(angle) / 2) for center, angle in zip(centers, FIELD_OF_VIEW, strict=True)]
    return camera_matrix([focals[1], focals[0], centers[1], centers[0]])


def _read_split(root: Path, part: str) -> frozenset[str]:
    """``scene/file`` without endings."""
    path = root / "splits" / f"{part}_files.txt"
    found = set()
    for number, line in enumerate(parse_lines(read_bytes(path, MAX_TEXT), path), 1):
        words = line.split()
        if len(words) not in (0, 2):
            raise UserError(f"{path}, line {number} is not 'scene file': {line[:80]!r}.")
        if words:
            found.add(f"{words[0]}/{Path(words[1]).stem}")
    return frozenset(found)
