"""The doctor on a folder of which nobody has said anything: settings that read it, and guesses that are called so."""

import shlex
import shutil

import numpy as np
import pytest

from depthbench.data import TUM, Pairs
from depthbench.errors import UserError
from depthbench.prepare.__main__ import main
from depthbench.prepare.propose import propose, read_given
from tests.data.conftest import made as made
from tests.data.readers.test_own_data import COUNT, LAYOUTS, build, put_depth
from tests.data.readers.test_tum import sequence


def settings(proposal):
    return dict(item.split("=", 1) for item in proposal.overrides)


@pytest.mark.parametrize("layout", ["folders", "npy", "tiff", "scenes", "beside", "seven scenes", "old"])
def test_each_layout_has_settings_that_read_it(made, tmp_path, layout):
    _, scale = build(made, tmp_path, layout)
    proposal = propose(tmp_path, {})
    found = settings(proposal)
    assert found.pop("data") == "folder"
    assert float(found["data.scale"]) == scale
    assert any("The unit is a guess" in sentence for sentence in proposal.told)
    one_folder = "/" not in LAYOUTS[layout][2] or layout in ("beside", "old")
    assert found.get("data.split_by") == ("frame" if one_folder else None)
    again = [Pairs(tmp_path, **read_given(proposal.overrides[1:]), part=part) for part in ("train", "test")]
    assert [reader.names for reader in again] == [proposal.opened[part].names for part in ("train", "test")]
    assert sum(map(len, again)) == COUNT


def test_what_is_there_is_taken(made, tmp_path):
    for part in ("train", "test"):
        build(made, tmp_path / part, "folders")
    (tmp_path / "intrinsics.txt").write_text("50 50 32 24")
    (tmp_path / "calib.txt").write_text("no numbers")
    found = settings(propose(tmp_path, {}))
    assert found == {"data": "folder", "data.scale": "0.001", "data.intrinsics": "intrinsics.txt"}


def test_a_folder_train_alone(made, tmp_path):
    build(made, tmp_path / "train", "folders")
    found = settings(propose(tmp_path, {}))
    assert (found["data.test_fraction"], found["data.split_by"]) == ("0.1", "frame")
    build(made, tmp_path / "train", "scenes")
    shutil.rmtree(tmp_path / "train/rgb")
    shutil.rmtree(tmp_path / "train/depth")
    assert "data.split_by" not in settings(propose(tmp_path, {}))


def test_units_outdoors_are_named_too(made, tmp_path):
    build(made, tmp_path, "folders")
    for index in range(COUNT):
        put_depth(tmp_path / f"depth/{index:04d}.png", made.scene(index)[1] * np.uint16(2))  # 4 m, or 16 m as KITTI
    (told,) = [sentence for sentence in propose(tmp_path, {}).told if "guess" in sentence]
    assert "0.00390625 (1/256 m, the png of KITTI: 16" in told


def test_lists(made, tmp_path):
    build(made, tmp_path, "folders")
    (tmp_path / "rgb").rename(tmp_path / "left")
    (tmp_path / "depth").rename(tmp_path / "right")
    lines = [f"left/{index:04d}.jpg,right/{index:04d}.png\n" for index in range(COUNT)]
    (tmp_path / "train_list.csv").write_text("".join(lines[:4]))
    (tmp_path / "notes.txt").write_text("made with care\n")
    assert settings(propose(tmp_path, {}))["data.test_fraction"] == "0.1"
    (tmp_path / "test_list.csv").write_text("".join(lines[4:]))
    found = propose(tmp_path, {})
    assert settings(found)["data.files"] == str(tmp_path / "train_list.csv")
    assert [len(found.opened[part]) for part in ("train", "test")] == [4, 2]


def test_other_units_sizes_and_bits(made, tmp_path):
    build(made, tmp_path, "folders")
    for index in range(COUNT):
        far = (made.scene(index)[1].astype(np.float64) / 1000 * 15 * 256).clip(0, 65535).astype(np.uint16)
        put_depth(tmp_path / f"depth/{index:04d}.png", far[::2, ::2])
    proposal = propose(tmp_path, {"scale": 1 / 256, "plausible": [1, 80]})
    assert settings(proposal)["data.resize_to"] == "depth"
    outdoors = settings(propose(tmp_path, {"plausible": [11, 80]}))
    assert float(outdoors["data.scale"]) in (0.00390625, 0.001)
    for index in range(COUNT):
        put_depth(tmp_path / f"depth/{index:04d}.png", (made.scene(index)[1] // 40).astype(np.uint8))
    proposal = propose(tmp_path, {})
    assert settings(proposal)["data.bits"] == "8"
    assert any("integers of 8 bits" in sentence for sentence in proposal.told)


def test_sequences_of_tum(made, tmp_path):
    for index in range(4):
        sequence(made, tmp_path / f"s{index}", 2, first=index)
    proposal = propose(tmp_path, {})
    assert proposal.overrides == ["data=tum", "data.test_fraction=0.1"]
    assert isinstance(proposal.opened["test"], TUM)


def test_the_command(made, tmp_path, capsys):
    build(made, tmp_path, "folders")
    shutil.copytree(tmp_path / "depth", tmp_path / "gt")
    assert main(["check", str(tmp_path), "sheet="]) == 2
    assert "append data.depths=depth or data.depths=gt" in capsys.readouterr().err
    with pytest.raises(SystemExit):  # the frames of this test are copies of each other, as the doctor sees
        main(["check", str(tmp_path), "data.depths=gt", "sheet=", "workers=1"])
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if line.startswith("Proposed: ")]
    assert line.startswith(
        f"Proposed: depthbench run data=folder data.root={shlex.quote(str(tmp_path))} data.depths=gt"
    )
    assert "note     test: 1 frames." in said
    assert main(["check", str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert main(["check", str(tmp_path), "depths=gt"]) == 2
    assert "depths=gt is not a setting of data=folder" in capsys.readouterr().err


def test_depth_that_no_unit_explains(made, tmp_path):
    build(made, tmp_path, "npy")
    for path in (tmp_path / "depths").iterdir():
        np.save(path, np.load(path) * np.float32(1e8))
    with pytest.raises(UserError, match="no common unit makes plausible"):
        propose(tmp_path, {})
    for path in (tmp_path / "depths").iterdir():
        np.save(path, np.load(path) * np.float32(0))
    with pytest.raises(UserError, match="no depth at all"):
        propose(tmp_path, {})


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.scal=0.001", "data.scal is no setting by which this folder is read"),
        ("data.test_frames=5", "data.test_frames is no setting"),
        ("data.part=train", "data.part is no setting"),
        ("data.test_files=t.txt", "append data.files=LIST"),
    ],
)
def test_settings_that_no_reader_has(made, tmp_path, word, said):
    build(made, tmp_path, "folders")
    with pytest.raises(UserError, match=said):
        propose(tmp_path, read_given([word]))


def test_a_number_is_one_in_every_notation():
    given = ["data.scale=1e-3", "data.name=inf_1", "data.plausible=[1,80]", "data.pictures=a*b.png"]
    assert read_given(given) == {"scale": 0.001, "name": "inf_1", "plausible": [1, 80], "pictures": "a*b.png"}
