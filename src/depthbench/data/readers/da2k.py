"""DA-2K (Yang et al. 2024, Depth Anything V2): photographs with annotated pairs of points, and no depth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from depthbench.annotated_pairs import AnnotatedPairs, annotated_pairs, read_da2k_points
from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.store import inside
from depthbench.data.readers.reader import Reader, checked_files, existing_folder
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size, decode_rgb
from depthbench.input_files import read_bytes

ANNOTATIONS = "annotations.json"


class DA2K(Reader):
    """``annotations.json`` names the pictures, in ``images/SCENE/``, and of each the pairs of points (``DA-2K.md``).

    Depth is missing everywhere and has the size of the picture's file. A frame is called like its picture without the
    ending, or with it where two pictures would have one name.

    Args:
        root: the folder of ``annotations.json``.
        split: how many of the pictures, evenly spaced; None for all.
        size: (height, width) of the image delivered; None for the files' own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if the annotations can't be read or pictures are missing; when read, if a picture is
            damaged or a point lies outside of it.

    Example:
        >>> import json, tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import DA2K
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "images/indoor").mkdir(parents=True)
        >>> written = cv2.imwrite(f"{root}/images/indoor/a.jpg", np.full((20, 30, 3), 90, np.uint8))
        >>> pair = {"point1": [15, 4], "point2": [2, 9], "closer_point": "point1"}
        >>> written = (root / "annotations.json").write_text(json.dumps({"images/indoor/a.jpg": [pair]}))
        >>> data = DA2K(root)
        >>> data.names, data.point_pairs(0).closer.tolist(), data[0].depth.shape
        (['images/indoor/a'], [[15, 4]], torch.Size([1, 20, 30]))
    """

    known_as = "DA-2K"

    def __init__(
        self,
        root: str | Path,
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        self.root = existing_folder(root, f"{ANNOTATIONS} and the pictures of DA-2K")
        path = self.root / ANNOTATIONS
        if not path.is_file():
            shown = ", ".join(sorted(one.name for one in self.root.iterdir())[:4]) or "nothing"
            raise UserError(f"{self.root} holds {shown}, but no {ANNOTATIONS}; give data.root the folder of it.")
        listed = [(inside(name, path), pairs) for name, pairs in read_da2k_points(path).items()]
        if not listed:
            raise UserError(f"{path} lists no picture; download it again.")
        chosen = range(len(listed)) if split is None else evenly_spaced(len(listed), split)
        self._listed = [listed[index] for index in chosen]
        stems = [name.rpartition(".")[0] or name for name, _ in self._listed]
        self.names = stems if len(set(stems)) == len(stems) else [name for name, _ in self._listed]
        checked_files((self.root / name for name, _ in self._listed), self.root)

    @property
    def pictures(self) -> list[str]:
        """The pictures below the root, without their endings."""
        return [name.rpartition(".")[0] or name for name, _ in self._listed]

    def point_pairs(self, index: int) -> AnnotatedPairs:
        """The pairs of a picture, in pixels of its file."""
        return annotated_pairs(self._listed[index][1])

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        name, points = self._listed[index]
        rgb = decode_rgb(read_bytes(self.root / name), self.root / name)
        size: Size = rgb.shape[:2]
        outside = points[(points >= size).any(-1)].tolist()
        if outside:
            row, column = outside[0]
            raise UserError(
                f"{self.root / ANNOTATIONS} has a point at row {row}, column {column} of {name}, which has "
                f"{size[0]} rows and {size[1]} columns; is it the picture of the annotations?"
            )
        return Sample(rgb, np.zeros(size, np.float32), None, self.names[index])
