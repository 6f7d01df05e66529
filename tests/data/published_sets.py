"""Small made-up files in the real formats of published data sets, written from their descriptions.

``MAKERS[NAME](root)`` writes what ``data=NAME`` reads and returns what it must deliver. As a script it writes all:
``python -m tests.data.published_sets FOLDER``.
"""

import json
import struct
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import scipy.io
from omegaconf import OmegaConf
from PIL import Image, PngImagePlugin

from depthbench.config.compose import config_dir
from depthbench.config.targets import instantiate
from tests.data.made_cameras import (
    HOLE,
    HYPERSIM,
    LENS,
    SIZE,
    WIDER,
    along_rays,
    bent,
    camera_of_rays,
    write_colmap,
    write_hypersim_cameras,
)

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
    """Write like MoGe's writer: 0 unknown (NaN), 65535 infinite, else steps of a logarithm."""
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


def eth3d_undistorted(root: Path) -> MadeSet:
    """The pictures of a pinhole, to which depth comes from the pixels of the lens, one by one."""
    eth3d(root)
    names = [f"DSC_{index:04d}.JPG" for index in range(2)]
    frames = {}
    for index, name in enumerate(names):
        _, depth = scene(index)
        expected = np.zeros(WIDER, np.float32)
        for row, column in np.ndindex(WIDER):
            x, y = bent((column + 0.5 - HOLE[2]) / HOLE[0], (row + 0.5 - HOLE[3]) / HOLE[1])
            if 0 <= x < SIZE[1] and 0 <= y < SIZE[0]:
                expected[row, column] = depth[int(y), int(x)]
        assert (expected[2:-2, 2:-2] > 0).sum() > 100
        assert (expected == 0).any(axis=0).sum() > 3  # the pinhole's picture is wider than the lens's
        place = f"court/images/dslr_images_undistorted/{name}"
        put(root / place, scene(index, WIDER)[0])
        frames[place.removesuffix(".JPG")] = Expected(expected, camera(*HOLE[:2], HOLE[2] - 0.5, HOLE[3] - 0.5))
    for folder, model, parameters, size in (
        ("jpg", "THIN_PRISM_FISHEYE", LENS, SIZE),
        ("undistorted", "PINHOLE", HOLE, WIDER),
    ):
        line = f"3 {model} {size[1]} {size[0]} {' '.join(map(str, parameters))}"
        images = "dslr_images" if folder == "jpg" else "dslr_images_undistorted"
        write_colmap(root / f"court/dslr_calibration_{folder}", line, [f"{images}/{name}" for name in names])
    return MadeSet([f"data.root={root}", "data.view=undistorted"], "ETH3D", frames)


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


def ibims_raw(root: Path) -> MadeSet:
    """The same frames as PNGs of 16 bits, masks of one bit, and the camera in a line."""
    frames = {}
    for index in range(2):
        rgb, depth = scene(index)
        place, name = root / "ibims1_core_raw", f"room_{index:02d}"
        stored = np.round(depth * 65535 / 50).astype(np.uint16)
        put(place / f"rgb/{name}.png", rgb)
        put(place / f"depth/{name}.png", stored)
        masks = {kind: np.ones(SIZE, bool) for kind in ("mask_invalid", "mask_transp", "edges")}
        masks["mask_invalid"][3, 4], masks["mask_transp"][5, 6], masks["edges"][:, 4:] = False, False, False
        for kind, mask in masks.items():
            (place / kind).mkdir(exist_ok=True)
            Image.fromarray(mask).save(place / f"{kind}/{name}.png")  # one bit
        (place / "calib").mkdir(exist_ok=True)
        (place / f"calib/{name}.txt").write_text("550.39,548.55,8.5,6.5\n")
        expected = stored.astype(np.float64) * 50 / 65535 * masks["mask_invalid"] * masks["mask_transp"]
        frames[f"ibims1_core_raw/{name}"] = Expected(expected, camera(550.39, 548.55, 7.5, 5.5))
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


def put_hdf5(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if values.ndim else None)


def hypersim(root: Path) -> MadeSet:
    """Distances along the rays in HDF5, float16 as published; NaN where there is nothing. Two scenes, two lenses."""
    frames = {}
    cameras = dict(zip(("ai_000_001", "ai_001_001"), HYPERSIM.values(), strict=False))
    rows = ["scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"]
    for index, part in enumerate(("test", "val")):
        rgb, depth = scene(index)
        images = root / f"ai_00{index}_001/images"
        put(images / f"scene_cam_00_final_preview/frame.000{index}.tonemap.jpg", rgb)
        rays = cameras[f"ai_00{index}_001"]
        distance = np.where(depth > 0, along_rays(depth, rays), np.nan).astype(np.float16)
        geometry = images / f"scene_cam_00_geometry_hdf5/frame.000{index}"
        put_hdf5(geometry.with_name(f"{geometry.name}.depth_meters.hdf5"), dataset=distance)
        objects = np.where(depth > 0, 5, -1).astype(np.int16)
        put_hdf5(geometry.with_name(f"{geometry.name}.render_entity_id.hdf5"), dataset=objects)
        colors = (rgb / 255.0).astype(np.float16)
        put_hdf5(images / f"scene_cam_00_final_hdf5/frame.000{index}.color.hdf5", dataset=colors)
        put(root / f"prepared/ai_00{index}_001/rgb_cam_00_fr000{index}.png", rgb)
        millimetres = np.round(1000 * depth).astype(np.uint16)
        put(root / f"prepared/ai_00{index}_001/depth_plane_cam_00_fr000{index}.png", millimetres)
        frames[f"ai_00{index}_001/cam_00/000{index}"] = Expected(depth, camera_of_rays(rays)[0])
        rows.append(f"ai_00{index}_001,cam_00,{index},True,,{part}")
    (root / "split.csv").write_text("\n".join(rows))
    write_hypersim_cameras(root / "metadata_camera_parameters.csv", cameras)
    return MadeSet([f"data.root={root}"], "Hypersim", frames, 1e-3)


def vkitti2(root: Path) -> MadeSet:
    """Centimetres, with a sky at 655.35 m."""
    frames = {}
    for variation in ("clone", "fog"):
        rgb, depth = scene(len(frames))
        stored = np.round(100 * depth).astype(np.uint16)
        stored[:2, :3] = 65535
        place = root / f"Scene01/{variation}/frames"
        put(place / "rgb/Camera_0/rgb_00007.jpg", rgb)
        put(place / "depth/Camera_0/depth_00007.png", stored)
        frames[f"Scene01/{variation}/Camera_0/00007"] = Expected(depth, camera(725.0087, 725.0087, 620.5, 187))
    return MadeSet([f"data.root={root}"], "Virtual KITTI 2", frames)


def spring(root: Path) -> MadeSet:
    """Disparity of twice the size, of which every second value counts; a line of the camera for each frame."""
    frames = {}
    for index in range(2):
        rgb, depth = scene(index)
        place = root / "train/0001"
        fx = 1000 + 100 * index
        disparity = np.full((2 * SIZE[0], 2 * SIZE[1]), 99.0, np.float32)
        disparity[::2, ::2] = np.where(depth > 0, fx * 0.065 / np.where(depth > 0, depth, 1), (np.nan, 0)[index])
        put(place / f"frame_left/frame_left_000{index + 1}.png", rgb)
        put(place / f"frame_right/frame_right_000{index + 1}.png", rgb)
        put_hdf5(place / f"disp1_left/disp1_left_000{index + 1}.dsp5", disparity=disparity)
        frames[f"train/0001/000{index + 1}"] = Expected(depth, camera(fx, fx, 8, 6))
    (place / "cam_data").mkdir()
    (place / "cam_data/intrinsics.txt").write_text("1000 1000 8 6\n1100 1100 8 6\n")
    return MadeSet([f"data.root={root}"], "Spring", frames)


def scannet(root: Path) -> MadeSet:
    """Pictures twice as large as their depth, and the camera of the depth; frame 10 comes after frame 4."""
    frames = {}
    k = camera(577.87, 578.5, 8.2, 5.9)
    for index, (room, number) in enumerate(((0, 4), (0, 10), (1, 4))):
        rgb, depth = scene(index)
        place = root / f"scans/scene000{room}_00"
        put(place / f"color/{number}.jpg", np.repeat(np.repeat(rgb, 2, 0), 2, 1))
        put(place / f"depth/{number}.png", np.round(1000 * depth).astype(np.uint16))
        frames[f"scans/scene000{room}_00/{number}"] = Expected(depth, k if room == 0 else None)
    matrix = np.eye(4)
    matrix[:3, :3] = k
    (root / "scans/scene0000_00/intrinsic").mkdir()
    np.savetxt(root / "scans/scene0000_00/intrinsic/intrinsic_depth.txt", matrix)
    return MadeSet([f"data.root={root}"], "ScanNet", frames)


def bonn(root: Path) -> MadeSet:
    """TUM's form; five pictures of a sequence, of which the middle ones are asked for."""
    frames = {}
    for sequence in ("balloon2", "crowd2"):
        place = root / f"rgbd_bonn_{sequence}"
        lines = {"rgb": ["# color images"], "depth": ["# depth maps"]}
        for index in range(5):
            rgb, depth = scene(index)
            stored = np.round(5000 * depth).astype(np.uint16)
            for kind, image, time in (("rgb", rgb, index / 30), ("depth", stored, index / 30 + 0.004)):
                name = f"{kind}/{1548339819 + time:.5f}.png"
                put(place / name, image)
                lines[kind].append(f"{1548339819 + time:.5f} {name}")
            if sequence == "crowd2" and 1 <= index < 4:
                name = f"rgbd_bonn_crowd2/{1548339819 + index / 30:.5f}"
                frames[name] = Expected(depth, camera(542.822841, 542.576870, 315.593520, 237.756098))
        for kind, text in lines.items():
            (place / f"{kind}.txt").write_text("\n".join(text))
    return MadeSet([f"data.root={root}", "data.sequences=[crowd2]", "data.frames=[1,4]"], "Bonn", frames)


def syns(root: Path) -> MadeSet:
    """Depth as npy, edges as pictures, and the lists of the parts."""
    frames = {}
    half = np.radians([25.46, 84.10]) / 2
    k = camera(8 / np.tan(half[1]), 6 / np.tan(half[0]), 8, 6)  # 17 // 2 and 12 // 2
    for index in range(3):
        rgb, depth = scene(index)
        place = root / f"0{index + 1}"
        put(place / "images/00.png", rgb)
        if index < 2:
            put_npy(place / "depths/00.npy", depth)
            put(
                place / "edges/00.png",
                np.where(np.arange(SIZE[1]) == 9, 255, 0).astype(np.uint8) * np.ones((12, 1), "u1"),
            )
            frames[f"0{index + 1}/00"] = Expected(depth, k)
    (root / "splits").mkdir()
    (root / "splits/val_files.txt").write_text("01 00.png\n02 00.png\n")
    (root / "splits/test_files.txt").write_text("03 00.png\n")
    return MadeSet([f"data.root={root}"], "SYNS-Patches", frames)


def _unidepth(root: Path, cls: str, archives: list[str], lists: str, cameras: str) -> MadeSet:
    """Encoded files as arrays of bytes; lists and cameras in the first archive."""
    frames, lines, matrices = {}, [], {}
    root.mkdir(exist_ok=True)
    k = camera(100, 110, 8, 6)
    (root / archives[0]).parent.mkdir(exist_ok=True)
    with h5py.File(root / archives[0], "w") as first:
        for index in range(2 * len(archives)):
            rgb, depth = scene(index)
            stored = np.round(256 * depth).astype(np.uint16)
            number = index // 2
            names = f"a/{index}.png", f"a/{index}_depth.png"
            with (
                h5py.File(root / archives[number], "w" if index % 2 == 0 else "a")
                if number
                else nullcontext(first) as file
            ):
                for name, values in zip(names, (rgb[..., ::-1], stored), strict=True):
                    data = cv2.imencode(".png", np.ascontiguousarray(values))[1].ravel()
                    file.create_dataset(name, data=data, chunks=(16,), maxshape=(None,), dtype="u1")
            lines.append(" ".join([*names, str(number)][: 3 if len(archives) > 1 else 2]))
            matrices[names[0]] = [np.hstack([k, np.zeros((3, 1))]).tolist()]
            frames[f"a/{index}"] = Expected(stored.astype(np.float32) / 256, k)
        first[lists] = np.frombuffer(("\n".join(lines) + "\n").encode(), "u1")
        first[cameras] = np.frombuffer(json.dumps(matrices).encode(), "u1")
    return MadeSet([f"data.root={root}"], cls, frames)


def ddad(root: Path) -> MadeSet:
    """Two of the eight archives."""
    return _unidepth(root, "DDAD", ["ddad/ddad_0.hdf5", "ddad/ddad_1.hdf5"], "val.txt", "intrinsics.json")


def void(root: Path) -> MadeSet:
    """One archive."""
    return _unidepth(root, "VOID", ["void.hdf5"], "void_val.txt", "void_intrinsics.json")


def hammer(root: Path) -> MadeSet:
    """One camera of two trajectories, one without its intrinsics."""
    frames = {}
    k = camera(380.0, 381, 8, 6)
    for index in range(2):
        rgb, depth = scene(index)
        place = root / f"scene12_traj{index + 1}_1/polarization"
        put(place / "rgb/000000.png", rgb)
        put(place / "_gt/000000.png", np.round(1000 * depth).astype(np.uint16))
        frames[f"scene12_traj{index + 1}_1/000000"] = Expected(depth, k if index == 0 else None)
    np.savetxt(root / "scene12_traj1_1/polarization/intrinsics.txt", k)
    return MadeSet([f"data.root={root}"], "HAMMER", frames)


CALIBRATION = """<?xml version="1.0"?>
<opencv_storage>
<mtxL type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt>
  <data>{fx} 0. 8. 0. {fx} 6. 0. 0. 1.</data></mtxL>
<baselineLR>80.5</baselineLR>
</opencv_storage>
"""


def booster(root: Path) -> MadeSet:
    """A scene under two lights; its mask leaves occluded pixels out; unbalanced scenes are another set."""
    frames = {}
    rgb, depth = scene(0)
    for kind in ("balanced", "unbalanced"):
        place = root / f"train/{kind}/Bathroom"
        disparity = np.where(depth > 0, 1000 * 0.0805 / np.where(depth > 0, depth, 1), 0).astype(np.float32)
        seen = np.full(SIZE, 255, np.uint8)
        seen[5, 6] = 0
        put_npy(place / "disp_00.npy", disparity)
        put(place / "mask_00.png", seen)
        (place / "calib_00-02.xml").write_text(CALIBRATION.format(fx=1000))
        for light in ("im0", "im1"):
            put(place / f"camera_00/{light}.png", rgb)
            if kind == "balanced":
                name = f"train/balanced/Bathroom/camera_00/{light}"
                frames[name] = Expected(np.where(seen > 0, depth, 0), camera(1000, 1000, 8, 6))
    return MadeSet([f"data.root={root}"], "Booster", frames, 1e-5)


def nyu_c(root: Path) -> MadeSet:
    """BTS's clean pictures, and two corruptions of two severities."""
    frames, lines = {}, []
    for index in range(2):
        rgb, depth = scene(index)
        put(root / f"clean/bath/rgb_0000{index}.jpg", rgb)
        put(root / f"clean/bath/sync_depth_0000{index}.png", np.round(1000 * depth).astype(np.uint16))
        lines.append(f"bath/rgb_0000{index}.jpg bath/sync_depth_0000{index}.png 518.8579\n")
    (root / "list.txt").write_text("".join(lines))
    k = camera(518.8579, 519.46961, 325.5824, 253.73617)
    for cell in ("dark/1", "dark/2", "motion_blur/1", "motion_blur/2"):
        for index in range(2):
            put(root / f"nyu_c/{cell}/test/bath/rgb_0000{index}.png", scene(index)[0] // 2)
            frames[f"{cell}/bath/rgb_0000{index}"] = Expected(scene(index)[1], k)
    return MadeSet(
        [f"data.root={root}/nyu_c", f"data.clean_root={root}/clean", f"data.clean_files={root}/list.txt"],
        "NYU-C",
        frames,
    )


def kitti_c(root: Path) -> MadeSet:
    """Official depth of clean pictures, and corrupted pictures of another size."""
    rgb, depth = scene(0)
    name = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069"
    put(root / f"raw/{name}.png", rgb)
    official = "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png"
    put(root / f"raw/val/{official}", np.round(256 * depth).astype(np.uint16))
    (root / "list.txt").write_text(f"{name}.png {official} 721.5377\n")
    put(root / f"kitti_c/fog/3/kitti_data/{name}.jpg", scene(0, (6, 20))[0])
    stored = np.round(256 * depth).astype(np.float32) / 256
    overrides = [f"data.root={root}/kitti_c", f"data.clean_root={root}/raw", f"data.clean_files={root}/list.txt"]
    return MadeSet([*overrides, "data.depth=official"], "KITTI-C", {f"fog/3/{name}": Expected(stored)})


_EVERY = (
    *(moge, diode, ibims, eth3d, sintel, nyu_c, kitti_c, hypersim, vkitti2, spring),
    *(scannet, bonn, syns, ddad, void, hammer, booster),
)
MAKERS = {maker.__name__: maker for maker in _EVERY}
FORMS = MAKERS | {"eth3d undistorted": eth3d_undistorted, "ibims raw": ibims_raw}
"""Also the other forms of sets, by the option of ``data=`` and a word."""


def opened(name: str, overrides: list[str], **changes):
    """The test of ``data=NAME``; without Hydra, which the YAML is composed by in test_data_configs.py."""
    config = OmegaConf.create({"data": OmegaConf.load(config_dir() / f"data/{name.partition(' ')[0]}.yaml")})
    node = OmegaConf.merge(config, OmegaConf.from_dotlist(overrides)).data.test
    return instantiate(OmegaConf.to_container(node, resolve=True) | {"size": None} | changes)


if __name__ == "__main__":
    for _name, _make in MAKERS.items():
        print(_name, *_make(Path(sys.argv[1]) / _name).overrides)
