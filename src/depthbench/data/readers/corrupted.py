"""Pictures of a test set, corrupted: NYU-C and KITTI-C of RoboDepth (Kong et al., NeurIPS 2023)."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.config.amounts import evenly_spaced
from depthbench.data.readers.file_listing import list_files, split_ending
from depthbench.data.readers.reader import Reader, existing_folder
from depthbench.data.readers.wanted_names import PICTURE_SUFFIXES
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import decode_rgb
from depthbench.input_files import read_bytes
from depthbench.pinhole import resize_intrinsics


class Corrupted(Reader):
    """``CORRUPTION/SEVERITY/.../PICTURE``, scored on the truth of the clean set's frames of the same names.

    Below a folder of a severity a picture lies at any depth, with the path of its frame in the clean set at the end:
    ``fog/3/kitti_data/2011_09_26/.../image_02/data/0000000069.jpg`` for KITTI, ``fog/3/.../bathroom/rgb_00045.jpg`` for
    NYUv2 in BTS's folders. (RoboDepth's code says so of KITTI-C; how NYU-C is packed was not found.) Pictures may have
    another size than the clean ones (192x640 in KITTI-C); the camera follows. A frame is called ``fog/3/NAME``.

    Args:
        clean: the test set itself, each picture at its own size.
        root: the folder of the corruptions.
        known_as: the set's name in protocols.
        corruption: one or several of the folders; None for all.
        severity: 1 to 5, one or several; None for all.
        split: how many of the frames, evenly spaced; None for all.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if a corruption, a severity or the picture of a frame is missing.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Corrupted, Pairs
        >>> folder = Path(tempfile.mkdtemp())
        >>> for kind in ("clean/rgb", "clean/depth", "corrupt/fog/3"):
        ...     (folder / kind).mkdir(parents=True)
        >>> for place in ("clean/rgb", "corrupt/fog/3"):
        ...     written = cv2.imwrite(f"{folder}/{place}/0.png", np.full((24, 32, 3), 90, np.uint8))
        >>> np.save(folder / "clean/depth/0.npy", np.full((24, 32), 2.5, np.float32))
        >>> data = Corrupted(Pairs(folder / "clean", scale=1), folder / "corrupt", "mine-C")
        >>> data.names, float(data[0].depth.mean())
        (['fog/3/0'], 2.5)
    """

    def __init__(
        self,
        clean: Reader,
        root: str | Path,
        known_as: str,
        corruption: str | Sequence[str] | None = None,
        severity: int | Sequence[int] | None = None,
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        self.clean, self.known_as, self.truth = clean, known_as, clean.truth
        self.root = existing_folder(root, f"the corruptions of {known_as}, CORRUPTION/SEVERITY/...")
        corruptions = [corruption] if isinstance(corruption, str) else corruption
        severities = [severity] if isinstance(severity, int) else severity
        found = [
            (f"{folder.parent.name}/{folder.name}", path, place)
            for folder in self._folders(corruptions, severities)
            for place, path in enumerate(_pictures(folder, clean.names))
        ]
        self.found = found if split is None else [found[index] for index in evenly_spaced(len(found), split)]
        self.names = [f"{cell}/{clean.names[place]}" for cell, _, place in self.found]

    def scene(self, index: int) -> str | None:
        """The scene of the clean frame."""
        return self.clean.scene(self.found[index][2])

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        _, path, place = self.found[index]
        sample, rgb = self.clean.read(place), decode_rgb(read_bytes(path), path)
        known = sample.intrinsics
        if known is not None:
            known = resize_intrinsics(known, sample.rgb.shape[:2], rgb.shape[:2])
        return sample._replace(rgb=rgb, intrinsics=known, name=self.names[index])

    def _folders(self, corruptions: Sequence[str] | None, severities: Sequence[int] | None) -> list[Path]:
        """The folders of severities, by corruption."""
        inner = sorted(folder for folder in self.root.iterdir() if folder.is_dir())
        there = {folder.name: numbers for folder in inner if (numbers := _severities(folder))}
        if not there:
            held = ", ".join(folder.name for folder in inner[:4]) or "no folders"
            raise UserError(
                f"{self.root} holds {held}, but {self.known_as} has folders such as fog/3; give data.root the folder "
                "above them."
            )
        wanted = list(there) if corruptions is None else list(corruptions)
        for name in wanted:
            if name not in there:
                raise UserError(f"data.corruption={name} is none of {', '.join(there)}, which {self.root} holds.")
            lacking = [number for number in severities or () if number not in there[name]]
            if lacking:
                raise UserError(f"{self.root / name} has the severities {there[name]}, not {lacking[0]}; get them all.")
        return [self.root / name / str(number) for name in wanted for number in severities or there[name]]


def _severities(folder: Path) -> list[int]:
    return sorted(int(inner.name) for inner in folder.iterdir() if inner.is_dir() and inner.name.isdecimal())


def _pictures(folder: Path, names: Sequence[str]) -> list[Path]:
    """The picture of each frame: the one whose path ends in the frame's name.

    Raises:
        UserError: if a frame has none, or two.
    """
    depths = {name.count("/") + 1 for name in names}
    found: dict[str, list[Path]] = {name: [] for name in names}
    some = "no picture"
    for parts, files in list_files(folder).folders.items():
        for file in files:
            stem, ending = split_ending(file)
            if ending in PICTURE_SUFFIXES:
                some, path = "/".join((*parts, file)), folder.joinpath(*parts, file)
                for name in {"/".join((*parts, stem)[-depth:]) for depth in depths} & found.keys():
                    found[name].append(path)
    lacking = [name for name in names if not found[name]]
    if lacking:
        raise UserError(
            f"{folder} has no picture of {len(lacking)} of {len(names)} frames, first {lacking[0]} (it holds {some}); "
            "are the clean set and its corruptions the same?"
        )
    twice = next((paths for paths in found.values() if len(paths) > 1), None)
    if twice:
        raise UserError(f"{twice[0]} and {twice[1]} are pictures of one frame; remove one.")
    return [found[name][0] for name in names]
