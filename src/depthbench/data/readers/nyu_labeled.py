"""The labeled part of NYUv2: 795 pairs for training and 654 for testing, from the official file or from pictures."""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Literal, Self

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.hdf5 import check_stored, find_array, read_array, told_hdf5
from depthbench.data.formats.mat import load_mat
from depthbench.data.formats.store import PerProcess
from depthbench.data.missing import Invalid, Missing, missing
from depthbench.data.readers.layouts import find_pairs
from depthbench.data.readers.pairs import checked_scale
from depthbench.data.readers.reader import Reader, existing_folder, read_pair
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.input_files import check_pixels, check_regular
from depthbench.pinhole import camera_matrix

FILE, SPLITS_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
PAIRS = 795  # for training
INTRINSICS = (518.85790117, 519.46961112, 325.58244941, 253.73616633)  # 640x480
_KEYS = {"filled": "depths", "raw": "rawDepths"}
_SPLIT_KEYS = {"train": "trainNdxs", "test": "testNdxs"}
SplitPart = Literal["train", "test"]


class NYULabeled(Reader):
    """The official 795 / 654 pairs, 480x640.

    Args:
        root: a folder with ``nyu_depth_v2_labeled.mat`` and ``splits.mat``; or one with ``train/`` and ``test/``,
            which hold ``rgb_00045.jpg`` with ``depth_00045.png`` (16 bits, see :class:`Pairs`).
        part: ``train`` or ``test``.
        split: how many of the training pairs, evenly spaced.
        test_split: how many of the test pairs; None for all.
        depth: ``filled`` (holes filled by colorization) or ``raw`` (0 where the sensor saw nothing). A folder of
            pictures holds one kind only, taken to be ``filled``.
        scale: metres per unit of a folder's depth images; not used with the official file.
        size: (height, width) of the image delivered; None for 480x640.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.

    A frame's name is its 0-based index in the official file, such as ``00045``.

    Raises:
        UserError: when opened, if a file is missing, truncated or of another form.
    """

    known_as = "NYUv2"

    def __init__(
        self,
        root: str | Path,
        part: SplitPart = "train",
        split: str | int = "795",
        test_split: str | int | None = None,
        depth: Literal["filled", "raw"] = "filled",
        scale: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.missing = missing(invalid, max_depth)
        if part not in _SPLIT_KEYS or depth not in _KEYS:
            raise UserError(f"part={part}, depth={depth}: part is train or test, depth is filled or raw.")
        self.root = existing_folder(root, f"{FILE} and splits.mat, or the folders train and test")
        check_labeled(self.root)
        self.part, self.truth = part, depth
        official = (self.root / FILE).exists()
        if official:
            self.names, self._load = _open_official(self.root, part, _KEYS[depth], self.missing)
        else:
            self.names, self._load = _open_pictures(self.root, part, depth, scale, self.missing)
        amount = split if part == "train" else test_split
        if amount is not None:
            self.names = [self.names[index] for index in evenly_spaced(len(self.names), amount)]
        self.check_units(scale or 1.0, fixed=official, bits=None if official else 16)

    def with_truth(self, truth: str) -> Self:
        """See :meth:`Reader.with_truth`: the official file has both kinds."""
        if truth == self.truth or not (self.root / FILE).exists():
            return super().with_truth(truth)
        other = copy(self)
        other.truth, other._load = truth, _open_official(self.root, self.part, _KEYS[truth], self.missing)[1]
        return other

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        name = self.names[index]
        return Sample(*self._load(name), camera_matrix(INTRINSICS), name)


StoredPair = tuple[NDArray[np.uint8], NDArray[np.float32]]
Load = Callable[[str], StoredPair]


def _open_pictures(
    root: Path, part: SplitPart, depth: str, scale: float | None, known: Missing
) -> tuple[list[str], Callable[[str], StoredPair]]:
    if depth == "raw":
        raise UserError(f"{root} holds pictures with one kind of depth; data.depth=raw needs {FILE}.")
    load = _Pictures(root / part, checked_scale(scale, root), known)
    if (root / "splits.mat").exists():
        allowed = {f"{index:05d}" for index in read_splits(root)[part]}
        for strange in sorted(load.files.keys() - allowed):
            raise UserError(f"{load.files[strange][0]} is not in the official {part} part; move it or mend splits.mat.")
    return sorted(load.files), load


class _Pictures:
    """Load a pair of a folder by its name."""

    def __init__(self, folder: Path, scale: float, known: Missing) -> None:
        self.files = {pair.name: (pair.rgb, pair.depth) for pair in find_pairs(folder)}
        self.scale, self.missing = scale, known

    def __call__(self, name: str) -> StoredPair:
        return read_pair(*self.files[name], self.scale, self.missing)


def _open_official(root: Path, part: SplitPart, key: str, known: Missing) -> tuple[list[str], Load]:
    load = _Official(root / FILE, key, known)
    count = load.check()
    wanted = read_splits(root)[part]
    if max(wanted) >= count:
        raise UserError(
            f"{root / 'splits.mat'} names image {max(wanted) + 1}, but {root / FILE} holds only {count}; "
            "take both from the same source."
        )
    return [f"{index:05d}" for index in wanted], load


class _Official:
    """Load an image of the HDF5 file by its name."""

    def __init__(self, path: Path, key: str, known: Missing) -> None:
        self.path, self.key, self.missing = path, key, known
        self.handle: PerProcess[Any] = PerProcess(self._open)

    def _open(self) -> Any:
        check_regular(self.path)
        try:
            return h5py.File(self.path, "r", locking=False)  # locks fail on many network disks
        except OSError as error:
            raise UserError(
                f"{self.path} is truncated or not a MATLAB 7.3 (HDF5) file; download it again (2.8 GB)."
            ) from error

    def check(self) -> int:
        """The number of images, after a look at names, shapes and types."""
        with told_hdf5(self.path), self._open() as file:
            for key, (axes, kind) in {"images": (4, "u1"), self.key: (3, "f4")}.items():
                found = find_array(file, key, self.path)
                if found is None or found.ndim != axes or found.dtype != kind:
                    raise UserError(f"{self.path} has no proper '{key}'; is it the official labeled file of NYUv2?")
                check_stored(found, self.path)
            images, depths = file["images"].shape, file[self.key].shape
        if images[1] != 3 or depths != (images[0], *images[2:]) or not images[0]:
            raise UserError(f"{self.path}: images {images} and {self.key} {depths} do not belong together.")
        check_pixels(images[3], images[2], self.path)
        return int(images[0])

    def __call__(self, name: str) -> StoredPair:
        index = int(name)
        with told_hdf5(self.path):
            file = self.handle.get()
            rgb, depth = (read_array(file[key], index, self.path) for key in ("images", self.key))
        # HDF5 delivers zeros for a block that it cannot find.
        if not np.isfinite(depth).all() or depth.min() < 0 or not depth.any() or not rgb.any():
            raise UserError(f"{self.path} has impossible pixels at image {index}; download it again.")
        # h5py sees MATLAB's axes reversed: (3, W, H) and (W, H).
        image = cv2.merge([cv2.transpose(channel) for channel in rgb])
        return np.asarray(image, np.uint8), self.missing.metres(cv2.transpose(depth), 1.0)


def read_splits(root: Path) -> dict[str, list[int]]:
    """Indices of the training and the test images from ``splits.mat``, 0-based and sorted (the file is 1-based).

    Raises:
        UserError: if the file is missing, damaged, or its parts overlap.
    """
    path = splits_file(root)
    content = load_mat(path, _SPLIT_KEYS.values())
    parts = {part: sorted(int(index) - 1 for index in content[key].flat) for part, key in _SPLIT_KEYS.items()}
    if not all(parts.values()) or min(map(min, parts.values())) < 0 or set(parts["train"]) & set(parts["test"]):
        raise UserError(f"{path} must hold 1-based indices whose parts do not overlap; download it again.")
    return parts


def check_labeled(root: str | Path) -> None:
    """Refuse a folder that is none of the forms of the labeled part of NYUv2; one that is no folder is left to readers.

    Raises:
        UserError: naming the missing files.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        return
    if (path / FILE).is_file():
        splits_file(path)
    if (path / FILE).exists():
        return
    for needed in ("train", "test"):
        if not (path / needed).is_dir():
            raise UserError(f"{path} has neither {FILE} nor a folder {needed}; is data.root right?")


def splits_file(root: Path) -> Path:
    """The official ``splits.mat``.

    Raises:
        UserError: if it is missing.
    """
    path = root / SPLITS_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; put the official {SPLITS_FILE} (trainNdxs, testNdxs) beside {FILE}.")
    return path
