import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from depthbench.data import NYULabeled, collate
from depthbench.errors import UserError

SCALE = 9.99547 / 65280  # of the developers' copy


def official(root, part="train", split="4", **options):
    return NYULabeled(root, part, split, **options)


def test_official_file(made, tmp_path):
    made.official(tmp_path)
    data = official(tmp_path, depth="raw")
    assert [frame.name for frame in data] == ["00001", "00002", "00004", "00005"]  # 1-based 2, 3, 5, 6
    rgb, depth = made.scene(2)
    np.testing.assert_array_equal(data[1].image, np.moveaxis(rgb, -1, 0) / np.float32(255))
    np.testing.assert_allclose(data[1].depth[0], depth / 1000, rtol=1e-6)
    assert data[1].intrinsics[0, 0] == pytest.approx(518.85790117)
    assert [frame.name for frame in official(tmp_path, "test")] == ["00000", "00003"]
    assert (official(tmp_path)[0].depth > 0).all()
    assert [frame.name for frame in official(tmp_path, split=2)] == ["00001", "00004"]
    assert [frame.name for frame in official(tmp_path, "test", test_split=1)] == ["00000"]


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_open_the_file_themselves(made, tmp_path, context):
    made.official(tmp_path)
    data = official(tmp_path)
    expected = [data[i].depth for i in range(4)]  # the parent's handle is open now
    loader = DataLoader(data, batch_size=1, num_workers=1, collate_fn=collate, multiprocessing_context=context)
    for batch, depth in zip(loader, expected, strict=True):
        np.testing.assert_array_equal(batch.depth[0], depth)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data))[3].depth, expected[3])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"images": None}, "no proper 'images'"),
        ({"depths": None}, "no proper 'depths'"),
        ({"depths": np.ones((6, 64, 48))}, "no proper 'depths'"),
        ({"depths": np.ones((6, 48, 64), np.float32)}, "do not belong together"),
        ({"depths": np.full((6, 64, 48), np.nan, np.float32)}, "impossible pixels at image 1"),
        ({"depths": np.full((6, 64, 48), 250, np.float32)}, "250 m .* own depth files"),
    ],
)
def test_wrong_content(made, tmp_path, changes, says):
    made.official(tmp_path, **changes)
    with pytest.raises(UserError, match=says):
        official(tmp_path)


def test_truncated_or_missing(made, tmp_path):
    path = made.official(tmp_path)
    with pytest.raises(UserError, match="795 frames are asked for"):
        NYULabeled(tmp_path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:100], b"", b"MATLAB 5.0"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"truncated or not a MATLAB 7.3"):
            official(tmp_path)
    path.write_bytes(content)
    (tmp_path / "splits.mat").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"splits.mat is damaged"):
        official(tmp_path)
    (tmp_path / "splits.mat").unlink()
    with pytest.raises(UserError, match=r"splits.mat is missing; put the official"):
        official(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=r"neither nyu_depth_v2_labeled.mat nor a folder train"):
        official(tmp_path)
    path.mkdir()
    with pytest.raises(UserError, match="not a file but a folder"):
        official(tmp_path)


@pytest.mark.parametrize(
    ("train", "test", "says"), [([1, 2], [2], "overlap"), ([0, 1], [2], "1-based"), ([1], [9], "holds only 6")]
)
def test_wrong_splits(made, tmp_path, train, test, says):
    made.official(tmp_path)
    made.splits(tmp_path, train, test)
    with pytest.raises(UserError, match=says):
        official(tmp_path, "test")


def test_folder_of_pictures(made, tmp_path):
    for index in range(6):
        made.pair(tmp_path / ("test" if index in (0, 3) else "train"), f"{index:05d}", index)
    data = NYULabeled(tmp_path, split=4, scale=0.001, size=(24, 32))
    assert [frame.name for frame in data] == ["00001", "00002", "00004", "00005"]
    assert data[0].image.shape == (3, 24, 32)
    made.splits(tmp_path, [2, 3, 5, 6], [1, 4])
    assert len(NYULabeled(tmp_path, "test", scale=0.001)) == 2
    made.splits(tmp_path, [2, 3, 5, 1], [6, 4])
    with pytest.raises(UserError, match=r"00005.jpg is not in the official train part"):
        NYULabeled(tmp_path, scale=0.001)
    with pytest.raises(UserError, match=r"needs nyu_depth"):
        NYULabeled(tmp_path, depth="raw", scale=0.001)
    with pytest.raises(UserError, match=r"set data.scale"):
        NYULabeled(tmp_path)


def test_real_folder(shared):
    root = shared / "data/nyuv2_labeled"
    train = NYULabeled(root, scale=SCALE, size=(120, 160))
    test = NYULabeled(root, "test", scale=SCALE, size=(120, 160), depth_size="native")
    assert (len(train), len(test)) == (795, 654)
    assert (train[0].name, test[0].name) == ("00002", "00000")
    assert test[5].depth.shape == (1, 480, 640)
    assert 0.5 < test[5].depth.median() < 10
    with pytest.raises(UserError, match="README"):
        NYULabeled(root)


def test_real_file_has_the_same_pixels(shared, made, tmp_path):
    tool = shared / "tools/nyu_labeled_mat.py"
    subprocess.run([sys.executable, tool, tmp_path / "nyu_depth_v2_labeled.mat", "--count", "6"], check=True)
    made.splits(tmp_path, [3, 4, 5, 6], [1, 2])
    file = NYULabeled(tmp_path, split=4)
    folder = NYULabeled(shared / "data/nyuv2_labeled", scale=SCALE)
    for index in range(4):
        assert file[index].name == folder[index].name
        np.testing.assert_array_equal(file[index].image, folder[index].image)
        np.testing.assert_allclose(file[index].depth, folder[index].depth, rtol=1e-6)
    assert (NYULabeled(tmp_path, split=4, depth="raw")[0].depth == 0).float().mean() == pytest.approx(0.2, abs=0.01)


def test_a_limit_and_a_value_that_is_no_depth(made, tmp_path):
    made.official(tmp_path)
    for kind in ("filled", "raw"):
        plain = NYULabeled(tmp_path, depth=kind, split=4)[0].depth
        value = float(plain.max())
        without = NYULabeled(tmp_path, depth=kind, split=4, invalid=value)[0].depth
        np.testing.assert_array_equal(without, np.where(plain == np.float32(value), 0, plain))
    other = NYULabeled(tmp_path, split=4, max_depth=1.5).with_truth("raw")[0].depth
    np.testing.assert_array_equal(other, np.where(plain > 1.5, 0, plain))


def test_pictures_with_a_sky(made, tmp_path):
    for part in ("train", "test"):
        made.pair(tmp_path / part, "00000", 0)
    millimetres = made.scene(0)[1]
    millimetres[:10] = 65535
    path = tmp_path / "train/depth_00000.png"
    path.write_bytes(cv2.imencode(".png", millimetres)[1].tobytes())
    with pytest.raises(UserError, match=r"data\.invalid=65535"):
        NYULabeled(tmp_path, split=1, scale=0.001)
    assert not NYULabeled(tmp_path, split=1, scale=0.001, invalid=65535)[0].depth[:, :10].any()
