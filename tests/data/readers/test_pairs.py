import re

import cv2
import numpy as np
import pytest

from depthbench.data import Pairs
from depthbench.errors import UserError


@pytest.fixture
def folder(made, tmp_path):
    made.pair(tmp_path / "küche", "00000", 0, "sync_depth")
    made.pair(tmp_path / "küche", "00001", 1, rgb_suffix=".png")
    made.pair(tmp_path / "office" / "deep", "a", 2)
    return tmp_path


def rewrite_depth(path, change):
    depth = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    path.write_bytes(cv2.imencode(".png", change(depth))[1].tobytes())


def test_reads_what_is_there(folder, made):
    data = Pairs(folder, scale=0.001, intrinsics=[50, 50, 32, 24])
    assert [frame.name for frame in data] == ["küche/00000", "küche/00001", "office/deep/a"]
    rgb, depth = made.scene(1)
    np.testing.assert_allclose(data[1].depth[0], depth / 1000, rtol=1e-6)
    np.testing.assert_array_equal(data[1].image, np.moveaxis(rgb, -1, 0) / np.float32(255))
    assert data[-1].name == "office/deep/a"
    assert data[0].intrinsics[0, 2] == 32
    assert len(Pairs(folder, scale=0.001, split=2)) == 2
    with pytest.raises(IndexError):
        data[3]


def test_real_frames(shared):
    data = Pairs(shared / "data/samples/nyuv2_sync", scale=0.001)  # in folders rgb and depth
    assert [frame.name for frame in data] == ["00000", "00050", "00100"]
    for frame in data:
        assert frame.image.shape == (3, 480, 640)
        assert 0.2 < (frame.depth == 0).float().mean() < 0.4
        assert 0.4 < frame.depth[frame.depth > 0].min() < frame.depth.max() < 10


def test_the_unit_is_never_guessed(folder):
    (folder / "README.md").write_text("millimetres")
    with pytest.raises(UserError, match=r"data.scale=0.001 for millimetres.*README"):
        Pairs(folder)
    with pytest.raises(UserError, match="cannot be 0"):
        Pairs(folder, scale=0)


FIELD = [1000, 256, 5000, 4000, 65535 / 10, 65535 / 50, 100]


@pytest.mark.parametrize("per_metre", FIELD)
@pytest.mark.parametrize("given", [*FIELD, 1])
def test_wrong_units_are_named(folder, made, per_metre, given):
    for path in folder.rglob("*depth_*.png"):
        rewrite_depth(path, lambda depth: (depth * (per_metre / 1000)).round().astype(np.uint16))
    depths = np.concatenate([made.scene(index)[1].ravel() / 1000 for index in range(3)])
    median = np.median(depths[depths > 0])
    assert Pairs(folder, scale=1 / per_metre)[0].depth.max() > 1
    if 0.5 <= median * per_metre / given <= 10:
        return  # nobody can tell
    with pytest.raises(UserError, match=r"outside of 0\.5 to 10 m") as refused:
        Pairs(folder, scale=1 / given)
    found = re.findall(r"data.scale=(\S+) \(.*?\) makes it (\S+) m", str(refused.value))
    assert any(float(scale) == pytest.approx(1 / per_metre, rel=1e-6) for scale, _ in found)
    assert all(0.5 <= float(depth) <= 10 for _, depth in found)
    for scale, depth in found:
        assert float(depth) == pytest.approx(median * per_metre * float(scale), rel=0.02)


@pytest.mark.parametrize("intrinsics", [[0.58, 1.92, 0.5, 0.5], [1.1, 1.4, 0.49, 0.51]])
def test_intrinsics_are_pixels(folder, intrinsics):
    with pytest.raises(UserError, match="are not in pixels: as fractions"):
        Pairs(folder, scale=0.001, intrinsics=intrinsics)


def test_a_plausible_range_can_be_given(folder):
    assert len(Pairs(folder, scale=0.01, plausible=(1, 80))) == 3


def test_lonely_files(folder):
    (folder / "küche/rgb_00001.png").unlink()
    with pytest.raises(UserError, match=r"depth_00001.png: a depth image without its picture"):
        Pairs(folder, scale=0.001)
    (folder / "küche/depth_00001.png").unlink()
    (folder / "office/deep/depth_a.png").unlink()
    with pytest.raises(UserError, match=r"rgb_a.jpg: a picture without its depth"):
        Pairs(folder, scale=0.001)


def test_wrong_paths(folder, tmp_path):
    with pytest.raises(UserError, match="missing"):
        Pairs(tmp_path / "nowhere", scale=0.001)
    with pytest.raises(UserError, match="a file"):
        Pairs(folder / "office/deep/rgb_a.jpg", scale=0.001)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"No pictures with depth.*it holds no files"):
        Pairs(tmp_path / "empty", scale=0.001)
    with pytest.raises(UserError, match=r"data.size"):
        Pairs(folder, scale=0.001, size=(3,))


def test_a_loop_of_links_ends(folder):
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert len(Pairs(folder, scale=0.001)) == 3


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda depth: (depth // 256).astype(np.uint8), "8 bits.*data.bits=8"),
        (lambda depth: np.repeat(depth[..., None], 3, axis=2), "colors"),
        (lambda depth: depth[::2, ::2], "same pixels"),
        (lambda depth: depth * 0, "have no depth; check"),
    ],
)
def test_bad_depth(made, tmp_path, damage, says):
    made.pair(tmp_path, "a")
    rewrite_depth(tmp_path / "depth_a.png", damage)
    with pytest.raises(UserError, match=says):
        Pairs(tmp_path, scale=0.001)


@pytest.mark.parametrize("name", ["rgb_a.jpg", "depth_a.png"])
def test_truncated_files(made, tmp_path, name):
    made.pair(tmp_path, "a")
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=f"{name} is truncated"):
        Pairs(tmp_path, scale=0.001)
