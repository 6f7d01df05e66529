"""Held-out scenes: exact amounts, whole scenes, the same scenes for every amount."""

import pickle

import pytest

from depthbench.data import DataModule, Mixed, NYUSync, Pairs, Rooms
from depthbench.data.held_out import check_share, split_scenes
from depthbench.data.subset import FrameSubset
from depthbench.errors import UserError

SCENES = [f"scene_{index // 10:02d}" for index in range(400)]  # 40 scenes of 10 frames


@pytest.mark.parametrize("split", [1, 100, 380, None])
def test_no_scene_is_on_both_sides_and_the_amount_is_exact(split):
    training, held = split_scenes(SCENES, split, 0.05)
    assert len(training) == (380 if split is None else split)
    assert len(held) == 20  # two scenes, whole
    assert not {SCENES[index] for index in training} & {SCENES[index] for index in held}
    assert training == sorted(set(training))


def test_the_same_scenes_are_held_out_for_every_amount():
    assert split_scenes(SCENES, 10, 3)[1] == split_scenes(SCENES, 370, 3)[1]


def test_an_amount_that_leaves_too_little_holds_out_less():
    assert len(split_scenes(SCENES, 385, 0.05)[1]) == 10  # one scene of two
    training, held = split_scenes(SCENES, 391, 0.05)
    assert (len(training), held) == (391, [])
    assert split_scenes(SCENES, 400, 0.05) == (list(range(400)), [])


def test_one_scene_can_not_be_held_out():
    assert split_scenes(["a"] * 5, None, 0.5) == ([0, 1, 2, 3, 4], [])
    assert len(split_scenes(["a", "b"], None, 7)[0]) == 1


def test_more_frames_than_there_are_is_refused():
    with pytest.raises(UserError, match="401 frames are asked for, but there are only 400"):
        split_scenes(SCENES, 401, 0.05)


@pytest.mark.parametrize("share", [0, 0.0, 1.0, -1, 1.5, "x", True])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UserError, match=r"data\.hold_out="):
        check_share(share)


@pytest.fixture
def scenes(made, tmp_path):
    """Four scenes of three frames, with a list."""
    lines = []
    for index in range(12):
        scene, name = f"attic_{index // 3:04d}", f"{index:05d}"
        made.pair(tmp_path / "sync" / scene, name, index, "sync_depth")
        lines.append(f"{scene}/rgb_{name}.jpg {scene}/sync_depth_{name}.png 518.8579\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    return tmp_path


def opened(scenes, **arguments):
    return NYUSync(scenes / "sync", scenes / "list.txt", size=(24, 32), **arguments)


def test_files_hold_whole_scenes_out(scenes):
    train, watched = opened(scenes, split=6).hold_out(1, None)
    assert (len(train), len(watched)) == (6, 3)
    held = {name.partition("/")[0] for name in watched.names}
    assert len(held) == 1
    assert held.isdisjoint(name.partition("/")[0] for name in train.names)
    assert train[0].depth.shape == (1, 24, 32)
    assert watched[0].depth.shape == (1, 48, 64)  # scored at the sensor's size, as tests are
    assert watched[0].name == watched.names[0]
    again = pickle.loads(pickle.dumps(train))
    assert again.names == train.names
    assert len(opened(scenes, split=6).hold_out(1, 2)[1]) == 2


def test_an_exact_amount_goes_before_validation(scenes):
    whole = opened(scenes, split=12)
    assert whole.hold_out(0.25, None) == (whole, None)
    train, watched = opened(scenes, split=10).hold_out(0.25, None)
    assert (len(train), watched) == (10, None)


def test_pictures_without_folders_have_no_scenes(made, tmp_path):
    for index in range(4):
        made.pair(tmp_path, f"{index}", index)
    pairs = Pairs(tmp_path, scale=0.001)
    assert pairs.hold_out(0.5, None) == (pairs, None)


def test_rooms_have_scenes_to_spare():
    rooms = Rooms(split=20, size=(24, 32))
    train, watched = rooms.hold_out(0.05, 8)
    assert train is rooms
    assert len(watched) == 8
    assert not watched.sensor
    everywhere = {rooms.scene(i) for i in range(20)} | {Rooms("test").scene(i) for i in range(654)}
    assert everywhere.isdisjoint(watched.scene(i) for i in range(8))


def test_a_mixture_holds_out_of_its_parts(scenes):
    mixed = Mixed({"sync": opened(scenes), "rooms": Rooms(split=5, size=(24, 32))}, split=14)
    train, watched = mixed.hold_out(1, None)
    assert len(train) == 14
    held = {name.partition("/")[0] for name in watched.names}
    assert held.isdisjoint(name.split("/")[1] for name in train.names)


def module(train, test, **arguments):
    return DataModule(train, test, batch_size=2, workers=0, **arguments)


def test_the_module_says_which_frames_are_watched(scenes):
    test = opened(scenes, split=3)
    held = module(opened(scenes, split=6), test, val="held_out", hold_out=1)
    assert held.validation == "Validation on 3 frames of scenes that are never trained on."
    assert held.manifest["train"]["count"] == 6
    assert held.manifest["val"]["data"] == "NYUSync"
    assert held.manifest["val"]["names_sha256"] != held.manifest["train"]["names_sha256"]
    watched = module(opened(scenes, split=6), test, val="test", val_frames=2)
    assert watched.validation == "Validation on 2 test frames."
    assert isinstance(watched.val, FrameSubset)
    nothing = module(opened(scenes, split=12), test, val="held_out")
    assert nothing.validation.startswith("No validation: these data leave no scene to hold out.")
    assert nothing.val_dataloader() == []
    assert module(opened(scenes), test).validation == "No validation."
    with pytest.raises(UserError, match="val=tests is unknown; choose held_out, test or none"):
        module(opened(scenes), test, val="tests")


def test_held_out_frames_follow_the_protocols_truth(scenes):
    data = module(opened(scenes, split=6), opened(scenes, split=3), val="held_out", hold_out=1)
    data.score_by("eigen", "raw")
    assert next(iter(data.val_dataloader()[0])).depth.shape[0] == 3
    with pytest.raises(UserError, match="defined on filled truth"):
        data.score_by("eigen", "filled")
