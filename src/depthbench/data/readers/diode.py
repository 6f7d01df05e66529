"""DIODE (Vasiljevic et al. 2019): rooms and streets, seen by one laser scanner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from depthbench.data.formats.depth_files import read_depth, read_mask
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.pinhole import camera_matrix

INTRINSICS = (886.81, 927.06, 512.0, 384.0)  # of all pictures, 768x1024 (UniDepth: unidepth/datasets/diode.py)
_KINDS = {"indoor": "indoors", "outdoor": "outdoor"}
_NAME = r"scene_\d+/scan_\d+/[^/]+"


class DIODE(SceneFiles):
    """``indoors/scene_00019/scan_00183/NAME.png`` with ``NAME_depth.npy`` (metres) and ``NAME_depth_mask.npy``.

    768x1024; the validation part has 325 indoor and 446 outdoor pictures. Depth counts where the mask is not 0; values
    outside of it are no depth. It is read as depth along the optical axis, as all tools do that were read.

    Args:
        root: the folder of ``train`` and ``val``, or one of them.
        part: ``train`` or ``val``, by the folder above ``indoors`` and ``outdoor``; None for both.
        kind: ``indoor`` or ``outdoor`` pictures; None for both.
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
        >>> from depthbench.data import DIODE
        >>> scan = Path(tempfile.mkdtemp()) / "val/indoors/scene_00019/scan_00183"
        >>> scan.mkdir(parents=True)
        >>> written = cv2.imwrite(f"{scan}/a.png", np.full((24, 32, 3), 90, np.uint8))
        >>> np.save(scan / "a_depth.npy", np.full((24, 32, 1), 2.5, np.float32))
        >>> np.save(scan / "a_depth_mask.npy", np.ones((24, 32), np.float32))
        >>> frame = DIODE(scan.parents[3])[0]
        >>> frame.name, float(frame.depth.mean())
        ('val/indoors/scene_00019/scan_00183/a', 2.5)
    """

    known_as = "DIODE"
    plausible = (0.3, 300.0)

    def __init__(
        self,
        root: str | Path,
        part: Literal["train", "val"] | None = None,
        kind: Literal["indoor", "outdoor"] | None = None,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if kind not in (None, *_KINDS):
            raise UserError(f"data.kind={kind} is unknown; choose indoor or outdoor, or leave it out for both.")
        if part not in (None, "train", "val"):
            raise UserError(f"data.part={part} is unknown; choose train or val.")
        self.part = part
        folders = [folder for name, folder in _KINDS.items() if kind in (None, name)]
        self.layouts = tuple(
            FrameFiles(
                rf"{folder}/(?P<frame>{_NAME})\.png",
                f"{folder}/{{frame}}_depth.npy",
                f"{folder}/scene_.../scan_.../NAME.png beside NAME_depth.npy and NAME_depth_mask.npy",
                mask=f"{folder}/{{frame}}_depth_mask.npy",
            )
            for folder in folders
        )
        super().__init__(root, files, split, max_depth, size, depth_size)

    def keeps(self, pair: Pair) -> bool:
        """See :class:`SceneFiles`."""
        return self.part in (None, pair.rgb.parents[3].name)

    def _asked(self) -> str:
        return "" if self.part is None else f", with a folder {self.part}"

    def scene(self, index: int) -> str | None:
        """The scene: its scans see the same place."""
        return self.names[index].rpartition("/scan_")[0]

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        assert pair.mask is not None
        depth, valid = read_depth(pair.depth), read_mask(pair.mask)
        if valid.shape != depth.shape:
            raise UserError(f"{pair.mask} is {valid.shape}, but {pair.depth} {depth.shape}; download both again.")
        return Truth(np.where(valid, depth, 0), camera_matrix(INTRINSICS))
