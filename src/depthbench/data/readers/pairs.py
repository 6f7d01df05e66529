"""Your own pictures with depth, in the layouts in which people keep them; NYUv2 as BTS lays it out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.depth_files import Bits, read_depth, read_mask
from depthbench.data.held_out import Share
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.camera_files import CameraFiles
from depthbench.data.readers.layouts import Pair, find_pairs
from depthbench.data.readers.listed_pairs import listed_pairs
from depthbench.data.readers.parts import Fractions, PairSource, PartName, by_part, frames_of, part_folders
from depthbench.data.readers.reader import INDOOR, Reader, existing_folder
from depthbench.data.readers.wanted_names import Wanted
from depthbench.data.sample import DepthSize, ResizeTo, Sample, of_one_size
from depthbench.data.units import suggested
from depthbench.errors import UserError
from depthbench.images import decode_rgb
from depthbench.input_files import read_bytes

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from depthbench.data.frame import Frame


_PROBES = 5
_OTHER_UNIT = 20.0  # a frame's mean beyond the plausible range by this factor is no depth of the same unit


class Pairs(Reader):
    """Pictures and depth files of the same names: ``rgb/NAME.jpg`` with ``depth/NAME.png``, in any subfolders.

    Also ``rgb_NAME.jpg`` beside ``depth_NAME.png`` or ``sync_depth_NAME.png``, ``NAME_rgb.jpg`` beside
    ``NAME_depth.npy``, and lists. Depth is png, npy, npz, exr, tiff or pfm. docs/own_data.md shows the layouts.

    Args:
        root: the folder.
        scale: metres per unit of the depth files (0.001 for millimetres). Never guessed.
        split: how many frames, evenly spaced over the sorted names; None for all.
        intrinsics: in pixels of the stored pictures, integer coordinates at pixel centers: (fx, fy, cx, cy); or a file
            (below the root, or of this name in the picture's folder or the nearest above it); or the name of the
            folders that hold a file per frame.
        plausible: metres between which the median depth must lie; a few frames are looked at when opened.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        part: ``train``, ``val`` or ``test``; None for all frames below the root, or of ``files``.
        pictures: where the usual names don't fit or two do: the pictures' folder, a pattern (``*.png``) or both.
        depths: likewise of the depth files.
        masks: likewise of masks, whose nonzero pixels are valid; ``none`` leaves them aside.
        bits: 8 where integers of 8 bits are meant to be depth.
        resize_to: where a picture and its depth differ in size: ``depth`` resizes the picture, ``picture`` the depth.
        files: a list of picture and depth (and mask, intrinsics) in each line, below the root; of the training where
            parts are asked for.
        val_files: likewise for validation.
        test_files: likewise for the test.
        val_fraction: held out of the training frames for validation.
        test_fraction: held out of all frames for the test.
        split_by: ``folder`` holds whole folders out, ``frame`` single frames.
        split_seed: of the lot that decides which.

    Raises:
        UserError: when opened, if there are no pairs, a picture lacks its depth or the reverse, two readings of the
            names are possible, the unit is not said or implausible; when read, if a file is damaged or not of the kind
            and unit of the others, or picture and depth differ in size.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Pairs
        >>> folder = Path(tempfile.mkdtemp())
        >>> for kind in ("rgb", "depth"):
        ...     (folder / kind).mkdir()
        >>> written = cv2.imwrite(f"{folder}/rgb/0.png", np.full((24, 32, 3), 90, np.uint8))
        >>> np.save(folder / "depth/0.npy", np.full((24, 32), 2.5, np.float32))
        >>> frame = Pairs(folder, scale=1)[0]
        >>> frame.name, round(float(frame.depth.mean()), 3)
        ('0', 2.5)
    """

    has_validation = False  # frames for validation that are no training frames
    _one_unit = False  # until the unit of a few frames was found plausible

    def __init__(
        self,
        root: str | Path,
        scale: float | None = None,
        split: str | int | None = None,
        intrinsics: Sequence[float] | str | None = None,
        plausible: tuple[float, float] = INDOOR,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
        part: PartName | None = None,
        pictures: str | None = None,
        depths: str | None = None,
        masks: str | None = None,
        bits: Bits = 16,
        resize_to: ResizeTo | None = None,
        files: str | Path | None = None,
        val_files: str | Path | None = None,
        test_files: str | Path | None = None,
        val_fraction: float | None = None,
        test_fraction: float | None = None,
        split_by: Literal["folder", "frame"] = "folder",
        split_seed: int = 0,
    ) -> None:
        super().__init__(size, depth_size)
        self.root = existing_folder(root, "pictures with depth files beside them")
        self.part, self.bits, self.resize_to = part, bits, resize_to
        _check_choices(part, bits, resize_to)
        self.missing = missing(invalid, max_depth)
        self.cameras = CameraFiles(intrinsics, self.root)
        self.wanted = Wanted(pictures, depths, masks, self.cameras.folder)
        self.fractions = Fractions(val_fraction, test_fraction, split_by, split_seed)
        lists: dict[PartName, str | Path | None] = {"train": files, "val": val_files, "test": test_files}
        self.lists = {key: Path(file) for key, file in lists.items() if file is not None}
        pairs = self._of_all() if part is None else self._of_part(part)
        if not pairs:
            raise UserError(f"There are no {part or ''} frames in {self.root}; add some.")
        self.pairs = pairs if split is None else [pairs[index] for index in evenly_spaced(len(pairs), split)]
        self.names = [pair.name for pair in self.pairs]
        self.plausible = (float(plausible[0]), float(plausible[1]))
        self.first = read_depth(self.pairs[0].depth, bits).dtype
        self.scale = self._known_scale(scale)
        floats = self.first.kind == "f"
        self.check_units(self.scale, self.plausible, bits=None if floats else 8 * self.first.itemsize, floats=floats)
        self._one_unit = True

    @property
    def pictures(self) -> list[str]:
        """The pictures of the frames below the root, without their endings."""
        return [pair.rgb.relative_to(self.root).with_suffix("").as_posix() for pair in self.pairs]

    def hold_out(self, share: Share, frames: int | None) -> "tuple[Dataset[Frame], Dataset[Frame] | None]":
        """See :meth:`Reader.hold_out`; where the data have validation frames of their own, these."""
        from depthbench.data.subset import FrameSubset

        if self.part != "train" or not self.has_validation:
            return super().hold_out(share, frames)
        held = self.opened_otherwise(part="val", split=None, depth_size="native")
        count = min(frames or len(held), len(held))
        return self, FrameSubset(held, evenly_spaced(len(held), count))

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        pair = self.pairs[index]
        rgb = decode_rgb(read_bytes(pair.rgb), pair.rgb)
        stored = read_depth(pair.depth, self.bits)
        if (stored.dtype.kind == "f") != (self.first.kind == "f"):
            kinds = ("integers", "floats") if stored.dtype.kind == "f" else ("floats", "integers")
            raise UserError(
                f"{self.pairs[0].depth} holds {kinds[0]}, but {pair.depth} {kinds[1]}, so no one unit fits both; "
                "convert one of them."
            )
        depth = self.missing.metres(stored, self.scale)
        if self._one_unit:
            self._check_unit_of(depth, pair)
        valid = None if pair.mask is None else read_mask(pair.mask)
        intrinsics = self.cameras(pair)
        return of_one_size(Sample(rgb, depth, intrinsics, pair.name), valid, self.resize_to, (pair.rgb, pair.depth))

    def _check_unit_of(self, depth: NDArray[np.float32], pair: Pair) -> None:
        known = int(np.count_nonzero(depth))
        mean = float(depth.sum(dtype=np.float64)) / known if known else 0.0
        low, high = self.plausible
        if known and not low / _OTHER_UNIT <= mean <= high * _OTHER_UNIT:
            raise UserError(
                f"The mean depth of {pair.depth} is {mean:.3g} m with data.scale={self.scale:.6g}, far from the "
                f"{low:g} to {high:g} m that are plausible: is it stored in another unit than the others?"
            )

    def _find(self, folder: Path) -> list[Pair]:
        """All pairs below a folder, sorted by name."""
        return find_pairs(folder, self.wanted)

    def _sources(self) -> tuple[dict[PartName, PairSource], PairSource]:
        """The parts that have lists or folders of their own, and everything."""
        if self.lists:
            given: dict[PartName, PairSource] = {
                key: partial(listed_pairs, path, self.root) for key, path in self.lists.items()
            }
            if set(given) == {"train"}:  # one list, of which fractions may be held out
                return {}, given["train"]
            return given, list
        folders = part_folders(sorted(path.name for path in self.root.iterdir() if path.is_dir()), self.root)
        if folders:
            return {part: partial(self._find, self.root / name) for part, name in folders.items()}, list
        pairs = self._find(self.root)
        return {part: partial(list, some) for part, some in by_part(pairs, self.root).items()}, partial(list, pairs)

    def _of_part(self, part: PartName) -> list[Pair]:
        given, everything = self._sources()
        self.has_validation = "val" in given or self.fractions.val is not None
        return frames_of(part, given, everything, self.fractions, str(self.root))

    def _of_all(self) -> list[Pair]:
        return listed_pairs(self.lists["train"], self.root) if "train" in self.lists else self._find(self.root)

    def _known_scale(self, scale: float | None) -> float:
        if scale is not None:
            return checked_scale(scale, self.root)
        places = sorted({index * len(self) // _PROBES for index in range(_PROBES)})
        stored = [read_depth(self.pairs[place].depth, self.bits) for place in places]
        known = np.concatenate([values[self.missing.metres(values, 1.0) > 0] for values in stored])
        return checked_scale(None, self.root, suggested(float(np.median(known)), self.plausible) if known.size else "")


def _check_choices(part: Any, bits: Any, resize_to: Any) -> None:
    for key, value, known in (
        ("part", part, (None, "train", "val", "test")),
        ("bits", bits, (8, 16)),
        ("resize_to", resize_to, (None, "depth", "picture")),
    ):
        if value not in known:
            raise UserError(f"data.{key}={value} is unknown; choose {' or '.join(str(one) for one in known if one)}.")


def checked_scale(scale: float | None, root: Path, guess: str = "") -> float:
    """Metres per unit.

    Args:
        scale: as given.
        root: of the data.
        guess: which units would be plausible, to be named and not used.

    Raises:
        UserError: if it is not given or not positive; says where the unit may be written.
    """
    if isinstance(scale, int | float) and not isinstance(scale, bool) and 0 < scale < float("inf"):
        return float(scale)
    readme = next((path for path in (root, root.parent) if (path / "README.md").is_file()), None)
    hint = f"; {readme / 'README.md'} may say it" if readme else ""
    problem = "is not given" if scale is None else f"cannot be {scale}"
    raise UserError(
        f"The unit of the depth files in {root} {problem}: set data.scale to metres per unit, "
        f"such as data.scale=0.001 for millimetres{hint}.{guess}"
    )
