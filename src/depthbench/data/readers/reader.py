"""Base class of all readers of files: sizes, the way from a stored sample to a frame, and checks when opened.

Files are opened without torch, whose import takes seconds: a wrong folder or unit is said before it. Reading a frame
imports it.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.listed import found_instead
from depthbench.data.held_out import Share, split_scenes
from depthbench.data.manifest import describe
from depthbench.data.missing import ZERO_ONLY, Missing
from depthbench.data.sample import DepthSize, Sample
from depthbench.data.units import listed, plausible_units
from depthbench.errors import DamagedFrame, UserError
from depthbench.images import Size, decode_depth, decode_rgb
from depthbench.input_files import read_bytes
from depthbench.pinhole import Matrix

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from depthbench.data.frame import Frame

    class _Base(Dataset[Frame], ABC): ...
else:
    _Base = ABC  # loaders need `__len__` and `__getitem__` only

INDOOR = (0.5, 10.0)  # metres: where the median depth of an indoor data set lies
_PROBES = 5


class Reader(_Base):
    """A data set in files: subclasses list the ``names`` of the frames when opened and read one on demand.

    Args:
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` delivers depth at the image's size, ``native`` at the sensor's own.

    Attributes:
        known_as: the data set's name in protocols; None where it may be any.
        edition: whose copy of the set it is, with pictures of its own; None for the published files.
        truth: ``filled`` or ``raw``, where data of both kinds exist and protocols tell them apart; else None.
    """

    known_as: str | None = None
    edition: str | None = None
    truth: str | None = None
    missing = ZERO_ONLY
    _opened_with: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments, so that the same files can be opened otherwise."""
        self = super().__new__(cls)
        self._opened_with = (args, kwargs)
        return self

    def __init__(self, size: Sequence[int] | None = None, depth_size: DepthSize = "image") -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UserError(f"data.size={list(size)} is not (height, width) in pixels; give two positive numbers.")
        if depth_size not in ("image", "native"):
            raise UserError(f"data.depth_size={depth_size} is unknown; choose image or native.")
        self.size: Size | None = None if size is None else (int(size[0]), int(size[1]))
        self.depth_size: DepthSize = depth_size
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.names)

    def manifest(self) -> dict[str, Any]:
        """The identity of these frames: their number and the SHA-256 of their names, for a run's record."""
        return describe(self)

    def with_truth(self, truth: str) -> Self:
        """The same frames with this kind of depth; themselves where there are no kinds.

        Raises:
            UserError: if the data set has the other kind only.
        """
        if self.truth not in (None, truth):
            raise UserError(f"{self!r} has {self.truth} depth only")
        return self

    def opened_otherwise(self, **changes: Any) -> Self:
        """The same files, opened with some other arguments."""
        return type(self)(**{**self._given, **changes})

    @property
    def _constructor(self) -> inspect.Signature:
        """Not of the class: where it inherits its constructor, Python 3.11.2 reads another signature from it."""
        return inspect.signature(self.__init__)  # type: ignore[misc]

    @property
    def _given(self) -> dict[str, Any]:
        """The arguments with which these data were opened, by name."""
        args, kwargs = self._opened_with
        return self._constructor.bind(*args, **kwargs).arguments

    def scene(self, index: int) -> str | None:
        """The scene of a frame, None where it is not known; here the folder in its name."""
        return self.names[index].rpartition("/")[0] or None

    def pose(self, index: int) -> Matrix | None:
        """Camera to world ``(4, 4)`` of a frame, in the unit of its depth; None where it is not known.

        Frames whose names have one folder share a world.
        """
        return None

    def hold_out(self, share: Share, frames: int | None) -> "tuple[Dataset[Frame], Dataset[Frame] | None]":
        """See :class:`~depthbench.data.held_out.HoldsOut`; nothing is held out where scenes are not known."""
        from depthbench.data.subset import FrameSubset

        arguments = self._constructor.parameters
        if "split" not in arguments or not len(self) or self.scene(0) is None:
            return self, None
        everything = self.opened_otherwise(split=None)
        scenes = [everything.scene(index) for index in range(len(everything))]
        known = [scene for scene in scenes if scene is not None]
        split = self._given.get("split")
        training, held = split_scenes(known, split, share) if len(known) == len(scenes) else ([], [])
        if not held:
            return self, None
        chosen = [held[index] for index in evenly_spaced(len(held), min(frames or len(held), len(held)))]
        native = self.opened_otherwise(split=None, depth_size="native") if "depth_size" in arguments else everything
        return FrameSubset(everything, training), FrameSubset(native, chosen)

    @abstractmethod
    def read(self, index: int) -> Sample:
        """The frame as stored, at its own size. Raises UserError naming the file if it is damaged."""

    def __getitem__(self, index: int) -> "Frame":
        from depthbench.data.frame import to_frame

        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"Frame {index} of {count}.")
        return to_frame(self.read(index % count), self.size, self.depth_size)

    def check_units(
        self,
        scale: float,
        plausible: tuple[float, float] = INDOOR,
        fixed: bool = False,
        bits: int | None = None,
        floats: bool = False,
    ) -> None:
        """Look at a few frames: is the median depth plausible in metres?

        Args:
            scale: metres per stored value.
            plausible: metres between which the median must lie.
            fixed: whether the data set has one unit, so that nobody can choose another.
            bits: of the stored numbers, where the largest may mean "no depth" and the user can say so.
            floats: whether they are floats, of which a huge one may mean "no depth".

        Raises:
            DamagedFrame: if one of these frames can't be read.
            UserError: if it is not; names every common unit that would make it so. Also if many pixels hold the
                largest value of the type and no setting gives its meaning.
        """
        count = len(self)
        probes = sorted({index * count // _PROBES for index in range(_PROBES)})
        try:
            samples = [self.read(index) for index in probes]
        except UserError as error:
            raise DamagedFrame(str(error)) from error
        for sample in samples:
            if bits:
                self.missing.check_top(f"frame '{sample.name}' of {self!r}", sample.depth, scale, bits)
            if floats:
                self.missing.check_far(f"frame '{sample.name}' of {self!r}", sample.depth)
        known = np.concatenate([sample.depth[sample.depth > 0] for sample in samples])
        if not known.size:
            raise UserError(f"The first frames in {self!r} have no depth; check the depth files.")
        median = float(np.median(known))
        if plausible[0] <= median <= plausible[1]:
            return
        found = (
            f"The median depth in {self!r} is {median:.3g} m with scale={scale:.6g}, outside of "
            f"{plausible[0]:g} to {plausible[1]:g} m"
        )
        if fixed:
            raise UserError(f"{found}; are these the data set's own depth files?")
        others = listed(plausible_units(median / scale, *plausible, apart_from=1 / scale), "data.scale")
        raise UserError(f"{found}; {others or 'no common unit makes it plausible, so look at the depth files'}.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'root', '')})"


def existing_folder(root: str | Path, what: str) -> Path:
    """``root`` as a path.

    Raises:
        UserError: if it is not a folder; ``what`` names the content that it should hold.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        kind = "a file" if path.is_file() else "missing"
        raise UserError(f"data.root={root} is {kind}; give the folder that holds {what}.")
    return path


def checked_files(paths: Iterable[Path], root: Path, probes: int = 64) -> None:
    """Look for some of the files, evenly spaced: a wrong root shows at once, even with 230k files on a network disk.

    Args:
        paths: of the files.
        root: below which they should lie.
        probes: how many are looked for.

    Raises:
        UserError: naming the first that is missing.
    """
    every = list(paths)
    for index in range(min(probes, len(every))):
        path = every[index * len(every) // min(probes, len(every))]
        if not path.is_file():
            raise UserError(
                f"{path} is listed but missing ({found_instead(path, root)}); check data.root, list and download."
            )


def read_pair(
    rgb: Path, depth: Path, scale: float, missing: Missing = ZERO_ONLY
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Picture and 16-bit depth in metres, of one size; 0 where ``missing`` says that there is no depth.

    Raises:
        UserError: if a file is damaged or the sizes differ.
    """
    image = decode_rgb(read_bytes(rgb), rgb)
    metres = missing.metres(decode_depth(read_bytes(depth), depth), scale)
    same_size(image, metres, rgb, depth)
    return image, metres


def same_size(image: NDArray[np.uint8], depth: NDArray[np.float32], rgb: str | Path, name: str | Path) -> None:
    """Raise :class:`UserError` unless picture and depth have the same height and width."""
    if image.shape[:2] != depth.shape:
        raise UserError(
            f"{rgb} is {image.shape[1]}x{image.shape[0]} but {name} is {depth.shape[1]}x{depth.shape[0]}; "
            "they must show the same pixels, so resize one first."
        )
