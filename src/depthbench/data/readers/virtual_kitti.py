"""Virtual KITTI 2 (Cabon et al. 2020): five roads of KITTI rendered in ten variations."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from depthbench.data.formats.depth_files import read_depth
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.images import Size
from depthbench.pinhole import camera_matrix

INTRINSICS = (725.0087, 725.0087, 620.5, 187.0)  # of all pictures, 375x1242
_SKY = 65535  # 655.35 m
_ABOVE = r"(?P<scene>Scene\d+)/(?P<variation>{variation})/frames"
_PICTURE = r"(?P<camera>Camera_[01])/rgb_(?P<frame>\d+)\.(?:jpg|png)"
_DEPTH = "{scene}/{variation}/frames/depth/{camera}/depth_{frame}.png"
_NAME = "{scene}/{variation}/{camera}/{frame}"


class VirtualKITTI2(SceneFiles):
    """``Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg`` with ``frames/depth/Camera_0/depth_00000.png``, 375x1242.

    Depth is in centimetres; 65535 (655.35 m) is the sky and missing. The archives of pictures and depth may be unpacked
    into one folder, or into ``rgb`` and ``depth``.

    Args:
        root: the folder of the scenes, or one above it.
        variation: ``clone``, ``fog``, ``rain``, ``15-deg-left`` ...; None for all.
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
        >>> from depthbench.data import VirtualKITTI2
        >>> frames = Path(tempfile.mkdtemp()) / "Scene01/clone/frames"
        >>> for kind in ("rgb", "depth"):
        ...     (frames / kind / "Camera_0").mkdir(parents=True)
        >>> written = cv2.imwrite(f"{frames}/rgb/Camera_0/rgb_00000.jpg", np.full((6, 8, 3), 90, np.uint8))
        >>> written = cv2.imwrite(f"{frames}/depth/Camera_0/depth_00000.png", np.full((6, 8), 1250, np.uint16))
        >>> float(VirtualKITTI2(frames.parents[2])[0].depth.mean())
        12.5
    """

    known_as = "Virtual KITTI 2"
    plausible = (1.0, 300.0)

    def __init__(
        self,
        root: str | Path,
        variation: str | None = None,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        self.variation = variation
        above = _ABOVE.replace("{variation}", "[^/]+" if variation is None else re.escape(variation))
        shown = "Scene01/{}/frames/rgb/Camera_0/rgb_00000.jpg beside frames/depth".format(variation or "clone")
        self.layouts = (
            FrameFiles(f"rgb/{above}/rgb/{_PICTURE}", f"depth/{_DEPTH}", f"rgb/{shown}", name=_NAME),
            FrameFiles(f"{above}/rgb/{_PICTURE}", _DEPTH, shown, name=_NAME),
        )
        super().__init__(root, files, split, max_depth, size, depth_size)

    def scene(self, index: int) -> str | None:
        """The scene: its variations and cameras see the same road."""
        return self.pairs[index].name.rsplit("/", 3)[0]

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        stored = read_depth(pair.depth)
        return Truth(np.where(stored == _SKY, 0, stored * np.float32(0.01)), camera_matrix(INTRINSICS))
