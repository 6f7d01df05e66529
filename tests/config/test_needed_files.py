"""A folder that lacks the first thing that its reader opens gets the reader's sentence, before the reader is there."""

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
    (root / "labeled" / "train").mkdir()
    (root / "labeled" / "test").mkdir()
    config = composed("data=nyu", "data.split=12k", f"data.root={root}")
    check_contents(config, ["test"])
    with pytest.raises(UserError, match="raw pairs"):
        check_contents(config, ["train"])


def test_rooms_and_random_weights_need_nothing():
    check_needed(composed())
