"""Sintel's files: the tag, the sizes, and sentences about files that are others."""

import struct

import numpy as np
import pytest

from depthbench.data.formats.sintel import read_cam, read_dpt
from depthbench.errors import UserError

TAG = b"PIEH"


def test_depth_and_camera(tmp_path):
    depth = np.arange(15, dtype="<f4").reshape(3, 5)
    (tmp_path / "a.dpt").write_bytes(TAG + struct.pack("<ii", 5, 3) + depth.tobytes())
    np.testing.assert_array_equal(read_dpt(tmp_path / "a.dpt"), depth)
    k = np.array([[1120.0, 0, 511.5], [0, 1110, 217.5], [0, 0, 1]])
    (tmp_path / "a.cam").write_bytes(TAG + k.tobytes() + np.eye(3, 4).tobytes())
    np.testing.assert_array_equal(read_cam(tmp_path / "a.cam"), k)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "begins with b''"),
        (b"PIEG" + bytes(20), r"begins with b'PIEG', but a \.dpt of Sintel"),
        (TAG + struct.pack("<ii", 5, 3) + bytes(59), "claims 5x3 pixels, 60 bytes, and 59 are there"),
        (TAG + struct.pack("<ii", 1 << 20, 1 << 20), "more than"),
        (TAG + struct.pack("<ii", -5, 3) + bytes(60), "claims -5x3"),
    ],
)
def test_other_depth_is_a_sentence(tmp_path, data, says):
    (tmp_path / "a.dpt").write_bytes(data)
    with pytest.raises(UserError, match=says):
        read_dpt(tmp_path / "a.dpt")


@pytest.mark.parametrize(
    ("data", "says"),
    [(TAG + bytes(20), "has 24 bytes"), (TAG + bytes(168), "holds no intrinsics")],
)
def test_other_cameras_are_sentences(tmp_path, data, says):
    (tmp_path / "a.cam").write_bytes(data)
    with pytest.raises(UserError, match=says):
        read_cam(tmp_path / "a.cam")
