"""Small valid files of every format that the house reads, each with its reader: what the file fuzzer damages."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from gzip import compress
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io
import torch
from PIL import Image

from depthbench.config.reading import read_config
from depthbench.data import KITTI, PackedDataset
from depthbench.data.formats.lists import read_list
from depthbench.data.formats.mat import load_mat
from depthbench.evaluation.prediction_files import PredictionFiles
from depthbench.files import read_json
from depthbench.images import decode_depth
from depthbench.inference.photos import Video, read_photo
from depthbench.input_files import read_bytes
from depthbench.prepare.cache_writer import Writer
from depthbench.prepare.nyu_scenes import find_frames, open_source, read_color, read_disparity
from depthbench.protocols import load_protocol
from depthbench.report.analyze.claims import read_claims
from depthbench.report.analyze.published_tables import read_published
from depthbench.report.read.run_files import read_history, read_trace
from depthbench.runs.panels import read_arrays
from depthbench.runs.results import read_scores, write_scores
from depthbench.runs.tables import read_per_image
from depthbench.training.checkpoint_file import read as read_checkpoint
from tests.data import fuzz, published_sets

Read = Callable[[], dict[str, object]]
NAMES = ["scene/a", "b", "c"]


def maps() -> np.ndarray:
    rows, columns = np.mgrid[:20, :28]
    return np.stack([1 + index + rows / 20 + np.sin(columns / 5) / 3 for index in range(3)]).astype(np.float32)


def _predictions(path: Path, unit: float | None = None) -> Read:
    def read() -> dict[str, object]:
        files = PredictionFiles(path, NAMES, unit=unit)
        return {f"{name} depth": files[index].numpy() for index, name in enumerate(NAMES)}

    return read


def _folder(suffix: str) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        (root / "scene").mkdir()
        for name, values in zip(NAMES, maps(), strict=True):
            path = root / f"{name}{suffix}"
            if suffix == ".npy":
                np.save(path, np.asfortranarray(values, np.float64) if name == "b" else values)
            elif suffix == ".npz":
                (np.savez_compressed if name == "b" else np.savez)(path, depth=values)
            else:
                cv2.imwrite(str(path), (values * 5000).astype(np.uint16) if suffix == ".png" else values)
        return _predictions(root, 0.0002 if suffix == ".png" else None)

    return build


def _zipped(root: Path) -> Read:
    with zipfile.ZipFile(root / "maps.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, values in zip(NAMES, maps(), strict=True):
            buffer = io.BytesIO()
            np.save(buffer, values)
            file.writestr(f"maps/{name}.npy", buffer.getvalue())
    return _predictions(root / "maps.zip")


def _tarred(suffix: str) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        with tarfile.open(root / f"maps{suffix}", "w:gz" if suffix.endswith("gz") else "w") as file:
            for name, values in zip(NAMES, maps(), strict=True):
                buffer = io.BytesIO()
                np.save(buffer, values)
                info = tarfile.TarInfo(f"maps/{name}.npy")
                info.size = buffer.tell()
                file.addfile(info, io.BytesIO(buffer.getvalue()))
        return _predictions(root / f"maps{suffix}")

    return build


def _listed(root: Path) -> Read:
    _folder(".npy")(root)
    (root / "list.csv").write_text("\n".join(["name,path", *(f"{name},{name}.npy" for name in NAMES)]))
    return _predictions(root / "list.csv")


def _stack(suffix: str, **options: object) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        path, every = root / f"all{suffix}", maps()
        if suffix == ".npy":
            np.save(path, every)
        elif suffix == ".npz":
            np.savez_compressed(path, depth=every, names=NAMES)
        else:
            with h5py.File(path, "w") as file:
                file.create_dataset("depth", data=every, **options)
                if options:
                    file["names"] = NAMES
        return _predictions(path)

    return build


def photo() -> np.ndarray:
    rows, columns = np.mgrid[:48, :64]
    noise = np.random.default_rng(0).integers(0, 30, (48, 64, 3))
    return ((rows * 2 + columns)[..., None] * [1, 0.9, 0.6] + noise).clip(0, 255).astype(np.uint8)


def _picture(suffix: str, *flags: int, mode: str = "", **options: object) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        path = root / f"photo{suffix}"
        if mode:
            image = Image.fromarray(photo()).convert(mode)
            image.save(path, **options)
        else:
            cv2.imwrite(str(path), photo(), list(flags))
        return lambda: {"picture": read_photo(path)}

    return build


def _moving_png(root: Path) -> Read:
    frames = [Image.fromarray(np.roll(photo(), 5 * index, 0)) for index in range(3)]
    frames[0].save(root / "photo.png", save_all=True, append_images=frames[1:], duration=100)
    return lambda: {"picture": read_photo(root / "photo.png")}


def _depth_png(root: Path) -> Read:
    path = root / "depth.png"
    cv2.imwrite(str(path), (maps()[0] * 1000).astype(np.uint16))
    return lambda: {"depth": decode_depth(read_bytes(path), path)}


def _video(root: Path) -> Read:
    path = root / "film.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for index in range(3):
        video.write(np.roll(photo(), 5 * index, 0))
    video.release()
    return lambda: {f"frame {index} picture": frame for index, frame in zip(range(9), Video(path), strict=False)}


def _mat(version: str, **options: object) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        path, numbers = root / "grid.mat", np.arange(60.0).reshape(5, 12)
        if version == "7.3":
            with h5py.File(path, "w", userblock_size=512) as file:
                file["grid"], file["count"] = numbers.T, np.arange(7, dtype=np.uint16)[:, None]
        else:
            scipy.io.savemat(path, {"grid": numbers, "count": np.arange(7, dtype=np.uint16), "word": "x"}, **options)
        return lambda: {f"{key} depth": value for key, value in load_mat(path, ["grid", "count"]).items()}

    return build


def _list(name: str, pack: Callable[[bytes], bytes] = bytes) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        lines = [f"/office/rgb_{index:05d}.jpg /office/depth_{index:05d}.png 518.8579" for index in range(40)]
        text = "\n".join(lines).replace(" ", "," if "csv" in name else " ")
        (root / name).write_bytes(pack(text.encode()))
        return lambda: {"entries": [tuple(entry) for entry in read_list(root / name)]}

    return build


def _velodyne(root: Path) -> Read:
    date, rng = root / "2011_09_26", np.random.default_rng(0)
    drive = date / "drive_sync"
    fuzz.put(drive / "image_02/data/0000000000.png", photo())
    (drive / "velodyne_points/data").mkdir(parents=True)
    points = rng.uniform([5, -3, -1, 0], [20, 3, 1, 1], (300, 4)).astype("<f4")
    (drive / "velodyne_points/data/0000000000.bin").write_bytes(points.tobytes())
    projection, rotation = "50 0 32 0 0 50 24 0 0 0 1 0", "1 0 0 0 1 0 0 0 1"
    (date / "calib_cam_to_cam.txt").write_text(f"calib_time: 09\nP_rect_02: {projection}\nR_rect_00: {rotation}\n")
    (date / "calib_velo_to_cam.txt").write_text("calib_time: 09\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\n")
    (root / "list.txt").write_text("2011_09_26/drive_sync/image_02/data/0000000000.png None 721\n")
    return frames(lambda: KITTI(root, root / "list.txt", "velodyne"))


def frames(opener: Callable[[], object]) -> Read:
    def read() -> dict[str, object]:
        found: dict[str, object] = {}
        for frame in opener():
            found |= {f"{frame.name} picture": frame.image.numpy(), f"{frame.name} depth": frame.depth.numpy()}
        return found

    return read


def _reader(build: Callable[[Path], Callable[[], object]]) -> Callable[[Path], Read]:
    return lambda root: frames(build(root))


def _packed_jpeg(root: Path) -> Read:
    fuzz.pairs(root / "own")
    settings = {"_target_": "depthbench.data.Pairs", "root": str(root / "own"), "scale": 0.001}
    Writer(root, "train", settings, quality=90).write()
    fuzz.shutil.rmtree(root / "own")
    (root / "train.claim").unlink()
    return frames(lambda: PackedDataset(root))


def _packed_annotations(root: Path) -> Read:
    published_sets.ibims(root / "own")
    settings = {"_target_": "depthbench.data.IBims1", "root": str(root / "own"), "depth_size": "native"}
    Writer(root, "test", settings).write()
    fuzz.shutil.rmtree(root / "own")
    (root / "test.claim").unlink()

    def read() -> dict[str, object]:
        opened = list(PackedDataset(root, "test", depth_size="native"))
        notes = {f"{frame.name} {key}": getattr(frame.annotations, key).numpy()
                 for frame in opened for key in frame.annotations.present}  # fmt: skip
        return frames(lambda: opened)() | notes

    return read


def _raw_scenes(root: Path) -> Read:
    with zipfile.ZipFile(root / "raw.zip", "w", zipfile.ZIP_DEFLATED) as file:
        rows = np.arange(480 * 640 * 3, dtype=np.uint32)
        file.writestr("office/r-1.5-7.ppm", b"P6\n640 480\n255\n" + (rows >> 12).astype(np.uint8).tobytes())
        file.writestr(
            "office/d-1.4-6.pgm", b"P5\n640 480\n65535\n" + (rows[::3] >> 10).clip(max=2000).astype("<u2").tobytes()
        )

    def read() -> dict[str, object]:
        found: dict[str, object] = {}
        for frame in find_frames(root):
            open_source.cache_clear()
            store = open_source(frame.source)
            found[f"{frame.name} picture"] = read_color(store.read(frame.color), store.where(frame.color))
            found[f"{frame.name} depth"] = read_disparity(store.read(frame.depth), store.where(frame.depth))
        return found

    return read


def _document(name: str, content: str, read: Callable[[Path], object]) -> Callable[[Path], Read]:
    def build(root: Path) -> Read:
        (root / name).write_text(content)
        return lambda: {"content": read(root / name)}

    return build


def _scores(root: Path) -> Read:
    write_scores(root / "scores.json", {"eigen": {"version": 1}}, {"eigen": {"AbsRel": 0.1, "RMSE": 0.5}})
    return lambda: {"content": read_scores(root / "scores.json")}


def _panels(root: Path) -> Read:
    np.savez_compressed(root / "panels.npz", image=photo()[None], truth=maps()[:1], name=["a"])
    return lambda: {
        f"{key} picture": value for key, value in (read_arrays(root / "panels.npz", "panels") or {}).items()
    }


def _checkpoint(root: Path) -> Read:
    path = root / "last.ckpt"
    torch.manual_seed(0)
    state = {f"w{index}": torch.randn(8, 6) for index in range(4)}
    torch.save({"state_dict": state, "loops": {}, "callbacks": {}, "epoch": 3}, path)
    return lambda: {key: value.numpy() for key, value in read_checkpoint(path)["state_dict"].items()}


def _jpeg_with_exif(root: Path) -> Read:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(photo()).save(buffer, "jpeg", exif=exif)
    (root / "photo.jpg").write_bytes(buffer.getvalue())
    return lambda: {"picture": read_photo(root / "photo.jpg")}


_PER_IMAGE = "protocol,name,AbsRel,RMSE\n" + "".join(f"eigen,{i:05d},0.{i},1.{i}\n" for i in range(30))
_METRICS = "epoch,step,loss\n" + "".join(f"0,{i},{1 / (i + 1):.4f}\n" for i in range(30))
_TRACE = "period,name,contribution\n" + "".join(f"{i},l1,{i / 7:.4f}\n" for i in range(30))
_CONFIG = (
    "seed: 0\ndata:\n  size: [32, 32]\n  split: 6\nloss:\n  _target_: depthbench.losses.L1\nnote: {a: [1.5, null, x]}\n"
)
_PROTOCOL = "_target_: depthbench.protocols.EvalProtocol\nname: own\nregion: eigen\nmax_depth: 10.0\n"
_CLAIMS = "- claim: lower is better\n  where: data=rooms\n  metric: AbsRel\n  better: loss=l1\n  worse: loss=l2\n"
_PUBLISHED = "exhibit,row,select,metric,value,note\ntable 1,A,loss=l1,AbsRel,0.1,\ntable 1,B,loss=l2,AbsRel,0.2,x\n"
_STATUS = json.dumps({"state": "running", "updated": 1.5, "progress": {"epoch": 1, "of": [2, 3]}})

SPECIMENS: dict[str, Callable[[Path], Read]] = {
    "prediction npy": _folder(".npy"),
    "prediction npz": _folder(".npz"),
    "prediction png": _folder(".png"),
    "prediction pfm": _folder(".pfm"),
    "prediction zip": _zipped,
    "prediction tar": _tarred(".tar"),
    "prediction tar.gz": _tarred(".tar.gz"),
    "prediction list": _listed,
    "stack npy": _stack(".npy"),
    "stack npz": _stack(".npz"),
    "stack h5": _stack(".h5"),
    "stack h5 gzip": _stack(".h5", chunks=(1, 20, 28), compression="gzip"),
    "stack h5 checked": _stack(".h5", chunks=(1, 10, 14), compression="gzip", shuffle=True, fletcher32=True),
    "stack h5 lzf": _stack(".h5", chunks=(2, 20, 28), compression="lzf"),
    "jpeg": _picture(".jpg"),
    "jpeg progressive": _picture(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg restart": _picture(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "jpeg gray": _picture(".jpg", mode="L"),
    "jpeg CMYK": _picture(".jpg", mode="CMYK"),
    "jpeg EXIF": _jpeg_with_exif,
    "png": _picture(".png"),
    "png alpha": _picture(".png", mode="RGBA"),
    "png palette": _picture(".png", mode="P"),
    "png gray": _picture(".png", mode="L"),
    "png moving": _moving_png,
    "png depth": _depth_png,
    "video": _video,
    "mat 5": _mat("5"),
    "mat 7": _mat("7", do_compression=True),
    "mat 7.3": _mat("7.3"),
    "list txt": _list("list.txt"),
    "list csv": _list("list.csv"),
    "list gz": _list("list.txt.gz", lambda text: compress(text, mtime=0)),
    "velodyne": _velodyne,
    "pairs": _reader(fuzz.pairs),
    "nyu labeled": _reader(fuzz.nyu_labeled),
    "nyu mat": _reader(fuzz.nyu_mat),
    "nyu sync": _reader(fuzz.nyu_sync),
    "nyu raw": _reader(fuzz.nyu_raw),
    "zipped": _reader(fuzz.dense_depth),
    "kitti": _reader(fuzz.kitti),
    "sunrgbd": _reader(fuzz.sunrgbd),
    "make3d": _reader(fuzz.make3d),
    "matterport": _reader(fuzz.matterport),
    "cache": _reader(fuzz.cached),
    "cache jpeg": _packed_jpeg,
    "cache annotations": _packed_annotations,
    "raw scenes": _raw_scenes,
    "config": _document("config.yaml", _CONFIG, read_config),
    "protocol": _document("own.yaml", _PROTOCOL, load_protocol),
    "claims": _document("claims.yaml", _CLAIMS, read_claims),
    "published": _document("published.csv", _PUBLISHED, read_published),
    "status": _document("status.json", _STATUS, read_json),
    "scores": _scores,
    "per image": _document("per_image.csv", _PER_IMAGE, read_per_image),
    "metrics": _document("metrics.csv", _METRICS, read_history),
    "trace": _document("loss_trace.csv", _TRACE, lambda path: read_trace(path, "contribution")),
    "panels": _panels,
    "checkpoint": _checkpoint,
}
