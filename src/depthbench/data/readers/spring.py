"""Spring (Mehl et al., CVPR 2023): an animated film with disparity of twice the pictures' size."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.data.formats.hdf5 import read_one
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import read_text
from depthbench.pinhole import Matrix, camera_matrix, depth_of_disparity

BASELINE = 0.065  # metres


class Spring(SceneFiles):
    """``train/0001/frame_left/frame_left_0001.png`` with ``disp1_left/disp1_left_0001.dsp5`` and ``cam_data``.

    1080x1920. Depth is focal length times baseline by disparity, in pixels of the picture; disparity that is NaN or not
    above 0 is none. The official disparity has twice the picture's height and width: every second value is read, as the
    set's own tools do. Disparity of the picture's size is read as it is. The sky is far, not missing.

    Args:
        root: the folder ``train``, or one above it.
        baseline: metres between the cameras.
        files: see :class:`~depthbench.data.readers.scene_files.SceneFiles`; the next arguments, too.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``.

    Raises:
        UserError: as :class:`~depthbench.data.readers.scene_files.SceneFiles`.

    Example:
        >>> import tempfile, cv2, h5py, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Spring
        >>> scene = Path(tempfile.mkdtemp()) / "0001"
        >>> for kind in ("frame_left", "disp1_left", "cam_data"):
        ...     (scene / kind).mkdir(parents=True)
        >>> written = cv2.imwrite(f"{scene}/frame_left/frame_left_0001.png", np.full((6, 8, 3), 90, np.uint8))
        >>> with h5py.File(scene / "disp1_left/disp1_left_0001.dsp5", "w") as file:
        ...     file["disparity"] = np.full((12, 16), 13.0)
        >>> written = (scene / "cam_data/intrinsics.txt").write_text("1000 1000 4 3")
        >>> float(Spring(scene.parent)[0].depth.mean())
        5.0
    """

    known_as = "Spring"
    plausible = (0.1, 5000.0)
    layouts = (
        FrameFiles(
            r"(?P<scene>\d+)/frame_left/frame_left_(?P<frame>\d+)\.png",
            "{scene}/disp1_left/disp1_left_{frame}.dsp5",
            "0001/frame_left/frame_left_0001.png beside disp1_left/disp1_left_0001.dsp5 and cam_data/intrinsics.txt",
            camera="{scene}/cam_data/intrinsics.txt",
            name="{scene}/{frame}",
        ),
    )

    def __init__(
        self,
        root: str | Path,
        baseline: float = BASELINE,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if not 0 < baseline < 100:
            raise UserError(
                f"data.baseline={baseline} is not a distance between two cameras in metres; the set's is {BASELINE}."
            )
        self.baseline = baseline
        super().__init__(root, files, split, max_depth, size, depth_size)

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        assert isinstance(pair.camera, Path)
        disparity = read_one(pair.depth, "disparity")
        if disparity.shape == (2 * size[0], 2 * size[1]):
            disparity = disparity[::2, ::2]
        if disparity.shape != size:
            raise UserError(
                f"{pair.depth} has the shape {disparity.shape}; disparity of {pair.rgb} has {size}, or twice both."
            )
        camera = _camera(pair.camera, int(pair.name.rpartition("/")[2]))
        return Truth(depth_of_disparity(disparity, camera[0, 0], self.baseline), camera)


def _camera(path: Path, frame: int) -> Matrix:
    """Line ``frame`` of ``fx fy cx cy`` lines, counted from 1."""
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    if not 1 <= frame <= len(lines):
        raise UserError(f"{path} has {len(lines)} lines, none for frame {frame}; download it again.")
    try:
        return camera_matrix([float(word) for word in lines[frame - 1].split()])
    except ValueError as error:
        raise UserError(
            f"{path}, line {frame} is not 'fx fy cx cy' ({reason_of(error, path)}); download it again."
        ) from None
