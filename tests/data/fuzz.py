"""Damage one file of a small data set, read everything, restore it, again and again: `fuzz.py CASES FOLDER READER...`.

Prints for each reader how many cases were refused and how many gave the right depth; anything else is an error.
"""

import importlib.util
import resource
import shutil
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from depthbench.data import (
    KITTI,
    SUNRGBD,
    TUM,
    DenseDepthNYU,
    Make3D,
    Matterport3D,
    NYULabeled,
    NYURaw,
    NYUSync,
    PackedDataset,
    Pairs,
)
from depthbench.errors import UserError
from depthbench.prepare.cache_writer import Writer
from depthbench.prepare.nyu_lists import merge, write_part
from depthbench.prepare.nyu_pairs import PairForm
from depthbench.runs.folder import RunFolder

_spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("conftest.py"))
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)


def put(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def pairs(root):
    for index in range(3):
        made.write_pair(root / "küche", f"{index}", index, rgb_suffix=(".jpg", ".png")[index % 2])
    return lambda: Pairs(root, 0.001)


def nyu_labeled(root):
    for index in range(6):
        made.write_pair(root / ("test" if index in (0, 3) else "train"), f"{index:05d}", index)
    made.write_splits(root, [2, 3, 5, 6], [1, 4])
    return lambda: NYULabeled(root, split=4, scale=0.001)


def nyu_mat(root):
    made.write_official(root)
    return lambda: NYULabeled(root, split=4, depth="raw")


def nyu_sync(root):
    lines = []
    for index in range(3):
        made.write_pair(root / "office", f"{index:05d}", index, "sync_depth")
        lines.append(f"/office/rgb_{index:05d}.jpg /office/sync_depth_{index:05d}.png 518.8579\n")
    (root / "list.txt").write_text("".join(lines))
    return lambda: NYUSync(root, root / "list.txt")


def nyu_raw(root):
    for index in range(3):
        made.write_pair(root / "office", f"{index:05d}", index, "sync_depth")
    part = RunFolder(root / "parts/0-of-1")
    part.path.mkdir(parents=True)
    write_part(part, [f"office/{index:05d}" for index in range(3)], {}, None)
    merge(root, PairForm(), 1, None)
    shutil.rmtree(root / "parts")  # nobody reads it
    return lambda: NYURaw(root)


def dense_depth(root):
    with zipfile.ZipFile(root / "nyu_data.zip", "w", zipfile.ZIP_DEFLATED) as file:
        lines = []
        for index in range(3):
            rgb, depth = made.scene(index)
            names = [f"data/nyu2_test/{index}_{kind}.png" for kind in ("colors", "depth")]
            for name, image in zip(names, (rgb, depth), strict=True):
                file.writestr(name, cv2.imencode(".png", image)[1].tobytes())
            lines.append(",".join(names))
        file.writestr("data/nyu2_test.csv", "\n".join(lines))
    return lambda: DenseDepthNYU(root / "nyu_data.zip", "test")


def kitti(root):
    lines = []
    for index in range(2):
        rgb, depth = made.scene(index)
        picture = f"2011_09_26/drive_sync/image_02/data/{index:010d}.png"
        name = f"drive_sync/proj_depth/groundtruth/image_02/{index:010d}.png"
        put(root / picture, rgb)
        put(root / "train" / name, depth)
        lines.append(f"{picture} {name} 721.5\n")
    (root / "list.txt").write_text("".join(lines))
    return lambda: KITTI(root, root / "list.txt")


def sunrgbd(root):
    for index in range(2):
        rgb, depth = made.scene(index)
        put(root / f"kv1/{index}/image/a.jpg", rgb)
        for kind in ("depth", "depth_bfx"):
            put(root / f"kv1/{index}/{kind}/a.png", ((depth << 3) | (depth >> 13)).astype(np.uint16))
        (root / f"kv1/{index}/intrinsics.txt").write_text("529.5 0 365 0 529.5 265 0 0 1\n")
    return lambda: SUNRGBD(root)


def make3d(root):
    (root / "Gridlaserdata").mkdir()
    for index in range(2):
        put(root / f"Test134/img-a{index}.jpg", made.scene(index)[0])
        grid = np.random.default_rng(index).uniform(2, 70, (55, 305, 4))
        path = root / f"Gridlaserdata/depth_sph_corr-a{index}.mat"
        scipy.io.savemat(path, {"Position3DGrid": grid}, do_compression=True)
    return lambda: Make3D(root, "test", depth_size="native")


def matterport(root):
    for index in range(2):
        rgb, depth = made.scene(index)
        put(root / f"house/matterport_color_images/a_i{index}_0.jpg", rgb)
        put(root / f"house/matterport_depth_images/a_d{index}_0.png", depth * np.uint16(4))
        camera = root / f"house/matterport_camera_intrinsics/a_intrinsics_{index}.txt"
        camera.parent.mkdir(exist_ok=True)
        camera.write_text("64 48 50 50 32 24 0 0 0 0 0")
    return lambda: Matterport3D(root, "matterport")


def cached(root):
    pairs(root / "own")
    settings = {"_target_": "depthbench.data.Pairs", "root": str(root / "own"), "scale": 0.001}
    Writer(root, "train", settings).write()
    shutil.rmtree(root / "own")
    (root / "train.claim").unlink()  # nobody reads it
    return lambda: PackedDataset(root)


def own(root):
    """Every other format of one's own data, with a list, masks and cameras."""
    lines = ["picture,depth,mask,intrinsics"]
    writers = {
        "npy": np.save,
        "npz": lambda path, depth: np.savez_compressed(path, depth=depth),
        "tiff": lambda path, depth: put(path, depth),
        "pfm": lambda path, depth: path.write_bytes(b"Pf\n64 48\n-1\n" + depth[::-1].astype("<f4").tobytes()),
    }
    for index, (ending, write) in enumerate(writers.items()):
        rgb, depth = made.scene(index)
        put(root / f"a/{index}.png", rgb)
        write(root / f"a/{index}.{ending}", depth.astype(np.float32) / 1000)
        put(root / f"m/{index}.png", np.ones((48, 64), np.uint8))
        (root / f"m/{index}.txt").write_text("50 50 32 24")
        lines.append(f"a/{index}.png,a/{index}.{ending},m/{index}.png,m/{index}.txt")
    (root / "list.csv").write_text("\n".join(lines))
    return lambda: Pairs(root, 1, files=root / "list.csv")


def tum(root):
    for kind in ("rgb", "depth"):
        (root / kind).mkdir()
    for index in range(3):
        rgb, depth = made.scene(index)
        for kind, values in (("rgb", rgb), ("depth", depth * np.uint16(5))):
            put(root / f"{kind}/{index}.png", values)
            with (root / f"{kind}.txt").open("a") as file:
                file.write(f"{index}.5 {kind}/{index}.png\n")
    return lambda: TUM(root)


def damage(path: Path, rng: np.random.Generator) -> int:
    """One of nine mishaps; says which."""
    data = bytearray(path.read_bytes())
    kind = rng.integers(9)
    path.unlink()
    if kind == 0:
        path.write_bytes(data[: rng.integers(len(data))])
    elif kind == 1:
        for _ in range(1 + rng.integers(8)):
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
    elif kind == 2:  # in the header, where it hurts most
        data[rng.integers(min(200, len(data)))] = rng.integers(256)
        path.write_bytes(data)
    elif kind == 3:
        path.write_bytes(b"")
    elif kind == 4:
        path.write_bytes(rng.bytes(rng.integers(1, 4000)))
    elif kind == 5:
        path.mkdir()
    elif kind == 6:
        path.symlink_to(path)
    elif kind == 7:
        start = rng.integers(len(data))
        data[start : start + 64] = b"\xff" * len(data[start : start + 64])
        path.write_bytes(data)
    elif kind == 8:
        path.write_bytes(data + rng.bytes(100))
    return int(kind)


def restore(path: Path, data: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    path.write_bytes(data)


def run(reader: str, cases: int, root: Path) -> None:
    root.mkdir()
    opener = globals()[reader](root)
    truth = {frame.name: frame for frame in opener()}
    files = sorted(path for path in root.rglob("*") if path.is_file())
    rng = np.random.default_rng(0)
    refused = correct = 0
    for case in range(cases):
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        kind = damage(path, rng)
        # A JPEG has no checksum: other bits may be another picture, and nobody can tell.
        changed = kind in (1, 2, 7)
        visible = path.suffix != ".jpg" or not changed
        # Neither have these: other bits are other numbers, another mask or another file.
        told = path.suffix not in (".npy", ".tiff", ".pfm", ".csv") or not changed
        try:
            for frame in opener():
                if told and frame.name in truth and not np.array_equal(frame.depth, truth[frame.name].depth):
                    raise AssertionError(f"case {case}, {path}: wrong depth")
                if visible and frame.name in truth and not np.array_equal(frame.image, truth[frame.name].image):
                    raise AssertionError(f"case {case}, {path}: wrong picture")
            correct += 1
        except UserError as error:
            if str(root) not in str(error) or "\n" in str(error):
                raise AssertionError(f"case {case}: not one line that names a file: {error}") from error
            refused += 1
        except Exception as error:
            raise AssertionError(f"case {case}, {path}: {type(error).__name__}") from error
        finally:
            restore(path, content)
    print(reader, refused, correct)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a header that asks for gigabytes must not get them
    for name in sys.argv[3:]:
        run(name, int(sys.argv[1]), Path(sys.argv[2]) / name)
