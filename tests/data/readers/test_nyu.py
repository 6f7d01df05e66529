"""NYUv2 by amounts: labeled pairs up to 795, prepared raw pairs beyond, one test set."""

import numpy as np
import pytest

from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import NYU, NYULabeled, NYURaw
from depthbench.errors import UserError
from tests.data.conftest import write_official, write_pair
from tests.data.test_data_configs import composed, write_lists


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with both parts: 4 labeled training and 2 test pairs, and 803 raw pairs, which are links to two."""
    folder = tmp_path_factory.mktemp("nyu")
    write_official(folder / "labeled")
    scene = folder / "raw/attic_0001"
    for index in range(2):
        write_pair(scene, f"{index:05d}", index, "sync_depth")
    for index in range(2, 803):
        for name in ("rgb_{:05d}.jpg", "sync_depth_{:05d}.png"):
            (scene / name.format(index)).hardlink_to(scene / name.format(index % 2))
    write_lists(folder / "raw", [f"attic_0001/{index:05d}" for index in range(803)])
    return folder


def opened(root, split, *overrides):
    given = [f"data.root={root}", f"data.split={split}", "data.test_frames=2", "data.val_frames=1"]
    return instantiate(composed("nyu", *given, *overrides).data, DATA_MODULES)


def test_each_amount_has_its_part_and_all_have_one_test_set(root):
    labeled, raw = NYULabeled(root / "labeled", split=4), NYURaw(root / "raw")
    small, large, every = (opened(root, split) for split in (4, 796, "null"))
    assert small.train.names == labeled.names
    assert large.train.names == [raw.names[index * 803 // 796] for index in range(796)]
    assert every.train.names == raw.names
    np.testing.assert_array_equal(small.train[3].depth, NYULabeled(root / "labeled", split=4, size=(240, 320))[3].depth)
    np.testing.assert_array_equal(large.train[5].image, NYURaw(root / "raw", size=(240, 320))[5].image)
    assert small.manifest["test"] == large.manifest["test"] == every.manifest["test"]
    assert small.manifest["test"]["data"] == "NYULabeled"
    assert [small.manifest["train"]["count"], large.manifest["train"]["count"]] == [4, 796]


def test_values_that_are_no_depth_reach_both_parts(root):
    for split in (4, 796):
        plain = NYU(root / "labeled", root / "raw", split)[0].depth
        near = NYU(root / "labeled", root / "raw", split, max_depth=1.5)[0].depth
        np.testing.assert_array_equal(near, np.where(plain > 1.5, 0, plain))
        assert (near != plain).any()


def test_a_round_amount_takes_what_there_is(root):
    with pytest.raises(UserError, match="only 803"):
        opened(root, "1k")


def test_parts_may_lie_elsewhere_and_795_need_no_raw_part(made, tmp_path, root):
    made.official(tmp_path / "own")
    assert len(opened(tmp_path, 3, f"data.labeled_root={tmp_path}/own").train) == 3
    assert len(opened(tmp_path, 800, f"data.labeled_root={tmp_path}/own", f"data.raw_root={root}/raw").train) == 800


def test_the_kinds_of_truth_are_those_of_the_part(root):
    small, large = (NYU(root / "labeled", root / "raw", split) for split in (4, 803))
    assert (small.truth, large.truth) == ("filled", "raw")
    assert small.with_truth("raw").truth == "raw"
    assert (small.with_truth("raw")[0].depth == 0).any()
    assert (small[0].depth > 0).all()
    with pytest.raises(UserError, match="has raw depth only"):
        large.with_truth("filled")


@pytest.mark.parametrize("split", ["12k", "null", "796"])
def test_a_missing_raw_part_is_named_with_the_command_that_makes_it(made, tmp_path, split):
    made.official(tmp_path / "labeled")
    with pytest.raises(UserError) as said:
        opened(tmp_path, split)
    for words in (f"data.split={split} needs the raw pairs", f"nyu-raw raw=DOWNLOADS output={tmp_path}/raw", "795"):
        assert words in str(said.value)


def test_a_missing_labeled_part_is_named(made, tmp_path):
    made.official(tmp_path)
    with pytest.raises(UserError, match=r"no folder .*/labeled. Put nyu_depth_v2_labeled.mat"):
        opened(tmp_path, 795)


def test_held_out_raw_pairs_are_watched_as_they_are_and_the_test_has_the_protocols_truth(root, made, tmp_path):
    for scene in ("attic", "kitchen"):
        made.pair(tmp_path / scene, "00000", 1, "sync_depth")
    write_lists(tmp_path, ["attic/00000", "kitchen/00000"])
    module = opened(root, "null", f"data.raw_root={tmp_path}")
    assert (len(module.train), len(module.val)) == (1, 1)
    module.score_by("eigen", "filled")
    assert (module.val.truth, module.test.truth) == ("raw", "filled")
    module.score_by("other", "raw")
    assert (module.val.truth, module.test.truth) == ("raw", "raw")
