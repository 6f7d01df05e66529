"""ScanNet (Dai et al., CVPR 2017): rooms, seen by a depth camera; frames exported from its .sens files."""

import numpy as np

from depthbench.data.formats.cameras import read_camera
from depthbench.data.formats.depth_files import read_depth
from depthbench.data.formats.poses import read_pose
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.images import Size
from depthbench.pinhole import Matrix, resize_intrinsics

_CAMERA = "intrinsic/intrinsic_depth.txt"


class ScanNet(SceneFiles):
    """``scene0000_00/color/0.jpg`` with ``scene0000_00/depth/0.png``, as ScanNet's ``SensReader`` exports them.

    Depth is in millimetres, 480x640, 0 = missing. Pictures have 968x1296 and are resized to their depth. The camera is
    that of ``intrinsic/intrinsic_depth.txt``, and poses are those of ``pose/0.txt``; unknown where a file is missing.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import ScanNet
        >>> scene = Path(tempfile.mkdtemp()) / "scene0000_00"
        >>> for kind in ("color", "depth"):
        ...     (scene / kind).mkdir(parents=True)
        >>> written = cv2.imwrite(f"{scene}/color/0.jpg", np.full((12, 16, 3), 90, np.uint8))
        >>> written = cv2.imwrite(f"{scene}/depth/0.png", np.full((6, 8), 2500, np.uint16))
        >>> frame = ScanNet(scene.parent)[0]
        >>> frame.image.shape, float(frame.depth.mean())
        (torch.Size([3, 6, 8]), 2.5)
    """

    known_as = "ScanNet"
    plausible = (0.3, 20.0)
    resize_to = "depth"
    layouts = (
        FrameFiles(
            r"(?P<scene>scene\d+_\d+)/color/(?P<frame>\d+)\.(?:jpg|png)",
            "{scene}/depth/{frame}.png",
            "scene0000_00/color/0.jpg beside scene0000_00/depth/0.png",
            name="{scene}/{frame}",
        ),
    )

    def scene(self, index: int) -> str | None:
        """The room: its scans, ``_00``, ``_01`` ..., see the same place."""
        return self.names[index].rpartition("/")[0].rpartition("_")[0]

    def pose(self, index: int) -> Matrix | None:
        """See :meth:`Reader.pose`; unknown where the camera was lost, too."""
        depth = self.pairs[index].depth
        path = depth.parents[1] / "pose" / f"{depth.stem}.txt"
        return read_pose(path) if path.is_file() else None

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        depth = read_depth(pair.depth) * np.float32(0.001)
        path = pair.depth.parents[1] / _CAMERA
        camera = read_camera(path) if path.is_file() else None
        return Truth(depth, None if camera is None else resize_intrinsics(camera, depth.shape, size))
