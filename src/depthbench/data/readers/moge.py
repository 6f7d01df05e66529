"""The ten sets of MoGe's evaluation (Wang et al. 2025), which one reader reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.centered_view import CenteredView, centered_view, in_pixels
from depthbench.data.formats.lists import parse_lines
from depthbench.data.formats.log_depth import Labels, read_labels, read_log_depth
from depthbench.data.formats.store import inside
from depthbench.data.missing import missing
from depthbench.data.readers.reader import Reader, checked_files, existing_folder, same_size
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size, decode_rgb
from depthbench.input_files import check_pixels, parse_json, read_bytes
from depthbench.input_files.limits import MAX_TEXT

if TYPE_CHECKING:
    from depthbench.annotations import Annotations
from depthbench.pinhole import Matrix

INDEX = ".index.txt"
SIZES: dict[str, Size] = {
    "NYUv2": (480, 640),
    "KITTI": (375, 750),
    "ETH3D": (1365, 2048),
    "iBims-1": (480, 640),
    "GSO": (512, 512),
    "Sintel": (436, 872),
    "DDAD": (700, 1400),
    "DIODE": (768, 1024),
    "Spring": (1080, 1920),
    "HAMMER": (832, 1664),
}
"""(height, width) of the views that are scored (``configs/eval/all_benchmarks.json``)."""

_NO_OBJECTS = ("undefined", "unannotated", "background", "sky")
_MOST_SEGMENTS = 100
_TOO_FAR = 1000  # times the depth that one pixel in a hundred is nearer than
_MAX_META = 1 << 20  # bytes; nine numbers have 300


class MoGeBundle(Reader):
    """One of ten sets: ``.index.txt`` names a folder per frame, each with ``image.jpg``, ``depth.png``, ``meta.json``.

    Where a frame has ``segmentation.png``, its objects are the frame's segments: no sky or background, the largest 100
    of at least ``least_segment`` pixels. Depth at infinity is missing. GSO, Sintel and Spring have no metres: their
    depth is up to scale. The pictures are no copies of the original sets', so numbers are not comparable with those on
    the original files.

    Args:
        root: the folder of the set, or the one of the sets.
        set: its name, one of :data:`SIZES`.
        view: ``official`` cuts out the view that MoGe scores, with the picture's center on the optical axis and of the
            size in :data:`SIZES`, and drops depth beyond 1000 times the image's first percentile; ``stored`` gives the
            files as they are; (height, width) cuts out a view of that size. The arithmetic is in float64, where MoGe's
            is in float32, so a place may be rounded to the next pixel.
        least_segment: pixels of the smallest segment.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None for the view's.
        depth_size: ``image`` or ``native``, see :class:`Reader`.

    Raises:
        UserError: when opened, if the set is unknown or not there, or files of it are missing; when read, if a file is
            damaged.

    Example:
        >>> import tempfile, cv2, numpy as np
        >>> from pathlib import Path
        >>> from PIL import Image, PngImagePlugin
        >>> from depthbench.data import MoGeBundle
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "a").mkdir()
        >>> written = (folder / ".index.txt").write_text("a")
        >>> written = (folder / "a/meta.json").write_text('{"intrinsics": [[1, 0, 0.5], [0, 1.5, 0.5], [0, 0, 1]]}')
        >>> written = cv2.imwrite(f"{folder}/a/image.jpg", np.full((20, 30, 3), 90, np.uint8))
        >>> texts = PngImagePlugin.PngInfo()
        >>> texts.add_text("near", "1")
        >>> texts.add_text("far", "4")
        >>> Image.fromarray(np.full((20, 30), 32768, np.uint16)).save(folder / "a/depth.png", pnginfo=texts)
        >>> frame = MoGeBundle(folder, "GSO", view=(10, 10))[0]
        >>> round(float(frame.depth.mean()), 2), frame.intrinsics[0].tolist()
        (2.0, [15.0, 0.0, 4.5])
    """

    edition = "MoGe"

    def __init__(
        self,
        root: str | Path,
        set: str,
        view: Literal["official", "stored"] | Sequence[int] = "official",
        least_segment: int = 1000,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        super().__init__(size, depth_size)
        if set not in SIZES:
            raise UserError(f"data.set={set} is not one of MoGe's sets; choose one of {', '.join(SIZES)}.")
        self.known_as, self.least_segment = set, least_segment
        self.view = None if view == "stored" else _view_size(view, set)
        self.missing = missing("none", max_depth)
        self.root = _set_folder(existing_folder(root, f"the set {set} of MoGe's evaluation"), set)
        path = self.root / INDEX
        names = [inside(line.strip(), path) for line in parse_lines(read_bytes(path, MAX_TEXT), path) if line.strip()]
        if not names:
            raise UserError(f"{path} is empty; it should list one folder per line.")
        self.names = names if split is None else [names[index] for index in evenly_spaced(len(names), split)]
        checked_files((self.root / name / "depth.png" for name in self.names), self.root)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        folder = self.root / self.names[index]
        picture = folder / "image.jpg"
        rgb, depth = decode_rgb(read_bytes(picture), picture), read_log_depth(folder / "depth.png")
        same_size(rgb, depth, picture, folder / "depth.png")
        camera = _camera(folder / "meta.json")
        objects = folder / "segmentation.png"
        labels = read_labels(objects) if objects.is_file() else None
        if labels is not None:
            same_size(rgb, labels.map.astype(np.float32), picture, objects)
        if self.view is not None:
            view = centered_view(camera, rgb.shape[:2], self.view)
            check_pixels(*view.between, folder / "meta.json")
            rgb, depth, labels = view.picture(rgb), _without_far(view.depth(depth)), _seen(labels, view)
            camera = view.target
        notes = None if labels is None else _annotated(segments(labels, self.least_segment))
        known = in_pixels(camera, rgb.shape[:2])
        return Sample(rgb, self.missing.metres(depth, 1.0), known, self.names[index], notes)


def segments(labels: Labels, least: int) -> NDArray[np.int64]:
    """``(H, W)``: the largest objects from 1 on, the largest first; 0 is none.

    Args:
        labels: as stored.
        least: pixels that an object must have.
    """
    objects = [label for name, label in labels.names.items() if name not in _NO_OBJECTS]
    counts = np.bincount(labels.map.ravel(), minlength=65536)
    kept = sorted((one for one in dict.fromkeys(objects) if 0 <= one < 65536), key=lambda one: -counts[one])
    table = np.zeros(65536, np.int64)
    for place, label in enumerate(kept[:_MOST_SEGMENTS], 1):
        table[label] = place if counts[label] >= least else 0
    return table[labels.map]


def _annotated(objects: NDArray[np.int64]) -> "Annotations":
    """Tensors, so torch is imported here."""
    import torch

    from depthbench.annotations import Annotations

    return Annotations(segments=torch.from_numpy(objects)[None])


def _view_size(view: str | Sequence[int], name: str) -> Size:
    if view == "official":
        return SIZES[name]
    sides = [] if isinstance(view, str) or not isinstance(view, Sequence) else [*view]
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(f"data.view={view} is unknown; choose official, stored, or [height,width].")
    return sides[0], sides[1]


def _set_folder(root: Path, name: str) -> Path:
    for folder in (root / name, root):
        if (folder / INDEX).is_file():
            return folder
    shown = ", ".join(sorted(path.name for path in root.iterdir())[:4]) or "nothing"
    raise UserError(f"Neither {root / name} nor {root} holds {INDEX} (there is {shown}); unzip {name}.zip there.")


def _camera(path: Path) -> Matrix:
    data = read_bytes(path, _MAX_META)
    try:
        matrix = np.array(parse_json(data)["intrinsics"], np.float64)
    except (ValueError, TypeError, KeyError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or not _is_camera(matrix):
        raise UserError(f"{path} has no 'intrinsics' of 3x3 numbers, normalized by width and height; get it again.")
    return matrix


def _is_camera(matrix: Matrix) -> bool:
    """Whether the center is in the picture and the view is no wider than 178 and no narrower than 0.6 degrees."""
    (fx, skew, cx), (other, fy, cy), last = matrix.tolist()
    sound = max(abs(skew), abs(other)) < 0.1 and last == [0, 0, 1]
    return bool(sound and 0 < cx < 1 and 0 < cy < 1 and min(fx, fy) > 0.01 and max(fx, fy) < 100)


def _seen(labels: Labels | None, view: CenteredView) -> Labels | None:
    return None if labels is None else Labels(view.labels(labels.map), labels.names)


def _without_far(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    known = depth[depth > 0]
    if not known.size:
        return depth
    return np.where(depth <= np.quantile(known, 0.01) * _TOO_FAR, depth, np.float32(0))
