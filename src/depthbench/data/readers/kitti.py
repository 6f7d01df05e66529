"""KITTI: driving scenes with laser depth, by Eigen's lists."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.formats.listed import fitted
from depthbench.data.formats.lists import Entry, read_list
from depthbench.data.formats.velodyne import Calibration, project_velodyne, read_calibration, read_scan
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.reader import Reader, checked_files, existing_folder, same_size
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size, decode_depth, decode_rgb
from depthbench.input_files import read_bytes

_SCALE = 1 / 256
_CAMERA = re.compile(r"image_0[0-3]")
_PLACES = ("", "train", "val", "data_depth_annotated", "data_depth_annotated/train", "data_depth_annotated/val")


class KITTI(Reader):
    """Raw pictures with depth, as ``date/drive/image_02/data/NUMBER.png``.

    Args:
        root: the raw data: folders by date, with ``calib_cam_to_cam.txt`` and ``calib_velo_to_cam.txt`` in each.
        files: the list, such as BTS's ``eigen_test_files_with_gt.txt``; plain or gzipped.
        depth: ``official``, the accumulated depth images (uint16 / 256; lines whose depth is None are left out: 652 of
            697 remain), or ``velodyne``, the frame's own scan projected into the picture (all 697).
        depth_root: where the official depth images lie (``drive/proj_depth/...``, also in train/ and val/ below it);
            None for root itself.
        split: how many of the frames, evenly spaced; None for all.
        kb_crop: keep the bottom 352 rows and the central 1216 columns, where all pictures have data.
        size: (height, width) of the image delivered; None keeps each file's own, which differ by a few pixels.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.

    Raises:
        UserError: when opened, if the list or files of it are missing, or the unit is implausible.
    """

    known_as = "KITTI"

    def __init__(
        self,
        root: str | Path,
        files: str | Path,
        depth: Literal["official", "velodyne"] = "official",
        depth_root: str | Path | None = None,
        split: str | int | None = None,
        kb_crop: bool = False,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.missing = missing(invalid, max_depth)
        if depth not in ("official", "velodyne"):
            raise UserError(f"data.depth={depth} is unknown; choose official or velodyne.")
        self.root = existing_folder(root, "KITTI's raw data, folders by date")
        self.depth_root = existing_folder(depth_root or root, "KITTI's official depth images")
        self.depth, self.kb_crop = depth, kb_crop
        entries = [entry for entry in read_list(files) if entry.depth or depth == "velodyne"]
        if not entries:
            raise UserError(f"{files} lists no picture with depth; is it the right list?")
        places = fitted(self.root, [entry.rgb for entry in entries])
        entries = [entry._replace(rgb=place) for entry, place in zip(entries, places, strict=True)]
        if depth == "official":
            depths = fitted(self.depth_root, [entry.depth or "" for entry in entries], self._has_depth)
            entries = [entry._replace(depth=place) for entry, place in zip(entries, depths, strict=True)]
        wanted = range(len(entries)) if split is None else evenly_spaced(len(entries), split)
        self.entries = [entries[index] for index in wanted]
        self.names = [entry.rgb.rsplit(".", 1)[0] for entry in self.entries]
        self._calibrations: dict[tuple[Path, int], Calibration] = {}
        checked_files((self.root / entry.rgb for entry in self.entries), self.root)
        scale, bits = (1.0, None) if depth == "velodyne" else (_SCALE, 16)
        self.check_units(scale, (1.0, 80.0), fixed=True, bits=bits)

    def scene(self, index: int) -> str | None:
        """The drive: its four cameras see the same road."""
        return self.names[index].rpartition("/image_0")[0] or super().scene(index)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        entry = self.entries[index]
        path = self.root / entry.rgb
        rgb = decode_rgb(read_bytes(path), path)
        calibration = self._calibration(path, required=self.depth == "velodyne")
        if self.depth == "official":
            depth = self._official(entry)
            same_size(rgb, depth, path, entry.depth or "")
        else:
            depth = self.missing.metres(self._velodyne(path, calibration, rgb.shape[:2]), 1.0)
        intrinsics = None if calibration is None else calibration.intrinsics
        sample = Sample(rgb, depth, intrinsics, self.names[index])
        return kb_crop(sample, path) if self.kb_crop else sample

    def _has_depth(self, path: Path) -> bool:
        name = path.relative_to(self.depth_root)
        return any((self.depth_root / place / name).is_file() for place in _PLACES)

    def _official(self, entry: Entry) -> NDArray[np.float32]:
        name = entry.depth or ""
        for place in _PLACES:
            path = self.depth_root / place / name
            if path.is_file():
                return self.missing.metres(decode_depth(read_bytes(path), path), _SCALE)
        raise UserError(f"{name} lies neither in {self.depth_root} nor in train or val below it; set data.depth_root.")

    def _velodyne(self, picture: Path, calibration: Calibration | None, size: Size) -> NDArray[np.float32]:
        if calibration is None:
            raise UserError(
                f"{picture} has no calibration: velodyne depth needs DATE/calib_*.txt above DATE/DRIVE/image_02/data, "
                "as the raw data have it; with depth=official any folder will do."
            )
        drive = _camera_folder(picture, self.root)
        scan = (drive.parent if drive else picture.parent) / "velodyne_points" / "data" / f"{picture.stem}.bin"
        return project_velodyne(read_scan(scan), calibration.projection, size)

    def _calibration(self, picture: Path, required: bool) -> Calibration | None:
        """The calibration for a picture's date and camera; None where no folder tells it, or where it is not needed."""
        camera = _camera_folder(picture, self.root)
        if camera is None:
            return None
        dates = [folder for folder in camera.parents if folder == self.root or self.root in folder.parents]
        folder = next((place for place in dates if (place / "calib_cam_to_cam.txt").is_file()), None)
        if folder is None and not required:
            return None
        key = folder or camera.parents[1], int(camera.name[-2:])
        if key not in self._calibrations:
            self._calibrations[key] = read_calibration(*key)
        return self._calibrations[key]


def _camera_folder(picture: Path, root: Path) -> Path | None:
    """The folder ``image_02`` or its like above a picture."""
    above = [folder for folder in picture.parents if root in folder.parents]
    return next((folder for folder in above if _CAMERA.fullmatch(folder.name)), None)


def kb_crop(sample: Sample, where: str | Path = "") -> Sample:
    """The bottom 352 rows and the central 1216 columns; depth (of the picture's size) and intrinsics follow."""
    height, width = sample.rgb.shape[:2]
    top, left = height - 352, (width - 1216) // 2
    if top < 0 or left < 0:
        raise UserError(f"{where} is {width}x{height}, too small for the 1216x352 crop; set data.kb_crop=false.")
    window = slice(top, top + 352), slice(left, left + 1216)
    known = sample.intrinsics
    if known is not None:
        known = known - np.array([[0, 0, left], [0, 0, top], [0, 0, 0]])
    return sample._replace(rgb=sample.rgb[window], depth=sample.depth[window], intrinsics=known)
