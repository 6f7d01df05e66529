"""Hypersim (Roberts et al., ICCV 2021): rendered rooms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.depth_files import read_depth
from depthbench.data.formats.hdf5 import read_one
from depthbench.data.readers.hypersim_cameras import (
    CAMERA_TABLE,
    SceneCamera,
    one_camera,
    pinhole_of_rays,
    read_scene_cameras,
)
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.reader import existing_folder
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import read_table
from depthbench.pinhole import Matrix, depth_of_distance

ONE = "one"  # camera for all scenes
_LUMA = (0.30, 0.59, 0.11)
_BRIGHT, _PERCENTILE, _GAMMA = 0.8, 90, 2.2
_DARK = 1e-4  # a brightness at or below which the picture is black
_SCENE, _CAMERA, _FRAME = r"(?P<scene>ai_\d+_\d+)", r"(?P<camera>cam_\d+)", r"(?P<frame>\d+)"
_GEOMETRY = "{scene}/images/scene_{camera}_geometry_hdf5/frame.{frame}"
_NAME = "{scene}/{camera}/{frame}"
_COLUMNS = ("scene_name", "camera_name", "frame_id", "split_partition_name")
Partition = Literal["train", "val", "test"]


class Hypersim(SceneFiles):
    """``ai_001_001/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5`` with a picture of the same frame.

    Stored depth is the distance along the ray, in metres; depth along the axis is made of it with the scene's camera.
    Where a lens is tilted, the axis is perpendicular to the picture, see
    :func:`~depthbench.data.readers.hypersim_cameras.pinhole_of_rays`. Marigold's prepared files,
    ``rgb_cam_00_fr0000.png`` with ``depth_plane_cam_00_fr0000.png`` in millimetres, are read, too; one camera made
    their depth.

    Args:
        root: the folder of the scenes, or one above it.
        pictures: ``preview``, the published ``tonemap.jpg``; ``color``, tones made of the linear colors as Hypersim's
            toolkit and Marigold make them; ``prepared``, Marigold's files.
        cameras: the set's ``metadata_camera_parameters.csv`` (apple/ml-hypersim, ``contrib/mikeroberts3000``); None for
            the file of this name in ``root``; ``one``: one camera for all scenes, 886.81 pixels at a width of 1024, as
            Marigold takes it, so that results are of ``Hypersim (one camera)``. Prepared files have that one.
        partition: the set's ``metadata_images_split_trainvaltest.csv``; needed where ``part`` is given.
        part: ``train``, ``val`` or ``test`` of the partition; None for all frames that are there.
        files: see :class:`~depthbench.data.readers.scene_files.SceneFiles`; the next arguments, too.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``.

    Raises:
        UserError: as :class:`~depthbench.data.readers.scene_files.SceneFiles`.

    Example:
        >>> import tempfile, cv2, h5py, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import Hypersim
        >>> images = Path(tempfile.mkdtemp()) / "ai_001_001/images"
        >>> for kind in ("final_preview", "geometry_hdf5"):
        ...     (images / f"scene_cam_00_{kind}").mkdir(parents=True)
        >>> picture = images / "scene_cam_00_final_preview/frame.0000.tonemap.jpg"
        >>> written = cv2.imwrite(str(picture), np.full((5, 5, 3), 90, np.uint8))
        >>> with h5py.File(images / "scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5", "w") as file:
        ...     file["dataset"] = np.full((5, 5), 2, np.float16)
        >>> Hypersim(images.parents[1], cameras="one")[0].depth[0, 2, 2:]  # the axis meets the middle
        tensor([2.0000, 1.9487, 1.8157])
    """

    known_as = "Hypersim"
    plausible = (0.2, 200.0)

    def __init__(
        self,
        root: str | Path,
        pictures: Literal["preview", "color", "prepared"] = "preview",
        cameras: str | Path | None = None,
        partition: str | Path | None = None,
        part: Partition | None = None,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if pictures not in _LAYOUTS:
            raise UserError(f"data.pictures={pictures} is unknown; choose preview, color or prepared.")
        if part not in (None, "train", "val", "test"):
            raise UserError(f"data.part={part} is unknown; choose train, val or test.")
        if part is not None and partition is None:
            raise UserError(
                f"data.part={part} needs the set's list: data.partition=FILE, metadata_images_split_trainvaltest.csv."
            )
        self.layouts, self.prepared = (_LAYOUTS[pictures],), pictures == "prepared"
        if self.prepared and cameras not in (None, ONE):
            raise UserError(
                f"data.cameras={cameras} makes depth of distances, but data.pictures=prepared has depth that one "
                "camera made; leave data.cameras out, or read the published files."
            )
        self.cameras = None if self.prepared or cameras == ONE else self._read_cameras(root, cameras)
        self.edition = "one camera" if self.cameras is None else None
        self.part = part
        self.wanted = None if part is None or partition is None else read_partition(Path(partition).expanduser(), part)
        super().__init__(root, files, split, max_depth, size, depth_size)

    def _read_cameras(self, root: str | Path, cameras: str | Path | None) -> dict[str, SceneCamera]:
        folder = existing_folder(root, f"{self.known_as}, with {self._shown()}")
        path = folder / CAMERA_TABLE if cameras is None else Path(cameras).expanduser()
        if cameras is None and not path.is_file():
            raise UserError(
                f"{root} has no {CAMERA_TABLE}, which turns distances into depth: copy it there from "
                "apple/ml-hypersim, contrib/mikeroberts3000, or give data.cameras=FILE, or "
                "data.cameras=one for one camera in all scenes."
            )
        return read_scene_cameras(path)

    def camera(self, pair: Pair, size: Size) -> Matrix:
        """Intrinsics of a frame whose picture has ``size``.

        Raises:
            UserError: if the scene is not known, or its pictures have other sides.
        """
        if self.cameras is None:
            return one_camera(size)
        scene = pair.name.split("/")[-3]
        if scene not in self.cameras:
            raise UserError(f"{CAMERA_TABLE} has no line for the scene {scene}; download it again.")
        rays, stored = self.cameras[scene]
        if size[0] * stored[1] != size[1] * stored[0]:
            raise UserError(
                f"{pair.rgb} is {size[1]}x{size[0]}, but pictures of its scene are {stored[1]}x{stored[0]} by "
                f"{CAMERA_TABLE}; give the published pictures, which are not cut."
            )
        return pinhole_of_rays(rays, size)

    def keeps(self, pair: Pair) -> bool:
        """See :class:`SceneFiles`."""
        return self.wanted is None or tuple(pair.name.split("/")[-3:]) in self.wanted

    def _asked(self) -> str:
        return "" if self.part is None else f", with frames of the part {self.part}"

    def read_picture(self, pair: Pair) -> NDArray[np.uint8]:
        """See :class:`SceneFiles`."""
        if pair.mask is None:
            return super().read_picture(pair)
        colors, objects = read_one(pair.rgb, "dataset"), read_one(pair.mask, "dataset")
        if colors.ndim != 3 or colors.shape[2] != 3 or objects.shape != colors.shape[:2]:
            raise UserError(
                f"{pair.rgb} has the shape {colors.shape}, and {pair.mask} {objects.shape}; get both again."
            )
        return tone_mapped(colors, objects != -1)

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        camera = self.camera(pair, size)
        if self.prepared:
            return Truth(read_depth(pair.depth) * np.float32(0.001), camera)
        distance = read_one(pair.depth, "dataset")
        if distance.shape != size:
            raise UserError(f"{pair.depth} has the shape {distance.shape}, but {pair.rgb} {size}; get both again.")
        return Truth(depth_of_distance(distance.astype(np.float64), camera), camera)


_LAYOUTS = {
    "preview": FrameFiles(
        rf"{_SCENE}/images/scene_{_CAMERA}_final_preview/frame\.{_FRAME}\.tonemap\.jpg",
        f"{_GEOMETRY}.depth_meters.hdf5",
        "ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg beside scene_cam_00_geometry_hdf5",
        name=_NAME,
    ),
    "color": FrameFiles(
        rf"{_SCENE}/images/scene_{_CAMERA}_final_hdf5/frame\.{_FRAME}\.color\.hdf5",
        f"{_GEOMETRY}.depth_meters.hdf5",
        "ai_001_001/images/scene_cam_00_final_hdf5/frame.0000.color.hdf5 beside scene_cam_00_geometry_hdf5",
        mask=f"{_GEOMETRY}.render_entity_id.hdf5",
        name=_NAME,
    ),
    "prepared": FrameFiles(
        rf"{_SCENE}/rgb_{_CAMERA}_fr{_FRAME}\.png",
        "{scene}/depth_plane_{camera}_fr{frame}.png",
        "ai_001_001/rgb_cam_00_fr0000.png beside depth_plane_cam_00_fr0000.png",
        name=_NAME,
    ),
}


def tone_mapped(colors: NDArray[np.floating], objects: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Linear colors ``(H, W, 3)`` as a picture: the 90th percentile of the brightness of objects becomes 0.8.

    Hypersim's ``scene_generate_images_tonemap.py``; gamma 1/2.2.

    Args:
        colors: linear, unlimited; NaN is black.
        objects: ``(H, W)``, which pixels show an object.
    """
    known = np.nan_to_num(colors.astype(np.float64))
    brightness = (known @ _LUMA)[objects]
    bright = float(np.percentile(brightness, _PERCENTILE)) if brightness.size else 0.0
    scale = _BRIGHT**_GAMMA / bright if bright > _DARK else 0.0
    tones = np.clip(scale * np.maximum(known, 0), 0, None) ** (1 / _GAMMA)
    return np.round(255 * tones.clip(0, 1)).astype(np.uint8)


def read_partition(path: Path, part: Partition) -> frozenset[tuple[str, ...]]:
    """Scene, camera and four-digit frame of each frame of a part.

    Raises:
        UserError: if the file is no such table, or has no frame of the part.
    """
    rows = read_table(path)
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        raise UserError(
            f"{path} has the columns {', '.join(rows[0][:6]) if rows else 'of nothing'}, not {', '.join(_COLUMNS)}."
        )
    places = [rows[0].index(column) for column in _COLUMNS]
    try:
        cells = [[row[place] for place in places] for row in rows[1:]]
        found = frozenset((scene, camera, f"{int(frame):04d}") for scene, camera, frame, own in cells if own == part)
    except (IndexError, ValueError) as error:
        raise UserError(
            f"{path} has a row that is cut off or damaged ({reason_of(error, path)}); download it again."
        ) from None
    if not found:
        raise UserError(f"{path} lists no frame of the part {part}.")
    return found
