"""The cameras of Hypersim's scenes, some of which have lenses that are shifted and tilted."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError, reason_of
from depthbench.images import Size
from depthbench.input_files import read_table
from depthbench.pinhole import Matrix, camera_matrix

CAMERA_TABLE = "metadata_camera_parameters.csv"
FOCAL, WIDTH = 886.81, 1024  # pixels, of 768x1024; the optical axis meets the center of the picture
_SCENE, _HEIGHT, _WIDTH = "scene_name", "settings_output_img_height", "settings_output_img_width"
_RAYS = tuple(f"M_cam_from_uv_{row}{column}" for row in range(3) for column in range(3))
_COLUMNS = (_SCENE, _HEIGHT, _WIDTH, *_RAYS)
_FLAT = 1e-9  # share of the largest entry: a smaller determinant casts no rays


class SceneCamera(NamedTuple):
    """A line of the table.

    Attributes:
        rays: ``(3, 3)``: (u, v, 1) -> the ray to the right, up, backward, with u and v from -1 to 1 over the picture,
            v upward.
        size: (height, width) of the pictures.
    """

    rays: NDArray[np.float64]
    size: Size


def one_camera(size: Size) -> Matrix:
    """The camera that Marigold takes for a picture of ``size`` (height, width) in all scenes."""
    focal = FOCAL * size[1] / WIDTH
    return camera_matrix([focal, focal, (size[1] - 1) / 2, (size[0] - 1) / 2])


def pinhole_of_rays(rays: NDArray[np.float64], size: Size) -> Matrix:
    """The pinhole camera ``(3, 3)`` of pictures whose rays are linear in the pixel.

    A lens that is tilted by lens shift takes the picture of a pinhole camera whose axis is perpendicular to the image
    plane and meets it away from the center. So the matrix that gives the rays is a rotation from that camera to the
    scene's times K⁻¹, up to scale, and its QR decomposition has both.

    Args:
        rays: see :class:`SceneCamera`.
        size: (height, width) of the picture.

    Returns:
        Upper triangular, in pixels with centers at integers; with a skew where the lens is tilted to both sides.

    Raises:
        ValueError: if the rays fit no picture: in one plane, or mirrored.

    Example:
        >>> import numpy as np
        >>> from depthbench.data.readers.hypersim_cameras import pinhole_of_rays
        >>> pinhole_of_rays(np.diag([0.5, 0.375, -1]), (768, 1024)).round(6).tolist()
        [[1024.0, 0.0, 511.5], [0.0, 1024.0, 383.5], [0.0, 0.0, 1.0]]
    """
    height, width = size
    uv = np.array([[2 / width, 0, 1 / width - 1], [0, -2 / height, 1 - 1 / height], [0, 0, 1]])
    matrix = np.diag([1.0, -1.0, -1.0]) @ rays @ uv  # pixel -> right, down, forward
    scaled = matrix / np.linalg.norm(matrix, axis=0)
    if not np.isfinite(scaled).all() or np.linalg.det(scaled) < _FLAT:
        raise ValueError("the rays fit no picture")
    inverse = np.linalg.qr(matrix).R
    inverse *= np.sign(np.diag(inverse))[:, None]
    return np.asarray(np.linalg.inv(inverse / inverse[2, 2]), np.float64)


def read_scene_cameras(path: Path) -> dict[str, SceneCamera]:
    """The cameras of all scenes in ``metadata_camera_parameters.csv``.

    Raises:
        UserError: if the file is no such table, or a row is damaged.
    """
    rows = read_table(path)
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        lacking = [column for column in _COLUMNS if not rows or column not in rows[0]]
        raise UserError(f"{path} has no column {lacking[0]}; give {CAMERA_TABLE} of apple/ml-hypersim.")
    try:
        return dict(_scene(dict(zip(rows[0], row, strict=True))) for row in rows[1:])
    except (ValueError, np.linalg.LinAlgError) as error:
        raise UserError(
            f"{path} has a row that is cut off or damaged ({reason_of(error, path)}); download it again."
        ) from None


def _scene(row: Mapping[str, str]) -> tuple[str, SceneCamera]:
    rays = np.array([float(row[column]) for column in _RAYS]).reshape(3, 3)
    size = int(float(row[_HEIGHT])), int(float(row[_WIDTH]))
    if min(size) < 1:
        raise ValueError(f"{row[_SCENE]} has pictures of {size[1]}x{size[0]}")
    pinhole_of_rays(rays, size)
    return row[_SCENE], SceneCamera(rays, size)
