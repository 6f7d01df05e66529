"""Base of the published sets: pictures in folders by scene, and beside each a file of depth, perhaps of a mask."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.listed import by_numbers, fitted
from depthbench.data.formats.lists import parse_lines
from depthbench.data.formats.store import inside
from depthbench.data.missing import missing
from depthbench.data.readers.file_listing import list_files
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.reader import Reader, checked_files, existing_folder, same_size
from depthbench.data.sample import DepthSize, ResizeTo, Sample, of_one_size
from depthbench.errors import UserError
from depthbench.images import Size, decode_rgb
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT

if TYPE_CHECKING:
    from depthbench.annotations import Annotations
from depthbench.pinhole import Matrix


class FrameFiles(NamedTuple):
    """Names of the files of a frame, below the root or any folder in it, with forward slashes.

    Attributes:
        picture: a regular expression with named groups.
        depth: made of the groups by ``str.format``.
        shown: ``picture`` as errors show it.
        mask: as ``depth``, where each frame has a mask.
        camera: as ``depth``, where each frame has a file of its camera.
        name: as ``depth``, how the frame is called; None for its picture without the ending.
    """

    picture: str
    depth: str
    shown: str
    mask: str | None = None
    camera: str | None = None
    name: str | None = None

    def pair(self, root: Path, path: str) -> Pair | None:
        """The frame of a picture by its path below the root; None where it is another file."""
        match = re.fullmatch(rf"(?P<above>(?:.*/)?){self.picture}", path)
        if match is None:
            return None

        def made(template: str | None) -> Path | None:
            return None if template is None else root / (match["above"] + template.format(**match.groupdict()))

        stem = path.rpartition(".")[0]
        name = stem if self.name is None else match["above"] + self.name.format(**match.groupdict())
        return Pair(name, root / path, root / (match["above"] + self.depth.format(**match.groupdict())),
                    made(self.mask), made(self.camera))  # fmt: skip


class Truth(NamedTuple):
    """A picture with its depth, mask and camera.

    Attributes:
        depth: ``(h, w)`` metres along the optical axis; 0, negative numbers, NaN and infinities are no depth.
        intrinsics: ``(3, 3)`` in pixels of the picture as stored, pixel centers at integers; None where unknown.
        annotations: of the depth's size; None where there are none.
    """

    depth: NDArray[np.floating]
    intrinsics: Matrix | None = None
    annotations: "Annotations | None" = None


class SceneFiles(Reader):
    r"""A published set: subclasses say how its files are called and read the truth of a frame.

    Args:
        root: the folder of the set, or one above it.
        files: a list, each line beginning with a picture below the root (the rest of the line is ignored);
            None for all frames that are found, by name, where 9 is before 10.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Attributes:
        known_as: the set's name in protocols.
        layouts: in which its files come.
        plausible: metres between which the median depth must lie.
        resize_to: ``depth`` where the set's pictures are larger than its depth and are resized to it; else None.

    Raises:
        UserError: when opened, if there are no frames, files are missing, or depth is implausible; when read, if a file
            is damaged or its size is not the picture's.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from depthbench.data import SceneFiles
        >>> from depthbench.data.readers.scene_files import FrameFiles, Truth
        >>> class Mine(SceneFiles):
        ...     known_as = "mine"
        ...     layouts = (FrameFiles(r"(?P<frame>[^/]+)\.png", "{frame}.npy", "NAME.png beside NAME.npy"),)
        ...
        ...     def read_truth(self, pair, size):
        ...         return Truth(np.load(pair.depth))
        >>> folder = tempfile.mkdtemp()
        >>> written = cv2.imwrite(f"{folder}/a.png", np.full((24, 32, 3), 90, np.uint8))
        >>> np.save(f"{folder}/a.npy", np.full((24, 32), 2.5))
        >>> Mine(folder).names, float(Mine(folder)[0].depth.mean())
        (['a'], 2.5)
    """

    layouts: tuple[FrameFiles, ...] = ()
    plausible: tuple[float, float] = (0.1, 100.0)
    resize_to: ResizeTo | None = None

    def __init__(
        self,
        root: str | Path,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        self.missing = missing("none", max_depth)
        self.root = existing_folder(root, f"{self.known_as}, with {self._shown()}")
        pairs = self._all() if files is None else self._listed(Path(files).expanduser())
        self.pairs = pairs if split is None else [pairs[index] for index in evenly_spaced(len(pairs), split)]
        self.names = [pair.name for pair in self.pairs]
        wanted = (path for pair in self.pairs for path in (pair.depth, pair.mask, pair.camera))
        checked_files((path for path in wanted if isinstance(path, Path)), self.root)
        self.check_units(1.0, self.plausible, fixed=True)

    @property
    def pictures(self) -> list[str]:
        """The pictures of the frames below the root, without their endings."""
        return [pair.rgb.relative_to(self.root).with_suffix("").as_posix() for pair in self.pairs]

    @abstractmethod
    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """The truth of a frame, whose picture has ``size``. Raises UserError naming the file if it is damaged."""

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        pair = self.pairs[index]
        rgb = self.read_picture(pair)
        truth = self.read_truth(pair, rgb.shape[:2])
        depth = self.missing.metres(truth.depth, 1.0)
        sample = Sample(rgb, depth, truth.intrinsics, pair.name, truth.annotations)
        if self.resize_to:
            return of_one_size(sample, None, self.resize_to, (pair.rgb, pair.depth))
        same_size(rgb, depth, pair.rgb, pair.depth)
        return sample

    def read_picture(self, pair: Pair) -> NDArray[np.uint8]:
        """The picture of a frame, ``(H, W, 3)`` RGB."""
        return decode_rgb(read_bytes(pair.rgb), pair.rgb)

    def keeps(self, pair: Pair) -> bool:
        """Whether a frame that was found belongs to the frames asked for."""
        return True

    def _shown(self) -> str:
        return " or ".join(layout.shown for layout in self.layouts)

    def _pair(self, path: str) -> Pair | None:
        found = (layout.pair(self.root, path) for layout in self.layouts)
        return next((pair for pair in found if pair is not None), None)

    def _all(self) -> list[Pair]:
        listing = list_files(self.root)
        paths = ("/".join((*parts, file)) for parts, files in listing.folders.items() for file in files)
        pairs = self._kept(paths)
        if not pairs:
            links = f" (links to folders, such as {listing.links[0]}, are not followed)" if listing.links else ""
            raise UserError(
                f"{self.root} holds {', '.join(listing.first()) or 'nothing'}{links}, but {self.known_as} has "
                f"{self._shown()}; give data.root the folder of the set{self._asked()}."
            )
        return sorted(pairs, key=lambda pair: by_numbers(pair.name))

    def _asked(self) -> str:
        """The restrictions of the request, for the error that no frame is left."""
        return ""

    def _kept(self, paths: Iterable[str]) -> list[Pair]:
        found = (self._pair(path) for path in paths)
        return [pair for pair in found if pair is not None and self.keeps(pair)]

    def _listed(self, path: Path) -> list[Pair]:
        lines = parse_lines(read_bytes(path, MAX_TEXT), path)
        names = [inside(re.split(r"[\s,]", line.strip())[0], path) for line in lines if line.strip()]
        if not names:
            raise UserError(f"{path} is empty; it should list one picture per line.")
        places = fitted(self.root, names)
        for place in places:
            if self._pair(place) is None:
                raise UserError(f"{path} lists {place}, but pictures of {self.known_as} are {self._shown()}.")
        pairs = self._kept(places)
        checked_files((pair.rgb for pair in pairs), self.root)
        if not pairs:
            raise UserError(f"{path} lists no frame that is wanted{self._asked()}.")
        return pairs


def edges_only(edges: NDArray[np.bool_]) -> "Annotations":
    """Annotated edges ``(H, W)`` of a frame without other annotations; tensors, so torch is imported here."""
    import torch

    from depthbench.annotations import Annotations

    return Annotations(edges=torch.from_numpy(edges)[None])
