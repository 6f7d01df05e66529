"""Cameras of published sets one ray at a time, by the formulas of their authors, and the files that hold them."""

import math
from pathlib import Path

import numpy as np

SIZE = (12, 17)

# k1, k2, p1, p2, k3, k4, sx1, sy1 of the lens in ETH3D's courtyard; in pixels of a small picture, as is its pinhole.
COURTYARD = (0.21047, 0.21102, -5.36231e-06, 0.00051541, -0.158023, 0.406856, -8.46499e-05, 0.000861313)
LENS, HOLE, WIDER = (9.6, 9.5, 8.55, 5.99, *COURTYARD), (9.6, 9.5, 9.55, 6.49), (13, 19)


def bent(x: float, y: float, lens=LENS) -> tuple[float, float]:
    """The place in the picture where the lens sees (x, y, 1), by COLMAP's formula."""
    fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, sx1, sy1 = lens
    r = math.sqrt(x * x + y * y)
    u, v = (x, y) if r == 0 else (x * math.atan2(r, 1) / r, y * math.atan2(r, 1) / r)
    r2 = u**2 + v**2
    radial = k1 * r2 + k2 * r2**2 + k3 * r2**3 + k4 * r2**4
    du = u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u**2) + sx1 * r2
    dv = v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v**2) + sy1 * r2
    return fx * (u + du) + cx, fy * (v + dv) + cy


def write_colmap(folder: Path, camera_line: str, names: list[str]) -> None:
    """COLMAP's text files, where the picture that sees no point has an empty line."""
    folder.mkdir(parents=True)
    (folder / "cameras.txt").write_text(
        f"# Camera list\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n{camera_line}\n"
    )
    lines = [f"{place} 1 0 0 0 0 0 0 3 {name}\n{'1.5 2.5 7 ' * place}" for place, name in enumerate(names)]
    (folder / "images.txt").write_text("# Image list\n" + "\n".join(lines) + "\n")


# M_cam_from_uv of real scenes: a lens that is shifted far up, one that is tilted to both sides, the usual one.
HYPERSIM = {
    "ai_038_002": [[0.6501238075331314, 0, 0], [0, 0.43483397310392735, 0],
                   [0, -0.22060419015836272, -1.1260474290333964]],
    "ai_039_009": [[0.5781202171207676, 0, 0], [0, 0.4384284420114953, 0],
                   [0.08671803601398015, 0.0033076491929259024, -1.0087880623458083]],
    "ai_001_001": [[0.5773502886169104, 0, 0], [0, 0.4330127164626828, 0], [0, 0, -1]],
}  # fmt: skip


def ray_of_pixel(rays, column, row, size=SIZE) -> np.ndarray:
    """Right, down, forward, by Hypersim's notebook: u and v at the centers of pixels, v upward."""
    u, v = -1 + (2 * column + 1) / size[1], 1 - (2 * row + 1) / size[0]
    right, up, backward = (line[0] * u + line[1] * v + line[2] for line in rays)
    return np.array([right, -up, -backward])


def camera_of_rays(rays, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of the picture, and its axis in the scene's coordinates, by Gram-Schmidt."""
    corner = ray_of_pixel(rays, 0, 0, size)
    across, down = ray_of_pixel(rays, 1, 0, size) - corner, ray_of_pixel(rays, 0, 1, size) - corner
    first = across / np.linalg.norm(across)
    second = down - (down @ first) * first
    second /= np.linalg.norm(second)
    axis = np.cross(first, second)
    columns = [[one @ side for one in (across, down, corner)] for side in (first, second, axis)]
    return np.linalg.inv(np.array(columns) / (corner @ axis)), axis


def along_rays(depth: np.ndarray, rays) -> np.ndarray:
    """The distance of each pixel along its ray, one by one; depth is perpendicular to the picture."""
    _, axis = camera_of_rays(rays, depth.shape)
    distance = np.zeros(depth.shape)
    for row, column in np.ndindex(depth.shape):
        ray = ray_of_pixel(rays, column, row, depth.shape)
        distance[row, column] = depth[row, column] * np.linalg.norm(ray) / (ray @ axis)
    return distance


def write_hypersim_cameras(path: Path, cameras, size=SIZE) -> None:
    """The columns that are read, among others."""
    names = [f"M_cam_from_uv_{row}{column}" for row in range(3) for column in range(3)]
    head = [
        "scene_name",
        "settings_output_img_height",
        "settings_output_img_width",
        "camera_physical_lens_file",
        *names,
    ]
    lines = [[scene, f"{size[0]}.0", f"{size[1]}.0", "", *np.ravel(rays)] for scene, rays in cameras.items()]
    path.write_text("\n".join(",".join(map(str, line)) for line in [head, *lines]))
