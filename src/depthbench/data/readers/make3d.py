"""Make3D: outdoor pictures with a sparse laser grid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.mat import load_mat
from depthbench.data.readers.reader import Reader, existing_folder
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import decode_rgb
from depthbench.input_files import read_bytes

_FOLDERS = {"train": ("Train400Img", "Train400Depth"), "test": ("Test134", "Gridlaserdata")}


class Make3D(Reader):
    """400 training and 134 test pictures (2272x1704) with 55x305 laser distances.

    The laser measures the distance to the camera along the ray, not along the optical axis; so do all published
    results, and it is delivered as it is.

    Args:
        root: the folder that holds Train400Img and Train400Depth, or Test134 and Gridlaserdata.
        part: ``train`` or ``test``.
        split: how many of the part's frames, evenly spaced; None for all.
        size: (height, width) of the image delivered; None for the stored one.
        depth_size: ``image`` spreads the grid over the image (nearest), ``native`` keeps 55x305.

    Raises:
        UserError: when opened, if folders are missing, or a picture lacks its grid.
    """

    known_as = "Make3D"

    def __init__(
        self,
        root: str | Path,
        part: Literal["train", "test"] = "train",
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        if part not in _FOLDERS:
            raise UserError(f"part={part} is unknown; choose train or test.")
        pictures, grids = _FOLDERS[part]
        self.root = existing_folder(root, f"{pictures} and {grids}")
        rgb = _by_name(self.root / pictures, "img-", ".jpg")
        depth = _by_name(self.root / grids, "depth_sph_corr-", ".mat")
        for name in sorted(rgb.keys() - depth.keys()):
            raise UserError(f"{rgb[name]} has no depth_sph_corr-{name}.mat in {self.root / grids}; unpack it again.")
        names = sorted(rgb)
        wanted = range(len(names)) if split is None else evenly_spaced(len(names), split)
        self.names = [names[index] for index in wanted]
        self.files = [(rgb[name], depth[name]) for name in self.names]
        self.check_units(1.0, (1.0, 80.0), fixed=True)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        rgb, grid = self.files[index]
        return Sample(decode_rgb(read_bytes(rgb), rgb), _distances(grid), None, self.names[index])


def _by_name(folder: Path, prefix: str, suffix: str) -> dict[str, Path]:
    found = {path.name[len(prefix) : -len(suffix)]: path for path in folder.rglob(f"{prefix}*{suffix}")}
    if not found:
        raise UserError(f"No {prefix}*{suffix} below {folder}; unpack {folder.name} there.")
    return found


def _distances(path: Path) -> NDArray[np.float32]:
    """The fourth channel of ``Position3DGrid`` (Y, X, Z, distance), metres."""
    grid = load_mat(path, ["Position3DGrid"])["Position3DGrid"]
    if grid.ndim != 3 or grid.shape[2] != 4:
        raise UserError(f"{path} has a Position3DGrid of shape {grid.shape} instead of (rows, columns, 4).")
    distances = np.ascontiguousarray(grid[:, :, 3], dtype=np.float32)
    if distances.size == 0 or not np.isfinite(distances).all() or distances.min() < 0:
        raise UserError(f"{path} has distances that are negative or not finite; unpack it again.")
    return distances
