import pytest

from depthbench.data.formats.listed import fitted, found_instead
from depthbench.data.formats.store import inside
from depthbench.errors import UserError

NAMES = [f"kv1/scene{index}/{index:05}.png" for index in range(40)]


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    return tmp_path


def test_names_that_are_there_stay(root):
    assert fitted(root, NAMES) == NAMES
    assert fitted(root, []) == []


@pytest.mark.parametrize("prefix", ["n/fs/sun3d/data/SUNRGBD/", "a/"])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".JPG"])
def test_one_prefix_and_one_other_ending_are_read(root, prefix, ending):
    listed = [prefix + name.replace(".png", ending) for name in NAMES]
    assert fitted(root, listed) == NAMES


def test_what_fits_nowhere_or_twice_stays(root):
    assert fitted(root, ["b/" + name + ".x" for name in NAMES]) == ["b/" + name + ".x" for name in NAMES]
    mixed = ["a/" + name if index % 2 else name for index, name in enumerate(NAMES)]
    assert fitted(root, mixed) == mixed
    for name in ("x/1.txt", "y/x/1.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    assert fitted(root, ["z/y/x/1.txt"]) == ["z/y/x/1.txt"]  # y/x/1.txt or x/1.txt: nobody can tell


def test_what_lies_there_instead_is_told(root):
    assert found_instead(root / "kv1/scene3/00003.jpg", root) == "its folder holds 00003.png"
    assert found_instead(root / "kv1/scene3/9.png", root) == "its folder holds 00003.png"
    assert found_instead(root / "n/fs/a.png", root) == f"there is no such folder; {root} holds kv1"


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128, "a/" * 2001 + "b"])
def test_a_name_that_no_file_can_have_is_a_sentence(name):
    with pytest.raises(UserError, match="longer than a file's name can be"):
        inside(name, "list.txt")
