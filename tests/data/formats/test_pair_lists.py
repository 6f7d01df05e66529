"""Lists of pairs: columns by number or by name, blanks, tabs or commas, and sentences with the number of the line."""

import numpy as np
import pytest

from depthbench.data.formats.pair_lists import ListedPair, read_pair_list
from depthbench.errors import UserError


def read(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    return read_pair_list(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/1.jpg b/1.png\n", ("a/1.jpg", "b/1.png")),
        ("# comment\n\n/a/1.jpg\tb/1 x.png\n", ("a/1.jpg", "b/1 x.png")),
        ('"a/1, 2.jpg",b/1.png\n', ("a/1, 2.jpg", "b/1.png")),
        ("a\\1.jpg b\\1.npy m\\1.png", ("a/1.jpg", "b/1.npy", "m/1.png")),
        ("a/1.jpg b/1.npy c/1.txt", ("a/1.jpg", "b/1.npy", None, "c/1.txt")),
        ("depth,name,rgb\nb/1.png,one,a/1.jpg", ("a/1.jpg", "b/1.png", None, None, "one")),
        ("image,gt,mask,camera\na/1.jpg,b/1.png,,c/1.json", ("a/1.jpg", "b/1.png", None, "c/1.json")),
    ],
)
def test_one_line(tmp_path, text, expected):
    assert read(tmp_path, text) == [ListedPair(*expected)]


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg b.png 500 501 320 240",
        "a.jpg b.png m.png 500 501 320 240",
        "picture,depth,intrinsics\na.jpg,b.png,500 501 320 240",
        "picture,depth,cy,cx,fy,fx\na.jpg,b.png,240,320,501,500",
    ],
)
def test_intrinsics_in_the_line(tmp_path, text):
    (pair,) = read(tmp_path, text)
    np.testing.assert_array_equal(pair.camera, [[500, 0, 320], [0, 501, 240], [0, 0, 1]])


def test_pictures_without_depth_are_left_out(tmp_path):
    assert len(read(tmp_path, "a.jpg None\nb.jpg b.png\n")) == 1
    with pytest.raises(UserError, match="no picture with depth"):
        read(tmp_path, "a.jpg None\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("a.jpg\n", "line 1 has 1 cells"),
        ("a.jpg b.png\na b.jpg c d.png\n", "line 2 has 4 cells.*put commas"),
        ("a.jpg b.png 518.8579\n", r"line 1 ends in the number 518\.8579.*data\.intrinsics"),
        ("picture,depth,focal\na.jpg,b.png,518\n", "has the unknown column 'focal'"),
        ("picture,rgb\na.jpg,b.png\n", "one picture and one depth"),
        ("picture,depth\na.jpg\n", "line 2 has 1 cells"),
        ("../a.jpg b.png\n", "leads out of the data set"),
        ("a.jpg b.png 0.5 0.6 0.5 0.5\n", "line 1: .*are not in pixels"),
        ("a.jpg b.png x y z w\n", "line 1 has the intrinsics"),
    ],
)
def test_bad_lines_are_sentences(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        read(tmp_path, text)
