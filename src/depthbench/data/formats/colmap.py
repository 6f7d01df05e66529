"""COLMAP's text files of cameras, and where a camera's lens puts a ray (``src/colmap/sensor/models.h``)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.lists import parse_lines
from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import check_pixels, read_bytes
from depthbench.input_files.limits import MAX_TEXT
from depthbench.pinhole import Matrix, camera_matrix

PINHOLE, FISHEYE = "PINHOLE", "THIN_PRISM_FISHEYE"
_PARAMETERS = {
    PINHOLE: ("fx", "fy", "cx", "cy"),
    FISHEYE: ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "sx1", "sy1"),
}
_IMAGE_FIELDS = 10  # IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME; a line of points has triples
_CORNER = 0.5  # the corner of the first pixel is at (0, 0) there, its center is here
Axes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Horizontal and vertical coordinates."""


class ColmapCamera(NamedTuple):
    """A line of ``cameras.txt``.

    Attributes:
        model: ``PINHOLE`` or ``THIN_PRISM_FISHEYE``.
        size: (height, width) of its pictures.
        parameters: in COLMAP's order.
    """

    model: str
    size: Size
    parameters: tuple[float, ...]

    @property
    def matrix(self) -> Matrix:
        """Intrinsics in pixels with centers at integers; for a lens with distortion, the intrinsics of its middle."""
        fx, fy, cx, cy = self.parameters[:4]
        return camera_matrix([fx, fy, cx - _CORNER, cy - _CORNER])

    def seen_at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Axes:
        """The columns and rows at which a point (x, y, 1) is seen; pixel centers are at integers.

        Example:
            >>> import numpy as np
            >>> from depthbench.data.formats.colmap import ColmapCamera
            >>> camera = ColmapCamera("THIN_PRISM_FISHEYE", (8, 8), (2, 2, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0))
            >>> column, row = camera.seen_at(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
            >>> column.round(3).tolist()  # at 45 degrees, 2 * pi / 4 pixels from the middle
            [3.5, 5.071]
        """
        if self.model == FISHEYE:
            x, y = thin_prism_fisheye(x, y, self.parameters[4:])
        fx, fy, cx, cy = self.parameters[:4]
        return fx * x + (cx - _CORNER), fy * y + (cy - _CORNER)


def thin_prism_fisheye(x: NDArray[np.float64], y: NDArray[np.float64], lens: tuple[float, ...]) -> Axes:
    """Image of a point (x, y, 1) through a lens, as coordinates of a pinhole camera without the lens.

    First equidistant, the radius r = tan(theta) becomes theta; then radial, tangential and thin-prism terms (Weng et
    al., TPAMI 1992) of that.

    Args:
        x: to the right.
        y: down.
        lens: k1, k2, p1, p2, k3, k4, sx1, sy1.
    """
    k1, k2, p1, p2, k3, k4, sx1, sy1 = lens
    radius = np.hypot(x, y)
    bent = np.divide(np.arctan(radius), radius, out=np.ones_like(radius), where=radius > 0)
    u, v = x * bent, y * bent
    square = u * u + v * v
    radial = square * (k1 + square * (k2 + square * (k3 + square * k4)))
    across = u * radial + 2 * p1 * u * v + p2 * (square + 2 * u * u) + sx1 * square
    down = v * radial + 2 * p2 * u * v + p1 * (square + 2 * v * v) + sy1 * square
    return u + across, v + down


def read_colmap_cameras(folder: Path) -> dict[str, ColmapCamera]:
    """The camera of each picture by its file name, of ``cameras.txt`` and ``images.txt`` in a folder.

    Raises:
        UserError: if a file is missing, damaged, or has a camera of another model.
    """
    cameras = {}
    for line in _lines(folder / "cameras.txt"):
        try:
            number, model, width, height, *parameters = line.split()
            cameras[number] = _camera(model, (int(height), int(width)), [float(one) for one in parameters])
        except ValueError as error:
            raise UserError(
                f"{folder / 'cameras.txt'}: '{line[:60]}' is not a camera ({reason_of(error, folder)}); get it again."
            ) from None
        check_pixels(*cameras[number].size, folder / "cameras.txt")
    found = {}
    for fields in map(str.split, _lines(folder / "images.txt")):
        if len(fields) == _IMAGE_FIELDS:
            if fields[8] not in cameras:
                raise UserError(f"{folder}: images.txt has a picture of camera {fields[8]}, which cameras.txt lacks.")
            found[fields[9].rpartition("/")[2]] = cameras[fields[8]]
    return found


def _lines(path: Path) -> list[str]:
    return [line for line in parse_lines(read_bytes(path, MAX_TEXT), path) if line and not line.startswith("#")]


def _camera(model: str, size: Size, parameters: list[float]) -> ColmapCamera:
    if model not in _PARAMETERS:
        raise ValueError(f"its model is none of {', '.join(_PARAMETERS)}")
    if len(parameters) != len(_PARAMETERS[model]) or not np.isfinite(parameters).all() or min(parameters[:2]) <= 0:
        raise ValueError(f"{model} has {', '.join(_PARAMETERS[model])}")
    return ColmapCamera(model, size, tuple(parameters))
