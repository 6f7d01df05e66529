"""Raw NYUv2 scenes as the Kinect would have recorded them: surfaces seen through the lens, in the files' formats."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from depthbench.prepare.nyu_camera import DEPTH

SIZE = (480, 640)


@lru_cache(maxsize=1)
def seen_rays() -> np.ndarray:
    """``(480, 640, 3)``: where each recorded pixel of the depth camera looks, by OpenCV's inverse of the lens."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    pixels = np.stack([column, row], axis=-1).reshape(-1, 1, 2)
    k1, k2, p1, p2, k3 = DEPTH.lens
    matrix = np.array([[DEPTH.fx, 0, DEPTH.cx], [0, DEPTH.fy, DEPTH.cy], [0, 0, 1]])
    plain = cv2.undistortPoints(pixels, matrix, np.array([k1, k2, p1, p2, k3]))
    # The toolbox counts from 0 to undo the lens, but from 1 for the rays.
    x, y = plain[:, 0, 0] + 1 / DEPTH.fx, plain[:, 0, 1] + 1 / DEPTH.fy
    return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(*SIZE, 3)


def plane(normal, distance: float, rays: np.ndarray) -> np.ndarray:
    """Depth of the plane ``normal . point = distance`` along rays."""
    return distance / (rays @ np.asarray(normal, np.float64)) * rays[..., 2]


def disparity(depth: np.ndarray) -> np.ndarray:
    """The disparity that the Kinect reports for depth in metres: 11 bits."""
    return np.round(1092.5 - 351.3 / depth).astype(np.uint16)


def pgm(raw: np.ndarray, order: str = "<u2") -> bytes:
    return b"P5 640 480 65535\n" + raw.astype(order).tobytes()


def ppm(rgb: np.ndarray) -> bytes:
    return b"P6 640 480 255\n" + rgb.astype(np.uint8).tobytes()


def picture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def write_scene(folder: Path, count: int = 3, seed: int = 0, start: float = 1294886360.0) -> Path:
    """A scene folder: a wall that comes nearer, pictures 4 ms before the depth images, accelerometer dumps."""
    folder.mkdir(parents=True)
    rays = seen_rays()
    for index in range(count):
        time = start + index / 30
        raw = disparity(plane((0.3, 0.1, 1), 3 - index / count, rays))
        raw[:, -8:] = raw[100:140, 200:260] = 2047
        (folder / f"d-{time:.6f}-{index:03d}.pgm").write_bytes(pgm(raw))
        (folder / f"r-{time - 0.004:.6f}-{index:03d}.ppm").write_bytes(ppm(picture(100 * seed + index)))
        (folder / f"a-{time:.6f}-{index:03d}.dump").write_bytes(b"\0" * 24)
    return folder
