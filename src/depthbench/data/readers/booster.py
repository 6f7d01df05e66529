"""Booster (Zama Ramirez et al., CVPR 2022): rooms with glass and mirrors, and disparity of painted surfaces."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.depth_files import read_depth, read_mask
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import read_bytes
from depthbench.pinhole import Matrix, camera_matrix, depth_of_disparity

_MAX_CALIBRATION = 1 << 20  # bytes; the set's have 5,000


class Booster(SceneFiles):
    """``train/balanced/SCENE/camera_00/NAME.png`` with the scene's ``disp_00.npy``, ``mask_00.png`` and calibration.

    3008x4112, 228 training pictures: the scenes under several lights. Depth is focal length times baseline
    (``calib_00-02.xml``, millimetres) by disparity. Pixels that only one camera sees have mask 0.

    Args:
        root: the folder ``train``, ``train/balanced``, or one above.
        keep_occluded: whether depth counts where the mask is 0, too.
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
        >>> from depthbench.data import Booster
        >>> scene = Path(tempfile.mkdtemp()) / "balanced/Bathroom"
        >>> (scene / "camera_00").mkdir(parents=True)
        >>> written = cv2.imwrite(f"{scene}/camera_00/im0.png", np.full((6, 8, 3), 90, np.uint8))
        >>> written = cv2.imwrite(f"{scene}/mask_00.png", np.full((6, 8), 255, np.uint8))
        >>> np.save(scene / "disp_00.npy", np.full((6, 8), 40, np.float32))
        >>> matrix = "<rows>3</rows><cols>3</cols><data>1000 0 4 0 1000 3 0 0 1</data>"
        >>> text = f"<opencv_storage><mtxL>{matrix}</mtxL><baselineLR>80.0</baselineLR></opencv_storage>"
        >>> written = (scene / "calib_00-02.xml").write_text(text)
        >>> float(Booster(scene.parent)[0].depth.mean())
        2.0
    """

    known_as = "Booster"
    plausible = (0.1, 20.0)
    layouts = (
        FrameFiles(
            r"(?P<scene>[^/]+)/camera_00/(?P<frame>[^/]+)\.png",
            "{scene}/disp_00.npy",
            "balanced/SCENE/camera_00/NAME.png beside disp_00.npy, mask_00.png and calib_00-02.xml",
            mask="{scene}/mask_00.png",
            camera="{scene}/calib_00-02.xml",
        ),
    )

    def __init__(
        self,
        root: str | Path,
        keep_occluded: bool = False,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        self.keep_occluded = keep_occluded
        super().__init__(root, files, split, max_depth, size, depth_size)

    def scene(self, index: int) -> str | None:
        """The scene, whatever its light."""
        return self.names[index].rpartition("/camera_00/")[0]

    def keeps(self, pair: Pair) -> bool:
        """See :class:`SceneFiles`; the pictures of unequal cameras have another disparity."""
        return "unbalanced" not in pair.rgb.relative_to(self.root).parts

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        assert pair.mask is not None
        assert isinstance(pair.camera, Path)
        camera, baseline = read_calibration_xml(pair.camera)
        disparity, seen = read_depth(pair.depth), read_mask(pair.mask)
        if seen.shape != disparity.shape:
            raise UserError(f"{pair.mask} is {seen.shape}, but {pair.depth} {disparity.shape}; get both again.")
        depth = depth_of_disparity(disparity, camera[0, 0], baseline)
        return Truth(depth if self.keep_occluded else np.where(seen, depth, 0), camera)


def read_calibration_xml(path: Path) -> tuple[Matrix, float]:
    """The left camera and the baseline in metres of an OpenCV file with ``mtxL`` and ``baselineLR`` (millimetres).

    Raises:
        UserError: if it is another file.
    """
    data = read_bytes(path, _MAX_CALIBRATION)
    try:
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise ValueError("it defines entities")
        root = ElementTree.fromstring(data)
        matrix, baseline = _numbers(root, "mtxL/data").reshape(3, 3), float(_numbers(root, "baselineLR")[0]) / 1000
        if min(matrix[0, 0], matrix[1, 1], baseline) <= 0:
            raise ValueError(f"focal lengths {matrix[0, 0]:g}, {matrix[1, 1]:g} and baseline {baseline:g} m")
    except (ValueError, IndexError, LookupError, ElementTree.ParseError) as error:
        raise UserError(
            f"{path} is not a calibration with mtxL and baselineLR ({reason_of(error, path)}); download it again."
        ) from None
    return camera_matrix([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]]), baseline


def _numbers(root: ElementTree.Element, place: str) -> NDArray[np.float64]:
    found = root.find(place)
    if found is None or not found.text:
        raise ValueError(f"it has no {place}")
    values = np.array(found.text.split(), np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{place} holds a value that is not a number")
    return values
