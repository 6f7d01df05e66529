"""Data and weights are opened before torch is imported, and a mistake gets the sentence of their reader."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hydra import compose

from depthbench import data
from depthbench.config.compose import composing
from depthbench.config.needed_files import check_contents, check_needed
from depthbench.errors import UserError
from depthbench.models.pretrained import create_backbone


def composed(*overrides):
    with composing():
        return compose("config", list(overrides))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "labeled").mkdir()
    (tmp_path / "labeled" / "notes.txt").write_text("no picture")
    return tmp_path


READERS = {
    "neither form": (["data=nyu_labeled"], "labeled", lambda root: data.NYULabeled(root / "labeled", scale=0.001)),
    "no raw pairs": (
        ["data=nyu", "data.split=12k"],
        "",
        lambda root: data.NYU(root / "labeled", root / "raw", "12k"),
    ),
    "raw pairs of all": (
        ["data=nyu", "data.split=null"],
        "",
        lambda root: data.NYU(root / "labeled", root / "raw", None),
    ),
    "labeled part": (["data=nyu"], "", lambda root: data.NYU(root / "labeled", root / "raw", scale=0.001)),
    "no labeled part": (["data=nyu"], "labeled", lambda root: data.NYU(root / "labeled/labeled", root / "labeled/raw")),
    "not prepared": (
        ["data=nyu_raw", "data.test_root=elsewhere"],
        "labeled",
        lambda root: data.NYURaw(root / "labeled"),
    ),
    "no weights": (
        ["model.encoder.pretrained=none.pth"],
        "",
        lambda root: create_backbone("test_resnet", "none.pth"),
    ),
}


@pytest.mark.parametrize("case", READERS)
def test_it_says_as_the_reader_does(root, case):
    overrides, folder, opened = READERS[case]
    place = [f"data.root={root / folder}"] if overrides[0].startswith("data=") else []
    with pytest.raises(UserError) as early:
        check_needed(composed(*overrides, *place))
    with pytest.raises(UserError) as late:
        opened(root)
    assert str(early.value) == str(late.value)


@pytest.fixture
def pairs(tmp_path):
    """Two pairs in an unknown unit."""
    for part in ("train", "test"):
        for kind, pixels in (
            ("rgb", np.full((24, 32, 3), 90, np.uint8)),
            ("depth", np.full((24, 32), 2500, np.uint16)),
        ):
            (tmp_path / "pairs" / part / kind).mkdir(parents=True)
            cv2.imwrite(f"{tmp_path}/pairs/{part}/{kind}/a.png", pixels)
    return tmp_path / "pairs"


def test_a_missing_unit(pairs):
    config = composed("data=folder", f"data.root={pairs}")
    with pytest.raises(UserError, match=r"set data\.scale to metres per unit"):
        check_needed(config)
    check_needed(composed("data=folder", f"data.root={pairs}", "data.scale=0.001"))


def test_damaged_weights(tmp_path):
    for name, content in (("cut.safetensors", b"\xff" * 20), ("cut.pth", b"PK\x03\x04 and no more")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            check_needed(composed(f"model.encoder.pretrained={tmp_path / name}"))


HYPERSIM = "hypersim data.part=train needs the set's list: data.partition=FILE, metadata_images_split_trainvaltest.csv."


def test_no_mistake_in_data_waits_for_torch(root):
    """A folder of another kind, for every data set in files; in one process, since each takes seconds to start."""
    script = """
import sys
from hydra import compose
from omegaconf import OmegaConf
from depthbench.config.compose import composing, names_of
from depthbench.config.needed_files import check_needed
from depthbench.errors import UserError
with composing():
    for name in names_of("data"):
        config = compose("config", [f"data={name}"])
        if "root" not in list(config.data):
            continue
        for key in list(config.data):
            if OmegaConf.is_missing(config.data, key):
                config.data[key] = sys.argv[1]
        try:
            check_needed(config)
            print(name, "has no complaint")
        except UserError as error:
            assert "torch" not in sys.modules, name
            print(name, error)
"""
    command = [sys.executable, "-c", script, str(root / "labeled")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = done.stdout.splitlines()
    assert len(told) > 20
    assert [line for line in told if "labeled" not in line.partition(" ")[2]] == [HYPERSIM]


def test_splits_are_missed_before_the_large_file_is_opened(root):
    (root / "labeled" / "nyu_depth_v2_labeled.mat").touch()
    with pytest.raises(UserError, match=r"splits\.mat is missing"):
        check_needed(composed("data=nyu_labeled", f"data.root={root / 'labeled'}"))


def test_an_empty_folder_of_any_data_set(tmp_path):
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no file"):
        check_needed(composed("data=kitti", f"data.root={tmp_path / 'empty'}"))


def test_what_is_not_opened_may_be_missing(root):
    """An evaluation opens the test set alone, which may lie on another machine than the training frames."""
    for part in ("train", "test"):
        (root / "labeled" / part).mkdir()
        cv2.imwrite(f"{root}/labeled/{part}/rgb_00001.jpg", np.full((480, 640, 3), 90, np.uint8))
        cv2.imwrite(f"{root}/labeled/{part}/depth_00001.png", np.full((480, 640), 2500, np.uint16))
    config = composed("data=nyu", "data.split=12k", f"data.root={root}", "data.scale=0.001", "data.test_frames=1")
    check_contents(config, ["test"])
    with pytest.raises(UserError, match="raw pairs"):
        check_contents(config, ["train"])


def test_rooms_and_random_weights_need_nothing():
    check_needed(composed())
