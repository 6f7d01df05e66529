"""Intrinsics in the forms in which people keep them."""

import json

import numpy as np
import pytest

from depthbench.data.formats.cameras import read_camera
from depthbench.errors import UserError

K = [[500.0, 0, 320.5], [0, 501.0, 240.25], [0, 0, 1]]
FLAT = [number for row in K for number in row]
BY_COLUMNS = [500, 0, 0, 0, 501, 0, 320.5, 240.25, 1]
FORMS = {
    "four.txt": "500 501 320.5 240.25\n",
    "commas.txt": "500, 501, 320.5, 240.25",
    "matrix.txt": "500 0 320.5\n0 501 240.25\n0 0 1\n",
    "brackets.txt": "[[500. 0. 320.5]\n [0. 501. 240.25]\n [0. 0. 1.]]",
    "scannet.txt": "500 0 320.5 0\n0 501 240.25 0\n0 0 1 0\n0 0 0 1\n",
    "named.json": json.dumps({"fx": 500, "fy": 501, "cx": 320.5, "cy": 240.25, "width": 640}),
    "realsense.json": json.dumps({"intrinsics": {"fx": 500, "fy": 501, "ppx": 320.5, "ppy": 240.25}}),
    "k.json": json.dumps({"K": K}),
    "flat.json": json.dumps({"camera_matrix": FLAT}),
    "open3d.json": json.dumps({"width": 640, "height": 480, "intrinsic_matrix": BY_COLUMNS}),
    "list.json": json.dumps([500, 501, 320.5, 240.25]),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name])
    np.testing.assert_array_equal(read_camera(tmp_path / name), K)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", "", "0 numbers"),
        ("a.txt", "500 501 320", "3 numbers"),
        ("a.txt", "fx fy cx cy", "could not convert"),
        ("a.txt", "0.58 1.92 0.5 0.5", "are not in pixels: as fractions"),
        ("a.txt", "-500 501 320 240", "focal lengths are -500"),
        ("a.txt", "nan 501 320 240", "focal lengths are nan"),
        ("a.txt", "500 1 320 0 501 240 0 0 1", "skewed"),
        ("a.txt", "500 0 320 0 501 240 0 0 2", "third row"),
        ("a.txt", "1 2 3 4 5 6 7 8 9", "third row"),
        ("a.json", "{", "Expecting"),
        ("a.json", '{"f": 500}', "it has the keys f"),
        ("a.json", "3", "neither a list nor an object"),
        ("a.json", "[" * 100_000, "more than the 65,536|holds no intrinsics"),
        ("a.txt", "1 " * 100_000, "more than the 65,536"),
    ],
)
def test_what_is_no_camera_is_a_sentence(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=says) as refused:
        read_camera(tmp_path / name)
    assert str(refused.value).startswith(str(tmp_path / name))
