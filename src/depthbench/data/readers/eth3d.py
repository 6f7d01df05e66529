"""ETH3D, high-resolution multi-view (Schöps et al., CVPR 2017): photographs with the depth of laser scans."""

import numpy as np

from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.input_files import read_bytes

_PICTURE = r"(?P<scene>[^/]+)/images/dslr_images/(?P<frame>[^/]+\.(?:JPG|jpg|png))"
_DEPTH = "{scene}/ground_truth_depth/dslr_images/{frame}"


class ETH3D(SceneFiles):
    """``SCENE/images/dslr_images/NAME.JPG`` with ``SCENE/ground_truth_depth/dslr_images/NAME.JPG``, 454 pictures.

    The depth files are called like pictures, but hold float32 numbers in rows of the picture's size (4032x6048),
    metres; infinity is no depth. Marigold's folders ``rgb`` and ``depth/SCENE_dslr_depth`` are read, too. Pictures keep
    the distortion of their lens, for which no pinhole is published, so intrinsics are unknown.

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
    layouts = (
        FrameFiles(
            f"rgb/{_PICTURE}",
            f"depth/{{scene}}_dslr_depth/{_DEPTH}",
            "rgb/SCENE/images/dslr_images/NAME.JPG beside depth/SCENE_dslr_depth/SCENE/ground_truth_depth",
        ),
        FrameFiles(_PICTURE, _DEPTH, "SCENE/images/dslr_images/NAME.JPG beside SCENE/ground_truth_depth/dslr_images"),
    )

    def scene(self, index: int) -> str | None:
        """The place: all pictures of a folder show it."""
        return self.names[index].rpartition("/images/")[0]

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        data = read_bytes(pair.depth)
        if len(data) != 4 * size[0] * size[1]:
            raise UserError(
                f"{pair.depth} has {len(data):,} bytes; float32 depth of its picture, {size[1]}x{size[0]}, has "
                f"{4 * size[0] * size[1]:,}: give data.root the pictures as the camera took them, with their depth."
            )
        return Truth(np.frombuffer(data, "<f4").reshape(size))
