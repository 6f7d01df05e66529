"""ETH3D, high-resolution multi-view (Schöps et al., CVPR 2017): photographs with the depth of laser scans."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.colmap import FISHEYE, PINHOLE, ColmapCamera, read_colmap_cameras
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.input_files import read_bytes

_FILE = r"(?P<frame>[^/]+\.(?:JPG|jpg|png))"
_PICTURE = rf"(?P<scene>[^/]+)/images/dslr_images/{_FILE}"
_DEPTH = "{scene}/ground_truth_depth/dslr_images/{frame}"
_ROWS = 256  # whose places are computed at once
_STORED = (
    FrameFiles(
        f"rgb/{_PICTURE}",
        f"depth/{{scene}}_dslr_depth/{_DEPTH}",
        "rgb/SCENE/images/dslr_images/NAME.JPG beside depth/SCENE_dslr_depth/SCENE/ground_truth_depth",
    ),
    FrameFiles(_PICTURE, _DEPTH, "SCENE/images/dslr_images/NAME.JPG beside SCENE/ground_truth_depth/dslr_images"),
)
_UNDISTORTED = (
    FrameFiles(
        rf"(?P<scene>[^/]+)/images/dslr_images_undistorted/{_FILE}",
        _DEPTH,
        "SCENE/images/dslr_images_undistorted/NAME.JPG beside SCENE/ground_truth_depth/dslr_images",
    ),
)


class ETH3D(SceneFiles):
    """``SCENE/images/dslr_images/NAME.JPG`` with ``SCENE/ground_truth_depth/dslr_images/NAME.JPG``, 454 pictures.

    The depth files are called like pictures, but hold float32 numbers in rows of the picture's size (4032x6048),
    metres along the optical axis; infinity is no depth. Marigold's folders ``rgb`` and ``depth/SCENE_dslr_depth`` are
    read, too.

    Depth is published in the pixels of the photographs, whose lens distorts: no pinhole describes them, and their
    intrinsics are unknown. The undistorted pictures have a pinhole camera and no depth of their own. Both are taken
    from one point, so each of their pixels gets the depth of the pixel in which the lens saw its ray, by the camera of
    ``dslr_calibration_jpg``.

    Args:
        root: the folder of the scenes, or one above it.
        view: ``stored``, photographs as the camera took them; ``undistorted``, the pictures, camera and depth of a
            pinhole.
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
        >>> from depthbench.data import ETH3D
        >>> court = Path(tempfile.mkdtemp()) / "court"
        >>> for kind in ("images", "ground_truth_depth"):
        ...     (court / kind / "dslr_images").mkdir(parents=True)
        >>> written = cv2.imwrite(f"{court}/images/dslr_images/DSC_1.JPG", np.full((6, 8, 3), 90, np.uint8))
        >>> raw = np.full((6, 8), 4, "<f4")
        >>> written = (court / "ground_truth_depth/dslr_images/DSC_1.JPG").write_bytes(raw.tobytes())
        >>> float(ETH3D(court.parent)[0].depth.mean())
        4.0
    """

    known_as = "ETH3D"
    plausible = (0.3, 100.0)

    def __init__(
        self,
        root: str | Path,
        view: Literal["stored", "undistorted"] = "stored",
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if view not in ("stored", "undistorted"):
            raise UserError(f"data.view={view} is unknown; choose stored or undistorted.")
        self.layouts = _STORED if view == "stored" else _UNDISTORTED
        self.edition = None if view == "stored" else view
        self._cameras: dict[Path, dict[str, ColmapCamera]] = {}
        super().__init__(root, files, split, max_depth, size, depth_size)

    def scene(self, index: int) -> str | None:
        """The place: all pictures of a folder show it."""
        return self.names[index].rpartition("/images/")[0]

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        if self.edition is None:
            return Truth(_raw_depth(pair.depth, size, "its picture"))
        folder = pair.depth.parents[2]
        pinhole = self._camera(folder / "dslr_calibration_undistorted", pair.rgb.name, PINHOLE)
        lens = self._camera(folder / "dslr_calibration_jpg", pair.depth.name, FISHEYE)
        if pinhole.size != size:
            raise UserError(
                f"{pair.rgb} is {size[1]}x{size[0]}, but its camera has {pinhole.size[1]}x{pinhole.size[0]} pixels; "
                "give data.root the published pictures."
            )
        depth, places = _raw_depth(pair.depth, lens.size, "the distorted picture"), nearest_places(lens, pinhole)
        return Truth(np.where(places >= 0, depth.ravel()[places], np.float32(0)), pinhole.matrix)

    def _camera(self, folder: Path, name: str, model: str) -> ColmapCamera:
        """The camera of a picture, which must be of this model."""
        if not folder.is_dir():
            raise UserError(
                f"{folder} is not there; unpack the dslr_undistorted and the dslr_jpg archive of the scene, or read "
                "data.view=stored, which has no camera."
            )
        if folder not in self._cameras:
            self._cameras[folder] = read_colmap_cameras(folder)
        camera = self._cameras[folder].get(name)
        if camera is None or camera.model != model:
            found = "no camera" if camera is None else f"the camera {camera.model}"
            raise UserError(f"{folder} has {found} for {name}, not {model}; get it again.")
        return camera


def _raw_depth(path: Path, size: Size, owner: str) -> NDArray[np.float32]:
    data = read_bytes(path)
    if len(data) != 4 * size[0] * size[1]:
        raise UserError(
            f"{path} has {len(data):,} bytes; float32 depth of {owner}, {size[1]}x{size[0]}, has "
            f"{4 * size[0] * size[1]:,}: give data.root the pictures as the camera took them, with their depth."
        )
    return np.frombuffer(data, "<f4").reshape(size)


@lru_cache(maxsize=1)  # 100 MB; most scenes have one camera
def nearest_places(lens: ColmapCamera, pinhole: ColmapCamera) -> NDArray[np.int32]:
    """For each pixel of a pinhole's picture, the pixel in which a lens at the same point sees its ray.

    Returns:
        ``(H, W)``: places in the lens's flattened picture, the nearest; -1 where the ray misses it.
    """
    (height, width), inverse = pinhole.size, np.linalg.inv(pinhole.matrix)
    found = np.empty(pinhole.size, np.int32)
    x = inverse[0, 0] * np.arange(width) + inverse[0, 2]
    for top in range(0, height, _ROWS):
        y = inverse[1, 1] * np.arange(top, min(top + _ROWS, height)) + inverse[1, 2]
        columns, rows = (np.floor(axis + 0.5) for axis in lens.seen_at(*np.meshgrid(x, y)))
        inside = (columns >= 0) & (columns < lens.size[1]) & (rows >= 0) & (rows < lens.size[0])
        found[top : top + _ROWS] = np.where(inside, rows * lens.size[1] + columns, -1)
    return found
