"""HAMMER (Jung et al., CVPR 2023): household things, also of glass and metal, with the depth of a tracked scanner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from depthbench.data.formats.cameras import read_camera
from depthbench.data.formats.depth_files import read_depth
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.images import Size

CAMERAS = ("polarization", "d435", "l515", "tof")


class HAMMER(SceneFiles):
    """``scene12_traj1_1/polarization/rgb/000000.png`` with ``_gt/000000.png`` (millimetres, 0 = missing).

    The camera is that of ``intrinsics.txt`` in the folder of ``rgb``; unknown where the file is missing.

    Args:
        root: the folder of the trajectories, or one above it.
        camera: whose pictures: ``polarization``, ``d435``, ``l515`` or ``tof``.
        truth_folder: of the true depth beside ``rgb``.
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
        >>> from depthbench.data import HAMMER
        >>> camera = Path(tempfile.mkdtemp()) / "scene12_traj1_1/polarization"
        >>> for kind in ("rgb", "_gt"):
        ...     (camera / kind).mkdir(parents=True)
        >>> written = cv2.imwrite(f"{camera}/rgb/000000.png", np.full((6, 8, 3), 90, np.uint8))
        >>> written = cv2.imwrite(f"{camera}/_gt/000000.png", np.full((6, 8), 500, np.uint16))
        >>> float(HAMMER(camera.parents[1])[0].depth.mean())
        0.5
    """

    known_as = "HAMMER"
    plausible = (0.1, 10.0)

    def __init__(
        self,
        root: str | Path,
        camera: Literal["polarization", "d435", "l515", "tof"] = "polarization",
        truth_folder: str = "_gt",
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if camera not in CAMERAS:
            raise UserError(f"data.camera={camera} is unknown; choose one of {', '.join(CAMERAS)}.")
        self.layouts = (
            FrameFiles(
                rf"(?P<scene>scene\d+_traj\d+_\d+)/{camera}/rgb/(?P<frame>[^/]+)\.png",
                f"{{scene}}/{camera}/{truth_folder}/{{frame}}.png",
                f"scene12_traj1_1/{camera}/rgb/000000.png beside {truth_folder}/000000.png",
                name="{scene}/{frame}",
            ),
        )
        super().__init__(root, files, split, max_depth, size, depth_size)

    def scene(self, index: int) -> str | None:
        """The scene: its trajectories see the same things."""
        return self.names[index].rpartition("/")[0].partition("_traj")[0]

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        path = pair.rgb.parents[1] / "intrinsics.txt"
        return Truth(read_depth(pair.depth) * np.float32(0.001), read_camera(path) if path.is_file() else None)
