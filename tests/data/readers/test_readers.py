"""Every reader of downloaded data sets: on made files, on real frames, and on what goes wrong."""

import gzip
import hashlib
import json
import pickle
import zipfile

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torch.utils.data import DataLoader

from depthbench.data import (
    KITTI,
    SUNRGBD,
    DataModule,
    DenseDepthNYU,
    Make3D,
    Matterport3D,
    Mixed,
    NYUSync,
    Pairs,
    Rooms,
    SkipDamaged,
    Zipped,
    collate,
)
from depthbench.data.formats.velodyne import project_velodyne
from depthbench.data.manifest import describe
from depthbench.errors import UserError


def put(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


# NYUv2 in BTS's layout


@pytest.fixture
def sync(made, tmp_path):
    lines = []
    for index, scene in enumerate(["kitchen_0028b", "office_0001", "office_0001"]):
        made.pair(tmp_path / scene, f"{index:05d}", index, "sync_depth")
        lines.append(f"/{scene}/rgb_{index:05d}.jpg /{scene}/sync_depth_{index:05d}.png 518.8579\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    return tmp_path


def test_nyu_sync(sync, made):
    data = NYUSync(sync, sync / "list.txt")
    assert [frame.name for frame in data][:2] == ["kitchen_0028b/rgb_00000", "office_0001/rgb_00001"]
    np.testing.assert_allclose(data[1].depth[0], made.scene(1)[1] / 1000, rtol=1e-6)
    (sync / "list.gz").write_bytes(gzip.compress((sync / "list.txt").read_bytes()))
    half = NYUSync(sync, sync / "list.gz", split=2)
    assert half.names == [data.names[0], data.names[1]]
    assert data.manifest()["count"] == 3
    assert data.manifest()["names_sha256"] != half.manifest()["names_sha256"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"one\n", "line 1 is not"),
        (b"a.jpg b.png c d\n", "line 1 is not"),
        (b"a.jpg b.png far\n", "line 1 is not"),
        (b"a.jpg None 518\n", "no picture with depth"),
        (b"../../etc/passwd b.png 1\n", "leads out"),
        (b"a.jpg ..\\b.png 1\n", "leads out"),
        (b"a.jpg b.png 1\n", r"a.jpg is listed but missing"),
        (b"\xff\xfe\x00", "not a text file"),
        (gzip.compress(b"a.jpg b.png 1\n", mtime=0)[:-9], "damaged gzip"),
    ],
)
def test_bad_lists(sync, content, says):
    (sync / "bad.txt").write_bytes(content)
    with pytest.raises(UserError, match=says):
        NYUSync(sync, sync / "bad.txt")


def test_nyu_sync_real(shared, tmp_path):
    for path in (shared / "data/samples/nyuv2_sync").glob("*/*_00*"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "list").write_text("/rgb_00050.jpg /sync_depth_00050.png 518.8579\n")
    frame = NYUSync(tmp_path, tmp_path / "list", size=(240, 320))[0]
    assert frame.depth.shape == (1, 240, 320)
    assert 2 < frame.depth[frame.depth > 0].median() < 5


def test_published_lists(shared):
    from depthbench.data.formats.lists import read_list

    lists = shared / "data/samples/splits"
    assert len(read_list(lists / "nyudepthv2_train_files_with_gt.txt.gz")) == 24231
    assert len(read_list(lists / "nyudepthv2_test_files_with_gt.txt")) == 654
    assert len(read_list(lists / "eigen_train_files_with_gt.txt.gz")) == 23158
    eigen = read_list(lists / "eigen_test_files_with_gt.txt")
    assert (len(eigen), sum(entry.depth is not None for entry in eigen)) == (697, 652)
    assert len(read_list(lists / "densedepth_like_nyu2_test.csv")) == 654


# DenseDepth's zip


@pytest.fixture
def dense(made, tmp_path):
    path = tmp_path / "nyu_data.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part, count in (("train", 4), ("test", 3)):
            lines = []
            for index in range(count):
                rgb, millimetres = made.scene(index)
                depth = np.round(millimetres / 10000 * 255).astype(np.uint8) if part == "train" else millimetres
                names = [f"data/nyu2_{part}/room_out/{index}.{suffix}" for suffix in ("jpg", "png")]
                file.writestr(names[0], cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes())
                file.writestr(names[1], cv2.imencode(".png", depth)[1].tobytes())
                lines.append(",".join(names))
            file.writestr(f"data/nyu2_{part}.csv", "\n".join(lines))
    return path


def test_dense_depth_from_the_zip_and_unpacked(dense, made, tmp_path):
    train, test = DenseDepthNYU(dense), DenseDepthNYU(dense, "test", split=2)
    assert (len(train), len(test)) == (4, 2)
    assert train.names[0] == "data/nyu2_train/room_out/0"
    np.testing.assert_allclose(test[1].depth[0], made.scene(1)[1] / 1000, rtol=1e-6)
    np.testing.assert_allclose(train[1].depth[0], made.scene(1)[1] / 1000, atol=0.5 * 10 / 255 + 1e-6)
    loader = DataLoader(train, 1, num_workers=1, collate_fn=collate, multiprocessing_context="fork")
    for batch, frame in zip(loader, train, strict=True):
        assert torch.equal(batch.depth[0], frame.depth)
    assert torch.equal(pickle.loads(pickle.dumps(train))[2].image, train[2].image)
    with zipfile.ZipFile(dense) as file:
        file.extractall(tmp_path / "unpacked")
    assert torch.equal(DenseDepthNYU(tmp_path / "unpacked")[3].depth, train[3].depth)


def test_dense_depth_refuses(dense, tmp_path):
    with pytest.raises(UserError, match="8-bit image, but depth is expected in 16"):
        Zipped(dense, "data/nyu2_train.csv", 10 / 65535)
    with pytest.raises(UserError, match=r"no data/none.csv"):
        Zipped(dense, "data/none.csv", 0.001)
    with pytest.raises(UserError, match="is missing"):
        DenseDepthNYU(tmp_path / "nowhere.zip")
    content = dense.read_bytes()
    dense.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="truncated or not a zip"):
        DenseDepthNYU(dense)
    with zipfile.ZipFile(dense, "w") as file:
        file.writestr("data/nyu2_train.csv", "a.jpg,b.png")
    with pytest.raises(UserError, match=r"a.jpg is listed but missing"):
        DenseDepthNYU(dense)
    damaged = bytearray(content)
    start = content.find(b"\xff\xd8")
    damaged[start + 300] ^= 0xFF
    dense.write_bytes(bytes(damaged))
    with pytest.raises(UserError, match=r"room_out/0.jpg is damaged"):
        DenseDepthNYU(dense)


# KITTI

DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0002_sync"
PICTURE = f"{DATE}/{DRIVE}/image_02/data/0000000069.png"
DEPTH = f"{DRIVE}/proj_depth/groundtruth/image_02/0000000069.png"


@pytest.fixture
def kitti(tmp_path):
    rng = np.random.default_rng(0)
    sparse = np.where(rng.random((375, 1242)) < 0.2, rng.integers(5 * 256, 60 * 256, (375, 1242)), 0).astype(np.uint16)
    put(tmp_path / PICTURE, rng.integers(0, 255, (375, 1242, 3), dtype=np.uint8))
    put(tmp_path / "val" / DEPTH, sparse)
    other = PICTURE.replace("69", "70")
    put(tmp_path / other, rng.integers(0, 255, (375, 1242, 3), dtype=np.uint8))
    (tmp_path / DATE / "calib_cam_to_cam.txt").write_text(
        "calib_time: 09-Jan-2012 13:57:47\n"
        "R_rect_00: 1 0 0 0 1 0 0 0 1\n"
        "P_rect_02: 721.5 0 609.5 45 0 721.5 172.8 0 0 0 1 0\n"
    )
    (tmp_path / DATE / "calib_velo_to_cam.txt").write_text("R: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.08 -0.27\n")
    points = np.column_stack([rng.uniform(3, 60, 4000), rng.uniform(-20, 20, 4000), rng.uniform(-1.7, 2, 4000)])
    for number in ("69", "70"):
        scan = tmp_path / DATE / DRIVE / f"velodyne_points/data/00000000{number}.bin"
        scan.parent.mkdir(parents=True, exist_ok=True)
        np.column_stack([points, np.zeros(4000)]).astype("<f4").tofile(scan)
    (tmp_path / "list").write_text(f"{PICTURE} {DEPTH} 721.5377\n{other} None 721.5377\n")
    return tmp_path, sparse, points


def test_kitti_official(kitti):
    root, sparse, _ = kitti
    data = KITTI(root, root / "list")
    assert data.names == [PICTURE[:-4]]
    np.testing.assert_array_equal(data[0].depth[0], sparse / np.float32(256))
    torch.testing.assert_close(data[0].intrinsics[:, 2], torch.tensor([609.5, 172.8, 1]))
    cropped = KITTI(root, root / "list", kb_crop=True)[0]
    assert torch.equal(cropped.depth, data[0].depth[:, 23:, 13:1229])
    torch.testing.assert_close(cropped.intrinsics[:, 2], torch.tensor([596.5, 149.8, 1]))
    assert KITTI(root, root / "list", size=(352, 704), depth_size="native")[0].depth.shape == (1, 375, 1242)


def test_kitti_with_a_limit_and_a_value_that_is_no_depth(kitti):
    root, sparse, _ = kitti
    value = int(np.median(sparse[sparse > 0]))
    metres = sparse / np.float32(256)
    near = KITTI(root, root / "list", max_depth=value / 256)[0].depth[0]
    np.testing.assert_array_equal(near, np.where(sparse <= value, metres, 0))
    without = KITTI(root, root / "list", invalid=value)[0].depth[0]
    np.testing.assert_array_equal(without, np.where(sparse == value, 0, metres))
    scan = KITTI(root, root / "list", "velodyne")[0].depth
    limited = KITTI(root, root / "list", "velodyne", max_depth=20.0)[0].depth
    torch.testing.assert_close(limited, torch.where(scan > 20, 0.0, scan), rtol=0, atol=0)


def test_kitti_velodyne(kitti):
    root, _, points = kitti
    data = KITTI(root, root / "list", "velodyne")
    assert len(data) == 2
    expected = np.zeros((375, 1242))
    for x, y, z in points.astype(np.float32).astype(np.float64):
        right, down, ahead = -y, -z - 0.08, x - 0.27
        u = int(np.round((721.5 * right + 609.5 * ahead + 45) / ahead)) - 1
        v = int(np.round((721.5 * down + 172.8 * ahead) / ahead)) - 1
        if 0 <= u < 1242 and 0 <= v < 375 and (expected[v, u] == 0 or ahead < expected[v, u]):
            expected[v, u] = ahead
    np.testing.assert_allclose(data[0].depth[0], expected, rtol=1e-6)
    assert (expected > 0).sum() > 1000


def test_velodyne_behind_the_camera_is_dropped():
    points = np.array([[-5, 0, 0, 0], [0.0, 0, 0, 0]], np.float32)
    forward = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.5]])
    assert not project_velodyne(points, forward, (10, 10)).any()


def test_kitti_refuses(kitti):
    root, _, _ = kitti
    (root / "val" / DEPTH).rename(root / "elsewhere.png")
    with pytest.raises(UserError, match=r"set data.depth_root"):
        KITTI(root, root / "list")
    scan = root / DATE / DRIVE / "velodyne_points/data/0000000069.bin"
    scan.write_bytes(scan.read_bytes()[:-3])
    with pytest.raises(UserError, match="whole number of points"):
        KITTI(root, root / "list", "velodyne")
    scan.write_bytes(np.full(8, np.nan, "<f4").tobytes())
    with pytest.raises(UserError, match="impossible coordinates"):
        KITTI(root, root / "list", "velodyne")
    (root / DATE / "calib_velo_to_cam.txt").write_text("R: 1 2 3\n")
    with pytest.raises(UserError, match="download them again"):
        KITTI(root, root / "list", "velodyne")
    (root / DATE / "calib_cam_to_cam.txt").unlink()
    put(root / "val" / DEPTH, np.full((375, 1242), 60000, np.uint16))
    with pytest.raises(UserError, match="median depth"):
        KITTI(root, root / "list")


def test_kitti_real(shared, tmp_path):
    samples = shared / "data/samples/kitti"
    for number in ("0000000005", "0000000050"):
        for source, target in (("rgb", PICTURE), ("depth", DEPTH)):
            link = tmp_path / target.replace("0000000069", number)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(samples / source / f"{number}.png")
    lines = [f"{PICTURE} {DEPTH} 707.0493".replace("0000000069", n) for n in ("0000000005", "0000000050")]
    (tmp_path / "list").write_text("\n".join(lines))
    frame = KITTI(tmp_path, tmp_path / "list")[1]
    assert 0.15 < (frame.depth > 0).float().mean() < 0.3
    assert 10 < frame.depth[frame.depth > 0].median() < 20
    assert frame.intrinsics is None


def test_velodyne_real(shared):
    """The scan lands inside the picture it was cut to, and the ground in front is lower than what is far."""
    points = np.fromfile(shared / "data/samples/kitti/velodyne/000008.bin", "<f4").reshape(-1, 4)
    projection = np.array([[721.5377, 0, 609.5593, 44.85728], [0, 721.5377, 172.854, 0.2163791], [0, 0, 1, 0.0027459]])
    axes = np.array([[0, -1, 0, 0], [0, 0, -1, -0.08], [1, 0, 0, -0.27], [0, 0, 0, 1.0]])
    depth = project_velodyne(points, projection @ axes, (375, 1242))
    assert 0.9 < (depth > 0).sum() / len(points) <= 1
    assert np.median(depth[340:][depth[340:] > 0]) < np.median(depth[180:200][depth[180:200] > 0])


@pytest.mark.parametrize("place", ["a/b/0000000069.png", "0000000069.png", "image_02/0000000069.png", "x/y/z/w/v.png"])
def test_kitti_pictures_may_lie_anywhere(kitti, place):
    root, sparse, _ = kitti
    path = root / "moved" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / PICTURE).rename(path)
    (root / "list").write_text(f"{place} {DEPTH}\n")
    data = KITTI(root / "moved", root / "list", depth_root=root)
    np.testing.assert_array_equal(data[0].depth[0], sparse / np.float32(256))
    assert data[0].intrinsics is None
    with pytest.raises(UserError, match=r"no calibration: velodyne depth needs DATE/calib|calib_cam_to_cam.txt"):
        KITTI(root / "moved", root / "list", "velodyne")


def test_kitti_without_the_folder_data_keeps_its_camera(kitti):
    root, _, _ = kitti
    path = root / DATE / DRIVE / "image_02" / "0000000069.png"
    (root / PICTURE).rename(path)
    (root / "list").write_text(f"{DATE}/{DRIVE}/image_02/0000000069.png {DEPTH}\n")
    for depth in ("official", "velodyne"):
        frame = KITTI(root, root / "list", depth)[0]
        torch.testing.assert_close(frame.intrinsics[:, 2], torch.tensor([609.5, 172.8, 1]))
        assert (frame.depth > 0).sum() > 1000


def test_kitti_as_jpg_with_a_list_of_another_machine(kitti):
    root, sparse, _ = kitti
    rgb = cv2.imread(str(root / PICTURE))
    (root / PICTURE).unlink()
    put((root / PICTURE).with_suffix(".jpg"), rgb)
    (root / "list").write_text(f"/data/kitti/raw/{PICTURE} /data/kitti/depth/{DEPTH} 721.5377\n")
    data = KITTI(root, root / "list")
    assert data.names == [PICTURE[:-4]]
    np.testing.assert_array_equal(data[0].depth[0], sparse / np.float32(256))
    (root / PICTURE).with_suffix(".jpg").rename((root / PICTURE).with_suffix(".webp"))
    with pytest.raises(UserError, match=r"listed but missing \(.*its folder holds 0000000069.webp|no such folder"):
        KITTI(root, root / "list")


def test_nyu_sync_by_a_list_of_another_machine(sync, made):
    lines = (sync / "list.txt").read_text().replace(".jpg", ".png").split("\n")
    lines = [" ".join(f"home/me/sync{part}" if part.startswith("/") else part for part in one.split()) for one in lines]
    (sync / "list.txt").write_text("\n".join(lines))
    data = NYUSync(sync, sync / "list.txt")
    assert data.names[:2] == ["kitchen_0028b/rgb_00000", "office_0001/rgb_00001"]
    np.testing.assert_allclose(data[1].depth[0], made.scene(1)[1] / 1000, rtol=1e-6)


# SUN RGB-D


def rotate_bits(millimetres):
    return ((millimetres << 3) | (millimetres >> 13)).astype(np.uint16)


@pytest.fixture
def sun(made, tmp_path):
    for index, name in enumerate(["kv1/NYUdata/NYU0001", "xtion/sun3d/a b"]):
        rgb, millimetres = made.scene(index)
        millimetres[0, 10] = 12_000
        folder = tmp_path / name
        put(folder / "image" / "a.jpg", rgb)
        put(folder / "depth" / "a_abs.png", rotate_bits(millimetres))
        put(folder / "depth_bfx" / "a_abs.png", rotate_bits(np.maximum(millimetres, 900)))
        (folder / "intrinsics.txt").write_text("529.5 0 365 \n0 529.5 265\n 0 0 1\n")
    return tmp_path


def test_sun(sun, made):
    data = SUNRGBD(sun, "raw")
    assert data.names == ["kv1/NYUdata/NYU0001", "xtion/sun3d/a b"]
    expected = made.scene(1)[1] / np.float32(1000)
    expected[0, 10] = 0
    np.testing.assert_allclose(data[1].depth[0], expected, rtol=1e-6)
    assert (SUNRGBD(sun)[0].depth == 0).sum() == 1
    assert data[0].intrinsics[0, 2] == 365
    (sun / "list").write_bytes(b"\xef\xbb\xbfxtion/sun3d/a b\r\n")  # as a Windows editor leaves it
    assert SUNRGBD(sun, files=sun / "list").names == ["xtion/sun3d/a b"]


def test_sun_by_the_official_list(sun):
    (sun / "list").write_text("".join(f"/n/fs/SUNRGBD/{name}\n" for name in ("xtion/sun3d/a b", "kv1/NYUdata/NYU0001")))
    assert SUNRGBD(sun, files=sun / "list").names == ["xtion/sun3d/a b", "kv1/NYUdata/NYU0001"]
    (sun / "list").write_text("/n/fs/elsewhere/kv9/x\n")
    with pytest.raises(UserError, match=r"is not a folder \(there is no such folder; .* holds kv1, list, xtion\)"):
        SUNRGBD(sun, files=sun / "list")


def test_sun_refuses(sun, tmp_path):
    with pytest.raises(UserError, match="holds both image and depth"):
        SUNRGBD(sun / "kv1/NYUdata/NYU0001/image")
    (sun / "kv1/NYUdata/NYU0001/intrinsics.txt").write_text("1 2 3")
    with pytest.raises(UserError, match="nine numbers"):
        SUNRGBD(sun)
    (sun / "kv1/NYUdata/NYU0001/depth_bfx/a_abs.png").unlink()
    with pytest.raises(UserError, match=r"0 .png files instead of one"):
        SUNRGBD(sun)
    (sun / "list").write_text("../x\n")
    with pytest.raises(UserError, match="leads out"):
        SUNRGBD(sun, files=sun / "list")
    (sun / "list").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        SUNRGBD(sun, files=sun / "list")


def test_sun_real(shared):
    data = SUNRGBD(shared / "data/samples/sunrgbd")
    assert len(data) == 2
    for frame in data:
        assert 1 < frame.depth[frame.depth > 0].median() < 4
        assert frame.image.shape[1:] == frame.depth.shape[1:]
        assert 500 < frame.intrinsics[0, 0] < 550
    raw = SUNRGBD(shared / "data/samples/sunrgbd", "raw")[1]
    assert (raw.depth == 0).float().mean() > (data[1].depth == 0).float().mean()


# Make3D


@pytest.fixture
def make3d(made, tmp_path):
    for index in range(3):
        grid = np.zeros((55, 305, 4))
        grid[..., 3] = np.linspace(2 + index, 70, 55)[::-1, None]
        put(tmp_path / "Test134" / f"img-math{index}-p-46t0.jpg", made.scene(index, 96, 72)[0])
        (tmp_path / "Gridlaserdata").mkdir(exist_ok=True)
        scipy.io.savemat(tmp_path / f"Gridlaserdata/depth_sph_corr-math{index}-p-46t0.mat", {"Position3DGrid": grid})
    return tmp_path


def test_make3d(make3d):
    native = Make3D(make3d, "test", depth_size="native")
    assert (len(native), native.names[0]) == (3, "math0-p-46t0")
    assert native[1].depth.shape == (1, 55, 305)
    assert native[1].depth[0, -1, 0] == 3
    frame = Make3D(make3d, "test", size=(48, 36), split=2)[0]
    assert frame.depth.shape == (1, 48, 36)
    with pytest.raises(UserError, match="unpack Train400Img"):
        Make3D(make3d)


def test_make3d_of_matlab_7_3(make3d):
    before = Make3D(make3d, "test", depth_size="native")[1].depth
    path = make3d / "Gridlaserdata/depth_sph_corr-math1-p-46t0.mat"
    grid = scipy.io.loadmat(path)["Position3DGrid"]
    path.unlink()
    with h5py.File(path, "w", userblock_size=512) as file:
        file["Position3DGrid"] = grid.T
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(126) + b"\x02IM" + path.read_bytes()[129:])
    assert torch.equal(Make3D(make3d, "test", depth_size="native")[1].depth, before)


def test_make3d_refuses(make3d):
    path = make3d / "Gridlaserdata/depth_sph_corr-math0-p-46t0.mat"
    for content, says in (({"other": np.ones(3)}, "no array"), ({"Position3DGrid": np.ones((5, 5))}, "shape")):
        scipy.io.savemat(path, content)
        with pytest.raises(UserError, match=says):
            Make3D(make3d, "test")
    scipy.io.savemat(path, {"Position3DGrid": np.full((55, 305, 4), np.nan)})
    with pytest.raises(UserError, match="distances that are negative or not finite"):
        Make3D(make3d, "test")
    path.unlink()
    with pytest.raises(UserError, match=r"no depth_sph_corr-math0-p-46t0.mat"):
        Make3D(make3d, "test")


# Matterport3D


@pytest.fixture
def matterport(made, tmp_path):
    for index, kind in enumerate(["undistorted", "matterport"]):
        rgb, millimetres = made.scene(index)
        house = tmp_path / "1pXnuDYAj8r"
        put(house / f"{kind}_color_images" / "ab_c_i1_5.jpg", rgb)
        put(house / f"{kind}_depth_images" / "ab_c_d1_5.png", millimetres * np.uint16(4))
    (house / "matterport_camera_intrinsics").mkdir()
    (house / "matterport_camera_intrinsics/ab_c_intrinsics_1.txt").write_text("1280 1024 1075 1076 629 522 0 0 0 0 0\n")
    return tmp_path


def test_matterport(matterport, made):
    frame = Matterport3D(matterport)[0]
    assert frame.name == "1pXnuDYAj8r/ab_c_i1_5"
    assert frame.intrinsics is None
    np.testing.assert_allclose(frame.depth[0], made.scene(0)[1] / 1000, rtol=1e-6)
    own = Matterport3D(matterport, "matterport", houses=["1pXnuDYAj8r"])[0]
    assert own.intrinsics[:2, 2].tolist() == [629, 522]
    with pytest.raises(UserError, match="No <house>"):
        Matterport3D(matterport, houses=["other"])
    (matterport / "1pXnuDYAj8r/matterport_camera_intrinsics/ab_c_intrinsics_1.txt").write_text("1 2 3")
    with pytest.raises(UserError):
        Matterport3D(matterport, "matterport")
    (matterport / "1pXnuDYAj8r/undistorted_depth_images/ab_c_d1_5.png").unlink()
    with pytest.raises(UserError, match="has no depth"):
        Matterport3D(matterport)


def test_matterport_with_a_limit_and_a_sky(matterport, made):
    path = matterport / "1pXnuDYAj8r/undistorted_depth_images/ab_c_d1_5.png"
    millimetres = made.scene(0)[1]
    put(path, np.where(millimetres > 2000, 65535, 4 * millimetres).astype(np.uint16))
    with pytest.raises(UserError, match=r"data\.invalid=65535"):
        Matterport3D(matterport)
    expected = np.where(millimetres > 2000, 0, millimetres / 1000)
    for answer in ({"invalid": 65535}, {"max_depth": 10.0}, {"invalid": "none", "max_depth": 2.0}):
        np.testing.assert_allclose(Matterport3D(matterport, **answer)[0].depth[0], expected, rtol=1e-6)


# Several at once, and damaged files


@pytest.fixture
def two(made, tmp_path):
    for index in range(9):
        made.pair(tmp_path / ("a" if index < 6 else "b"), f"{index}", index)
    return {name: Pairs(tmp_path / name, 0.001) for name in ("a", "b")}


def test_mixed(two):
    every = Mixed(two)
    assert sorted(frame.name for frame in every) == [f"a/{i}" for i in range(6)] + [f"b/{i}" for i in range(6, 9)]
    even = Mixed(two, {"a": 1, "b": 1}, split=8)
    names = [frame.name for frame in even]
    assert [name[0] for name in names] == list("abababab")
    assert [name for name in names if name[0] == "a"] == ["a/0", "a/1", "a/3", "a/4"]
    assert [name for name in names if name[0] == "b"] == ["b/6", "b/7", "b/8", "b/6"]
    assert torch.equal(even[0].depth, two["a"][0].depth)
    shares = Mixed(two, {"a": 0.7, "b": 0.3}, split="1k").order[:, 0]
    assert (shares == 0).sum() == 700
    assert abs((shares[:500] == 0).sum() - 350) <= 1
    for weights in ({"a": 1}, {"a": 1, "b": 0}, {"a": 1, "c": 1}):
        with pytest.raises(UserError, match="positive weight"):
            Mixed(two, weights)
    with pytest.raises(UserError, match="is empty"):
        Mixed({})


def test_skipping_damaged_files(two):
    data = two["a"]
    for index in (2, 3):
        data.pairs[index].rgb.write_bytes(b"")
    with pytest.raises(UserError, match=r"rgb_2.jpg is empty"):
        data[2]
    skipping = SkipDamaged(data)
    loader = DataLoader(skipping, 1, num_workers=2, collate_fn=collate, multiprocessing_context="fork")
    assert [batch.name[0] for batch in loader] == ["0", "1", "4", "4", "4", "5"]
    assert skipping.damaged == [2, 3]
    for pair in data.pairs:
        pair.rgb.write_bytes(b"")
    with pytest.raises(UserError, match="in a row"):
        skipping[0]


def test_every_data_set_tells_which_frames_it_holds(two):
    assert json.loads(json.dumps(two["a"].manifest()))["data"] == "Pairs"
    mixed, rooms = Mixed(two, split=4), Rooms("test", split=3, size=(16, 16))
    for frames in (*two.values(), mixed, rooms):
        assert [frame.name for frame in frames] == list(frames.names)
        names = "\n".join(frames.names).encode()
        record = {"data": type(frames).__name__, "count": len(frames)}
        found = describe(frames)
        looks = found.pop("looks", None)
        assert found == record | {"names_sha256": hashlib.sha256(names).hexdigest()}
        assert (looks is None) == isinstance(frames, Rooms)  # rooms look as their arguments say
    module = DataModule(mixed, rooms, on_error="skip")
    assert module.manifest == {"train": describe(mixed), "val": {}, "test": describe(rooms)}
