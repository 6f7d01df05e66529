"""Matterport3D: indoor panoramas' views with depth, 1280x1024."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.config.amounts import evenly_spaced
from depthbench.data.missing import Invalid, missing
from depthbench.data.readers.reader import Reader, existing_folder, read_pair
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.input_files import read_bytes
from depthbench.pinhole import camera_matrix

_VIEW = re.compile(r"(?P<pano>.+)_i(?P<camera>\d)_(?P<yaw>\d)\.jpg")
_SCALE = 1 / 4000
_MAX_CAMERA = 10_000  # bytes; eleven numbers have 200


class CameraView(NamedTuple):
    """A picture, its depth, and the file of its camera."""

    rgb: Path
    depth: Path
    camera: Path


class Matterport3D(Reader):
    """``<house>/<kind>_color_images/<pano>_i<camera>_<yaw>.jpg`` with ``<kind>_depth_images/<pano>_d...png``.

    Depth is along the optical axis, 0.25 mm per unit, 0 = missing. Intrinsics are known for ``matterport``
    (``matterport_camera_intrinsics``; its pictures keep their lens distortion) and None for ``undistorted``.

    Args:
        root: the folder of the houses.
        kind: ``undistorted`` or ``matterport`` (as the camera delivers).
        split: how many of the views, evenly spaced over the sorted names; None for all.
        houses: only these; None for all.
        size: (height, width) of the image delivered; None for 1024x1280.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        invalid: a value of the depth files, or several, that means "no depth" as 0 does; ``none`` if there is no such
            value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.

    Raises:
        UserError: when opened, if there are no views, one lacks its depth, or the unit is implausible.
    """

    known_as = "Matterport3D"

    def __init__(
        self,
        root: str | Path,
        kind: Literal["undistorted", "matterport"] = "undistorted",
        split: str | int | None = None,
        houses: Sequence[str] | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.missing = missing(invalid, max_depth)
        if kind not in ("undistorted", "matterport"):
            raise UserError(f"data.kind={kind} is unknown; choose undistorted or matterport.")
        self.root = existing_folder(root, f"the houses, each with {kind}_color_images")
        views = _find(self.root, kind, houses)
        wanted = range(len(views)) if split is None else evenly_spaced(len(views), split)
        names = sorted(views)
        self.names = [names[index] for index in wanted]
        self.views = [views[name] for name in self.names]
        self.check_units(_SCALE, fixed=True, bits=16)

    def scene(self, index: int) -> str | None:
        """The house."""
        return self.names[index].partition("/")[0]

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        view = self.views[index]
        pair = read_pair(view.rgb, view.depth, _SCALE, self.missing)
        return Sample(*pair, _camera(view.camera), self.names[index])


def _find(root: Path, kind: str, houses: Sequence[str] | None) -> dict[str, CameraView]:
    found = {}
    for folder in sorted(root.glob(f"*/{kind}_color_images")):
        house = folder.parent
        if houses is not None and house.name not in houses:
            continue
        for rgb in folder.iterdir():
            match = _VIEW.fullmatch(rgb.name)
            if match:
                depth = house / f"{kind}_depth_images" / "{pano}_d{camera}_{yaw}.png".format(**match.groupdict())
                if not depth.is_file():
                    raise UserError(f"{rgb} has no depth; {depth} is missing, so unpack the depth images too.")
                camera = (
                    house / f"{kind}_camera_intrinsics" / "{pano}_intrinsics_{camera}.txt".format(**match.groupdict())
                )
                found[f"{house.name}/{rgb.stem}"] = CameraView(rgb, depth, camera)
    if not found:
        raise UserError(f"No <house>/{kind}_color_images/*_i*_*.jpg below {root}; is data.root the folder of houses?")
    return found


def _camera(path: Path) -> NDArray[np.float64] | None:
    """``width height fx fy cx cy k1 k2 p1 p2 k3`` as a matrix; None if there is no file."""
    if not path.exists():
        return None
    data = read_bytes(path, _MAX_CAMERA)
    try:
        values = [float(word) for word in data.decode("ascii").split()]
        return camera_matrix(values[2:6])
    except ValueError as error:
        raise UserError(f"{path} is not 'width height fx fy cx cy ...'; download it again.") from error
