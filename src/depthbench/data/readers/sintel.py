"""MPI Sintel (Butler et al., ECCV 2012): frames of an animated film with rendered depth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from depthbench.data.formats.sintel import read_cam, read_cam_pose, read_dpt
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.pinhole import Matrix


class Sintel(SceneFiles):
    """``training/final/SCENE/frame_0001.png`` with ``training/depth/SCENE/frame_0001.dpt``, 436x1024, 1064 frames.

    Depth is in units of the film, not in metres, and the sky has a depth, too: published evaluations limit it (70 m in
    Video Depth Anything, 1000 m in UniDepth V2). Intrinsics and poses come from ``training/camdata_left``.

    Args:
        root: the folder of ``training``, or one above it.
        render: ``final`` or ``clean``, the pass of the pictures.
        files: see :class:`~depthbench.data.readers.scene_files.SceneFiles`; the next arguments, too.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``.

    Raises:
        UserError: as :class:`~depthbench.data.readers.scene_files.SceneFiles`.

    Example:
        >>> import struct, tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Sintel
        >>> root = Path(tempfile.mkdtemp())
        >>> final, depth, camera = (root / kind / "alley_1" for kind in ("final", "depth", "camdata_left"))
        >>> for folder in (final, depth, camera):
        ...     folder.mkdir(parents=True)
        >>> written = cv2.imwrite(f"{final}/frame_0001.png", np.full((6, 8, 3), 90, np.uint8))
        >>> header = b"PIEH" + struct.pack("<ii", 8, 6)
        >>> written = (depth / "frame_0001.dpt").write_bytes(header + np.full(48, 3, "<f4").tobytes())
        >>> written = (camera / "frame_0001.cam").write_bytes(b"PIEH" + np.eye(3).tobytes() + np.eye(3, 4).tobytes())
        >>> float(Sintel(root)[0].depth.mean())
        3.0
    """

    known_as = "Sintel"
    plausible = (0.05, 5000.0)

    def __init__(
        self,
        root: str | Path,
        render: Literal["final", "clean"] = "final",
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if render not in ("final", "clean"):
            raise UserError(f"data.render={render} is unknown; choose final or clean.")
        frame = "{scene}/{frame}"
        self.layouts = (
            FrameFiles(
                rf"{render}/(?P<scene>[^/]+)/(?P<frame>frame_\d+)\.png",
                f"depth/{frame}.dpt",
                f"{render}/SCENE/frame_0001.png beside depth/SCENE/frame_0001.dpt and camdata_left",
                camera=f"camdata_left/{frame}.cam",
                name=frame,
            ),
        )
        super().__init__(root, files, split, max_depth, size, depth_size)

    def pose(self, index: int) -> Matrix | None:
        """See :meth:`Reader.pose`; the files hold the way from the world to the camera."""
        camera = self.pairs[index].camera
        assert isinstance(camera, Path)
        return read_cam_pose(camera)

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        assert isinstance(pair.camera, Path)
        return Truth(read_dpt(pair.depth), read_cam(pair.camera))
