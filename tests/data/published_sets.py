"""Small made-up files in the real formats of published data sets, written from their descriptions.

``MAKERS[NAME](root)`` writes what ``data=NAME`` reads and returns what it must deliver. As a script it writes all:
``python -m tests.data.published_sets FOLDER``.
"""

import json
import struct
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import scipy.io
from PIL import Image, PngImagePlugin

SIZE = (12, 17)
TAG = struct.pack("<f", 202021.25)


class Expected(NamedTuple):
    """Depth in metres with 0 where it is missing, and intrinsics or None."""

    depth: np.ndarray
    intrinsics: np.ndarray | None = None


class MadeSet(NamedTuple):
    """Overrides of ``data=NAME``, what protocols call the set, and what its frames hold, by name."""

    overrides: list[str]
    known_as: str
    frames: dict[str, Expected]
    rtol: float = 1e-6


def scene(index: int, size=SIZE, holes=True) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its depth in whole centimetres as metres, float32, with a hole in a corner."""
    y, x = np.mgrid[: size[0], : size[1]]
    rgb = np.stack([x * 15 % 256, y * 20 % 256, np.full_like(x, 20 * (index + 1))], axis=-1).astype(np.uint8)
    depth = ((150 + 20 * x + 10 * y + 30 * index) / 100).astype(np.float32)
    if holes:
        depth[:2, :3] = 0
    return rgb, depth


def camera(fx, fy, cx, cy) -> np.ndarray:
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)


def put(path: Path, image: np.ndarray) -> None:
    """A picture in RGB, or a map, by the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image[..., ::-1] if image.ndim == 3 else image
    path.write_bytes(cv2.imencode(path.suffix.lower(), np.ascontiguousarray(stored))[1].tobytes())


def put_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def put_npy(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def put_png(path: Path, values: np.ndarray, **texts: str) -> None:
    """A PNG of one channel with text fields."""
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, pnginfo=info)


def write_log_depth(path: Path, depth: np.ndarray) -> None:
    """As MoGe's writer: 0 unknown (NaN), 65535 infinite, else steps of a logarithm."""
    known = depth[np.isfinite(depth)]
    near = max(float(known.min()), 1e-5)
    far = max(1.1 * near, min(float(known.max()), near * 1e5))
    stored = np.zeros(depth.shape, np.uint16)
    finite = np.isfinite(depth)
    stored[finite] = 1 + np.round(65533 * np.log(depth[finite] / near) / np.log(far / near)).astype(np.uint16)
    stored[np.isinf(depth)] = 65535
    put_png(path, stored, near=str(near), far=str(far))


def moge(root: Path) -> MadeSet:
    """Three frames of GSO: unknown, infinite, objects and sky."""
    frames = {}
    (root / "GSO").mkdir(parents=True)
    for index in range(3):
        rgb, depth = scene(index)
        stored = np.where(depth > 0, depth, np.nan)
        stored[-1, -4:] = np.inf
        folder = root / "GSO" / f"toy/{index}"
        put(folder / "image.jpg", rgb)
        write_log_depth(folder / "depth.png", stored)
        k = camera(1.0, SIZE[1] / SIZE[0], 0.5, 0.5)
        (folder / "meta.json").write_text(json.dumps({"intrinsics": k.tolist()}))
        labels = np.repeat(np.arange(SIZE[0], dtype=np.uint8)[:, None] // 4, SIZE[1], 1)
        put_png(folder / "segmentation.png", labels, labels=json.dumps({"sky": 0, "box": 1, "toy": 2}))
        pixels = camera(SIZE[1], SIZE[1], SIZE[1] / 2 - 0.5, SIZE[0] / 2 - 0.5)
        frames[f"toy/{index}"] = Expected(np.where(np.isfinite(stored), depth, 0), pixels)
    (root / "GSO/.index.txt").write_text("".join(f"{name}\n" for name in frames))
    return MadeSet(
        [f"data.root={root}", "data.set=GSO", f"data.view=[{SIZE[0]},{SIZE[1]}]", "data.least_segment=20"],
        "GSO",
        frames,
        1e-4,
    )


def eth3d(root: Path) -> MadeSet:
    """Raw float32 files that are called like pictures; infinity where the laser saw nothing."""
    frames = {}
    for index in range(2):
        rgb, depth = scene(index)
        place = f"court/images/dslr_images/DSC_{index:04d}"
        put(root / f"{place}.JPG", rgb)
        raw = np.where(depth > 0, depth, np.inf).astype("<f4")
        put_bytes(root / f"court/ground_truth_depth/dslr_images/DSC_{index:04d}.JPG", raw.tobytes())
        frames[place] = Expected(depth)
    return MadeSet([f"data.root={root}"], "ETH3D", frames)


def diode(root: Path) -> MadeSet:
    """Indoor and outdoor scans with their masks; numbers outside of the mask mean nothing."""
    frames = {}
    for index, place in enumerate(("indoors", "outdoor")):
        rgb, depth = scene(index)
        name = f"val/{place}/scene_00019/scan_0018{index}/00019_00183_{place}_000_010"
        put(root / f"{name}.png", rgb)
        put_npy(root / f"{name}_depth.npy", np.where(depth > 0, depth, 77).astype(np.float32)[..., None])
        put_npy(root / f"{name}_depth_mask.npy", (depth > 0).astype(np.float32))
        frames[name] = Expected(depth, camera(886.81, 927.06, 512, 384))
        put(root / f"{name.replace('val', 'train', 1)}.png", rgb)
    return MadeSet([f"data.root={root}"], "DIODE", frames)


def ibims(root: Path) -> MadeSet:
    """One struct per image: masks, edges, planes with the normal in columns 4 to 6, the camera transposed."""
    frames = {}
    (root / "gt_mat").mkdir(parents=True)
    for index in range(2):
        rgb, depth = scene(index)
        invalid, transparent = np.ones(SIZE, np.uint8), np.ones(SIZE, np.uint8)
        invalid[3, 4], transparent[5, 6] = 0, 0
        wall, floor = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
        wall[2:6, 8:], floor[8:] = 1, 1
        k = camera(550.39, 548.55, 8.5, 6.5)  # pixels counted from 1
        data = {
            "rgb": rgb, "depth": depth.astype(np.float64), "edges": (wall == 1).astype(np.uint8), "calib": k.T,
            "mask_invalid": invalid, "mask_transp": transparent,
            "mask_wall": wall, "mask_wall_paras": np.array([[1, 0, 0, 0, 0.0, -1.0, 0.1]]),
            "mask_table": np.zeros(SIZE, np.uint8), "mask_table_paras": np.zeros((0, 0)),
            "mask_floor": floor, "mask_floor_paras": np.array([[1, 0, 0, 0, 0.0, 0.0, 1.0]]),
        }  # fmt: skip
        scipy.io.savemat(root / f"gt_mat/room_{index:02d}.mat", {"data": data}, do_compression=index == 0)
        frames[f"gt_mat/room_{index:02d}"] = Expected(depth * invalid * transparent, camera(550.39, 548.55, 7.5, 5.5))
    return MadeSet([f"data.root={root}"], "iBims-1", frames)


def sintel(root: Path) -> MadeSet:
    """.dpt and .cam files behind Sintel's tag."""
    frames = {}
    k = camera(1120, 1120, 8.5, 6)
    for index in range(2):
        rgb, depth = scene(index, holes=False)
        name = f"alley_{index}/frame_0001"
        put(root / f"training/final/{name}.png", rgb)
        put(root / f"training/clean/{name}.png", rgb)
        header = TAG + struct.pack("<ii", SIZE[1], SIZE[0])
        put_bytes(root / f"training/depth/{name}.dpt", header + depth.astype("<f4").tobytes())
        cam = TAG + k.astype("<f8").tobytes() + np.eye(3, 4).astype("<f8").tobytes()
        put_bytes(root / f"training/camdata_left/{name}.cam", cam)
        frames[f"training/{name}"] = Expected(depth, k)
    return MadeSet([f"data.root={root}"], "Sintel", frames)


MAKERS = {maker.__name__: maker for maker in (moge, eth3d, diode, ibims, sintel)}


if __name__ == "__main__":
    for _name, _make in MAKERS.items():
        print(_name, *_make(Path(sys.argv[1]) / _name).overrides)
