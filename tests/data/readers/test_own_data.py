"""Own pairs in the layouts that people have: the same frames from each, and one sentence where none or two fit."""

import builtins
import io
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import Pairs
from depthbench.data.readers.layouts import find_pairs
from depthbench.errors import UserError
from tests.data.test_data_configs import composed

COUNT = 6


def put_picture(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def put_depth(path, millimetres):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        assert cv2.imwrite(str(path), millimetres)
    elif path.suffix == ".npy":
        np.save(path, millimetres.astype(np.float32) / 1000)
    elif path.suffix == ".npz":
        np.savez_compressed(path, depth=millimetres / 1000)
    elif path.suffix == ".pfm":
        height, width = millimetres.shape
        flat = np.flipud(millimetres.astype("<f4") / 1000).tobytes()
        path.write_bytes(f"Pf\n{width} {height}\n-1\n".encode() + flat)
    else:
        assert cv2.imwrite(str(path), millimetres.astype(np.float32) / 1000)


# Names of the files of frame i, and the name of the frame.
LAYOUTS = {
    "folders": ("rgb/{:04d}.jpg", "depth/{:04d}.png", "{:04d}"),
    "npy": ("images/{:04d}.png", "depths/{:04d}.npy", "{:04d}"),
    "npz": ("image/{:04d}.jpeg", "depth/{:04d}.npz", "{:04d}"),
    "tiff": ("color/{:04d}.png", "gt/{:04d}.tiff", "{:04d}"),
    "pfm": ("RGB/{:04d}.PNG", "Depth/{:04d}.pfm", "{:04d}"),
    "scenes": ("s/{:04d}/rgb/a.png", "s/{:04d}/depth/a.png", "s/{:04d}/a"),
    "modality first": ("rgb/s{}/a.png", "depth/s{}/a.png", "s{}/a"),
    "deep": ("a/b/color/c/d/{:d}.png", "a/b/depth/c/d/{:d}.npy", "a/b/c/d/{:d}"),
    "words": ("rgb/rgb_{:02d}.png", "depth/depth_{:02d}.npy", "{:02d}"),
    "suffix words": ("images/{:02d}_rgb.png", "gt/{:02d}_depth.tif", "{:02d}"),
    "beside": ("x/{:02d}_rgb.jpg", "x/{:02d}_depth.npy", "x/{:02d}"),
    "plain beside": ("x/{:02d}.png", "x/{:02d}_depth.npy", "x/{:02d}"),
    "a folder each": ("x/{:02d}/rgb.png", "x/{:02d}/depth.png", "x/{:02d}"),
    "seven scenes": ("frame-{:06d}.color.png", "frame-{:06d}.depth.png", "frame-{:06d}"),
    "old": ("x/rgb_{:05d}.jpg", "x/sync_depth_{:05d}.png", "x/{:05d}"),
    "old, floats": ("x/rgb_{:05d}.jpg", "x/depth_{:05d}.npy", "x/{:05d}"),
}


def build(made, root, layout, count=COUNT, start=0):
    rgb_name, depth_name, name = LAYOUTS[layout]
    for index in range(start, start + count):
        rgb, depth = made.scene(index)
        put_picture(root / rgb_name.format(index), rgb)
        put_depth(root / depth_name.format(index), depth)
    return [name.format(index) for index in range(start, start + count)], 0.001 if depth_name.endswith("png") else 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_frames(made, tmp_path, layout):
    names, scale = build(made, tmp_path, layout)
    data = Pairs(tmp_path, scale)
    assert data.names == names
    for index in (0, COUNT - 1):
        rgb, millimetres = made.scene(index)
        np.testing.assert_allclose(data[index].depth[0], millimetres / 1000, rtol=1e-6)
        tolerance = 12 / 255 if data.pairs[0].rgb.suffix in (".jpg", ".jpeg") else 0  # JPEG's loss
        np.testing.assert_allclose(data[index].image, np.moveaxis(rgb, -1, 0) / np.float32(255), atol=tolerance)


@pytest.fixture(scope="module")
def module():
    """A function that opens a folder as the command line does; the configuration is composed once."""
    base = composed("folder", "data.size=[24,32]", "data.batch_size=2", "data.workers=0")

    def opened(root, *overrides):
        config = OmegaConf.merge(base, OmegaConf.from_dotlist([f"data.root={root}", *overrides]))
        return instantiate(config.data, DATA_MODULES)

    return opened


@pytest.mark.parametrize("where", ["{part}/rgb/{i}.png", "rgb/{part}/{i}.png"])
@pytest.mark.parametrize("called", [("train", "val", "test"), ("training", "validation", "testing")])
def test_parts_by_folder(module, made, tmp_path, where, called):
    for part, indices in zip(called, (range(3), range(3, 5), range(5, 6)), strict=True):
        for index in indices:
            rgb, depth = made.scene(index)
            path = tmp_path / where.format(part=part, i=index)
            put_picture(path, rgb)
            put_depth(tmp_path / where.replace("rgb", "depth").format(part=part, i=index), depth)
    data = module(tmp_path, "data.scale=0.001")
    assert [data.train.names, data.val.names, data.test.names] == [["0", "1", "2"], ["3", "4"], ["5"]]
    assert data.validation == "Validation on 2 frames of the data's own validation part."
    assert data.val[0].depth.shape == (1, 48, 64), "scored at the sensor's own size, as the test"
    assert module(tmp_path, "data.scale=0.001", "data.val_frames=1").val.names == ["3"]
    assert module(tmp_path, "data.scale=0.001", "data.val=test").val.names == ["5"]
    with pytest.raises(UserError, match=r"data\.test_fraction=0\.5, but .* has test frames of its own"):
        module(tmp_path, "data.scale=0.001", "data.test_fraction=0.5")


def test_parts_by_fractions_of_folders(module, made, tmp_path):
    build(made, tmp_path, "scenes", 20)
    data = module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.val_fraction=0.25")
    parts = [set(part.names) for part in (data.train, data.val, data.test)]
    assert [len(part) for part in parts] == [12, 4, 4]
    assert len(set.union(*parts)) == 20
    again = module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.val_fraction=0.25")
    assert [again.train.names, again.test.names] == [data.train.names, data.test.names]
    other = module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.split_seed=1")
    assert set(other.test.names) != parts[2]
    assert len(module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.split=4").train) == 4
    # The lot of a folder is its own: new folders move nobody from the test into the training by their mere presence.
    build(made, tmp_path, "scenes", 1, start=20)
    more = module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.val_fraction=0.25")
    assert len(parts[2] - set(more.test.names)) <= 1


def test_parts_by_fractions_of_frames(module, made, tmp_path):
    build(made, tmp_path, "folders", 10)
    with pytest.raises(UserError, match=r"all frames lie in one: append data\.split_by=frame"):
        module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2")
    data = module(tmp_path, "data.scale=0.001", "data.test_fraction=0.2", "data.split_by=frame")
    assert len(data.test) == 2
    assert not set(data.train.names) & set(data.test.names)
    assert len(Pairs(tmp_path, 0.001, part="test", test_fraction=1)) == 10
    with pytest.raises(UserError, match="leaves no frames"):
        Pairs(tmp_path, 0.001, part="train", test_fraction=1)


def test_no_parts_is_a_sentence_with_the_ways_out(module, made, tmp_path):
    build(made, tmp_path, "folders")
    with pytest.raises(UserError, match=r"no parts train and test: append data\.test_fraction=0\.1.*data\.test_files"):
        module(tmp_path, "data.scale=0.001")
    shutil.rmtree(tmp_path / "rgb")
    shutil.rmtree(tmp_path / "depth")
    build(made, tmp_path / "train", "folders")
    build(made, tmp_path / "val", "folders")
    with pytest.raises(UserError, match=r"no test frames: .*data\.test\.part=val"):
        module(tmp_path, "data.scale=0.001")
    assert len(module(tmp_path, "data.scale=0.001", "data.test.part=val").test) == COUNT
    (tmp_path / "val").rename(tmp_path / "test")
    shutil.rmtree(tmp_path / "train")
    with pytest.raises(UserError, match=r"has test but no train"):
        module(tmp_path, "data.scale=0.001")
    assert len(Pairs(tmp_path, 0.001, part="test")) == COUNT


def test_lists(module, made, tmp_path):
    names, _ = build(made, tmp_path / "data", "folders")
    valid = np.zeros((48, 64), np.uint8)
    valid[20:] = 1
    (tmp_path / "data/m").mkdir()
    cv2.imwrite(str(tmp_path / "data/m/0000.png"), valid)
    lines = [f"rgb/{name}.jpg,depth/{name}.png,{'m/0000.png' if name == '0000' else ''},50,51,32,24" for name in names]
    header = "picture,depth,mask,fx,fy,cx,cy"
    for part, some in (("train", lines[:3]), ("test", lines[4:]), ("val", lines[3:4])):
        (tmp_path / f"{part}.csv").write_text("\n".join([header, *some]))
    given = [f"data.{key}={tmp_path}/{part}.csv" for key, part in (("files", "train"), ("test_files", "test"))]
    data = module(tmp_path / "data", "data.scale=0.001", *given, f"data.val_files={tmp_path}/val.csv")
    assert [len(part) for part in (data.train, data.val, data.test)] == [3, 1, 2]
    assert data.test.names == ["rgb/0004", "rgb/0005"]
    frame = data.test[0]
    np.testing.assert_allclose(frame.intrinsics[:, 2], [32.5 / 2 - 0.5, 24.5 / 2 - 0.5, 1])
    plain = Pairs(tmp_path / "data", 0.001, files=tmp_path / "train.csv")
    assert not plain[0].depth[0, :20].any()
    np.testing.assert_allclose(plain[0].depth[0, 20:], made.scene(0)[1][20:] / 1000, rtol=1e-6)
    alone = module(tmp_path / "data", "data.scale=0.001", given[0], "data.test_fraction=0.34", "data.split_by=frame")
    assert [len(alone.train), len(alone.test)] == [2, 1]
    with pytest.raises(UserError, match=r"no parts train and test|no test frames"):
        module(tmp_path / "data", "data.scale=0.001", given[0])
    (tmp_path / "bad.csv").write_text("rgb/0000.jpg,depth/0009.png\n")
    with pytest.raises(UserError, match=r"0009\.png is listed but missing"):
        Pairs(tmp_path / "data", 0.001, files=tmp_path / "bad.csv")
    (tmp_path / "bad.csv").write_text("rgb/0000.jpg,depth/0000.png\n" * 2)
    with pytest.raises(UserError, match=r"names the frame rgb/0000 several times"):
        Pairs(tmp_path / "data", 0.001, files=tmp_path / "bad.csv")


def test_masks_by_folder(made, tmp_path):
    build(made, tmp_path, "folders")
    for index in range(COUNT):
        put_picture(tmp_path / f"masks/{index:04d}.png", np.full((48, 64, 3), 255 * (index % 2), np.uint8))
    with pytest.raises(UserError, match=r"append data\.masks=masks .*data\.masks=none"):
        Pairs(tmp_path, 0.001)
    assert Pairs(tmp_path, 0.001, masks="none")[0].depth.any()
    data = Pairs(tmp_path, 0.001, masks="masks")
    assert [bool(frame.depth.any()) for frame in data] == [False, True] * 3
    with pytest.raises(UserError, match=r"data\.masks=other has no file for 6 of 6 frames"):
        Pairs(tmp_path, 0.001, masks="other")
    cv2.imwrite(str(tmp_path / "masks/0001.png"), np.ones((5, 5), np.uint8))
    with pytest.raises(UserError, match=r"The mask of .* is 5x5"):
        data[1]


def test_intrinsics_from_files(made, tmp_path):
    build(made, tmp_path, "scenes", 2)
    expected = [[50, 0, 32], [0, 51, 24], [0, 0, 1]]
    (tmp_path / "one.txt").write_text("50 51 32 24")
    (tmp_path / "s/0000/intrinsics.json").write_text(json.dumps({"K": expected}))
    (tmp_path / "s/intrinsics.json").write_text(json.dumps({"fx": 1000, "fy": 1000, "cx": 1, "cy": 1}))
    for index in range(2):
        (tmp_path / f"s/{index:04d}/cams").mkdir()
        (tmp_path / f"s/{index:04d}/cams/a.txt").write_text(f"5{index} 51 32 24")
    for said in ("one.txt", str(tmp_path / "one.txt"), [50, 51, 32, 24]):
        np.testing.assert_array_equal(Pairs(tmp_path, 0.001, intrinsics=said)[1].intrinsics, expected)
    nearest = Pairs(tmp_path, 0.001, intrinsics="intrinsics.json")
    np.testing.assert_array_equal(nearest[0].intrinsics, expected)
    assert nearest[1].intrinsics[0, 0] == 1000
    per_frame = Pairs(tmp_path, 0.001, intrinsics="cams", size=(24, 32))
    np.testing.assert_allclose([float(frame.intrinsics[0, 0]) for frame in per_frame], [25, 25.5])
    with pytest.raises(UserError, match=r"data\.intrinsics=nowhere has no file for 2 of 2 frames"):
        Pairs(tmp_path, 0.001, intrinsics="nowhere")
    with pytest.raises(UserError, match=r"neither beside .* nor in a folder above"):
        Pairs(tmp_path, 0.001, intrinsics="nowhere.txt")


def test_sizes_that_differ(made, tmp_path):
    rgb, _ = made.scene(0, 96, 128)
    _, millimetres = made.scene(0)
    put_picture(tmp_path / "rgb/0.png", rgb)
    put_depth(tmp_path / "depth/0.png", millimetres)
    with pytest.raises(UserError, match=r"128x96 but .* 64x48.*data\.resize_to=depth.*data\.resize_to=picture"):
        Pairs(tmp_path, 0.001)
    camera = [100.0, 100.0, 63.5, 47.5]
    small = Pairs(tmp_path, 0.001, intrinsics=camera, resize_to="depth")[0]
    np.testing.assert_allclose(small.depth[0], millimetres / 1000, rtol=1e-6)
    np.testing.assert_allclose(small.intrinsics, [[50, 0, 31.5], [0, 50, 23.5], [0, 0, 1]])
    means = rgb.reshape(48, 2, 64, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(small.image * 255, means, atol=0.51)
    large = Pairs(tmp_path, 0.001, intrinsics=camera, resize_to="picture")[0]
    np.testing.assert_allclose(large.depth[0], np.kron(millimetres, np.ones((2, 2))) / 1000, rtol=1e-6)
    np.testing.assert_allclose(large.intrinsics, [[100, 0, 63.5], [0, 100, 47.5], [0, 0, 1]])
    put_depth(tmp_path / "depth/0.png", millimetres[:30])
    with pytest.raises(UserError, match="their shapes differ, so they can't show the same pixels"):
        Pairs(tmp_path, 0.001, resize_to="depth")


def test_the_unit_is_asked_for_with_guesses_that_are_not_used(made, tmp_path):
    build(made, tmp_path / "png", "folders")
    with pytest.raises(UserError, match=r"is not given.*median .* is 2\d\d\d: .*data\.scale=0\.001 \(millimetres\)"):
        Pairs(tmp_path / "png")
    build(made, tmp_path / "npy", "npy")
    with pytest.raises(UserError, match=r"is not given.*data\.scale=1 \(metres\) makes it 2\.\d+ m"):
        Pairs(tmp_path / "npy")
    with pytest.raises(UserError, match="cannot be True"):
        Pairs(tmp_path / "npy", True)


def test_mixed_units(made, tmp_path):
    build(made, tmp_path, "npy")
    np.save(tmp_path / "depths/0002.npy", made.scene(2)[1].astype(np.float32))
    data = Pairs(tmp_path, 1)
    assert data[0].depth.max() < 10
    with pytest.raises(UserError, match=r"mean depth of .*0002\.npy is 2\.\d+e\+03 m.*another unit than the others"):
        data[2]
    np.save(tmp_path / "depths/0002.npy", made.scene(2)[1])
    with pytest.raises(UserError, match=r"0000\.npy holds floats, but .*0002\.npy integers"):
        data[2]


def test_a_renderers_background_must_be_explained(made, tmp_path):
    build(made, tmp_path, "tiff")
    depth = made.scene(0)[1].astype(np.float32) / 1000
    depth[:10] = 1e10
    cv2.imwrite(str(tmp_path / "gt/0000.tiff"), depth)
    with pytest.raises(UserError, match=r"21 % of the pixels of .* are 1e\+10 m away.*data\.max_depth"):
        Pairs(tmp_path, 1)
    for answer in ({"max_depth": 100}, {"invalid": 1e10}):
        found = Pairs(tmp_path, 1, **answer)[0].depth[0]
        assert not found[:10].any()
        np.testing.assert_array_equal(found[10:], depth[10:])


def test_eight_bits(made, tmp_path):
    for index in range(2):
        rgb, millimetres = made.scene(index)
        put_picture(tmp_path / f"rgb/{index}.png", rgb)
        put_depth(tmp_path / f"depth/{index}.png", (millimetres // 39).astype(np.uint8))
    with pytest.raises(UserError, match=r"0\.png holds integers of 8 bits.*data\.bits=8"):
        Pairs(tmp_path, 10 / 255)
    found = Pairs(tmp_path, 0.039, bits=8)[1].depth[0]
    np.testing.assert_allclose(found, made.scene(1)[1] // 39 * 0.039, rtol=1e-5)
    with pytest.raises(UserError, match=r"data\.bits=12 is unknown; choose 8 or 16"):
        Pairs(tmp_path, 0.039, bits=12)


def test_two_readings_are_a_question(made, tmp_path):
    build(made, tmp_path, "folders")
    shutil.copytree(tmp_path / "depth", tmp_path / "gt")
    with pytest.raises(UserError, match=r"depth files of the same frame; append data\.depths=depth or data\.depths=gt"):
        Pairs(tmp_path, 0.001)
    assert Pairs(tmp_path, 0.001, depths="gt").pairs[0].depth.parent.name == "gt"
    shutil.rmtree(tmp_path / "gt")
    shutil.copy(tmp_path / "rgb/0001.jpg", tmp_path / "rgb/0001.png")
    told = r"pictures of the same frame; append data\.pictures='\*\.jpg' or data\.pictures='\*\.png'"
    with pytest.raises(UserError, match=told):
        Pairs(tmp_path, 0.001)
    assert len(Pairs(tmp_path, 0.001, pictures="*.jpg")) == COUNT
    assert len(Pairs(tmp_path, 0.001, pictures="rgb/*.jpg", depths="depth")) == COUNT
    shutil.copytree(tmp_path / "depth", tmp_path / "depths_old")
    assert len(Pairs(tmp_path, 0.001, pictures="*.jpg")) == COUNT, "a folder of another name is none"


def test_other_names_of_folders(made, tmp_path):
    build(made, tmp_path, "folders")
    (tmp_path / "rgb").rename(tmp_path / "left")
    (tmp_path / "depth").rename(tmp_path / "lidar")
    with pytest.raises(
        UserError, match=r"the first files there are left/0000\.jpg, lidar/0000\.png.*data\.pictures="
    ) as told:
        Pairs(tmp_path, 0.001)
    assert "depth, depths or gt" in str(told.value)
    assert len(Pairs(tmp_path, 0.001, pictures="left", depths="lidar")) == COUNT
    with pytest.raises(UserError, match=r"no depth files .* by data\.pictures=left and data\.depths=x"):
        Pairs(tmp_path, 0.001, pictures="left", depths="x")


def test_what_lies_there_is_shown_where_nothing_fits(made, tmp_path):
    for name in ("a/b/1.webp", "a/b/2.webp", "c/3.mat", "notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=r"first files there are notes\.md, a/b/1\.webp, c/3\.mat"):
        Pairs(tmp_path, 0.001)
    build(made, tmp_path / "elsewhere", "folders")
    (tmp_path / "linked").mkdir()
    for kind in ("rgb", "depth"):
        (tmp_path / "linked" / kind).symlink_to(tmp_path / "elsewhere" / kind, target_is_directory=True)
    with pytest.raises(UserError, match=r"links to folders, such as depth, are not followed"):
        Pairs(tmp_path / "linked", 0.001)


def test_masks_beside(made, tmp_path):
    build(made, tmp_path, "plain beside", 2)
    for index in range(2):
        np.save(tmp_path / f"x/{index:02d}_depth_mask.npy", np.full((48, 64), index, bool))
    with pytest.raises(UserError, match=r"00_depth_mask\.npy may be a mask .*data\.masks='\*_mask\.npy'"):
        Pairs(tmp_path, 1)
    assert [bool(frame.depth.any()) for frame in Pairs(tmp_path, 1, masks="*_mask.npy")] == [False, True]
    assert Pairs(tmp_path, 1, masks="none")[0].depth.any()


def test_folders_within_folders(made, tmp_path):
    build(made, tmp_path, "folders")
    (tmp_path / "cam0").mkdir()
    (tmp_path / "lidar").mkdir()
    (tmp_path / "rgb").rename(tmp_path / "cam0/left")
    (tmp_path / "depth").rename(tmp_path / "lidar/maps")
    assert Pairs(tmp_path, 0.001, pictures="cam0/left", depths="lidar/maps/*.png").names[0] == "0000"


def test_names_that_have_nothing_in_common(made, tmp_path):
    build(made, tmp_path, "folders", 2)
    for index in range(2):
        (tmp_path / f"depth/{index:04d}.png").rename(tmp_path / f"depth/{index + 7}.png")
    with pytest.raises(UserError, match=r"has the name of a depth file, first rgb/0000\.jpg and depth/7\.png"):
        Pairs(tmp_path, 0.001)


def test_hidden_files_are_none(made, tmp_path):
    names, _ = build(made, tmp_path, "folders")
    for name in ("rgb/._0000.jpg", "depth/.DS_Store", "__MACOSX/rgb/0000.jpg", ".cache/rgb/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert Pairs(tmp_path, 0.001).names == names


def test_unreadable_files_are_sentences(made, tmp_path):
    build(made, tmp_path, "npy")
    data = Pairs(tmp_path, 1)
    (tmp_path / "depths/0003.npy").write_bytes((tmp_path / "depths/0003.npy").read_bytes()[:-9])
    with pytest.raises(UserError, match=r"0003\.npy can't be read"):
        data[3]
    (tmp_path / "images/0004.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"0004\.png"):
        data[4]
    (tmp_path / "depths/0005.npy").unlink()
    with pytest.raises(UserError, match=r"0005\.npy is not a file"):
        data[5]


def test_pairs_are_found_by_their_names_alone(tmp_path, monkeypatch):
    """No file is opened, and none is asked for its size: a folder of 200,000 files is found in seconds."""
    for kind, ending in (("rgb", "jpg"), ("depth", "png")):
        for scene in range(4):
            folder = tmp_path / kind / f"scene{scene:02d}"
            folder.mkdir(parents=True)
            for index in range(50):
                (folder / f"{index:06d}.{ending}").touch()
    touched = []
    for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "lstat")):
        kept = getattr(module, name)

        def counted(path, *more, _kept=kept, **named):
            touched.append(path)
            return _kept(path, *more, **named)

        monkeypatch.setattr(module, name, counted)
    pairs = find_pairs(tmp_path)
    monkeypatch.undo()
    assert len(pairs) == 200
    assert pairs[0].name == "scene00/000000"
    assert [pair.name for pair in pairs] == sorted(pair.name for pair in pairs)
    assert [path for path in touched if Path(str(path)).suffix] == []
