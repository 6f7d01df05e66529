import numpy as np
import pytest

from depthbench.data.formats.pfm import read_pfm
from depthbench.errors import UserError

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
PIXELS = np.flipud(VALUES).astype("<f4").tobytes()


@pytest.mark.parametrize(("scale", "order"), [("-1.0", "<f4"), ("1", ">f4"), ("-1.000000", "<f4")])
def test_both_byte_orders(tmp_path, scale, order):
    path = tmp_path / "x.pfm"
    path.write_bytes(f"Pf\n3 2\n{scale}\n".encode() + np.flipud(VALUES).astype(order).tobytes())
    np.testing.assert_array_equal(read_pfm(path), VALUES)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Pf\n-3 2\n-1\n" + PIXELS, "'-3 2', not two positive numbers"),
        (b"Pf\n-1 -6\n-1\n" + PIXELS, "not two positive numbers"),
        (b"Pf\n3\n-1\n" + PIXELS, "not two positive numbers"),
        (b"Pf\n3 2\n-1000\n" + PIXELS, "its scale is -1000, a factor for some"),
        (b"Pf\n3 2\n0.003922\n" + PIXELS, "its scale is 0.003922"),
        (b"Pf\n3 2\nnan\n" + PIXELS, "its scale is nan"),
        (b"Pf\n3 2\n0\n" + PIXELS, "its scale is 0"),
        (b"Pf\n3 2\nx\n" + PIXELS, "its third line is 'x'"),
        (b"Pf 3 2 -1\n" + PIXELS, "header"),
        (b"Pf\n# made by me\n3 2\n-1\n" + PIXELS, "has a comment"),
        (b"PF\n3 2\n-1\n" + PIXELS * 3, "three channels"),
        (b"P5\n3 2\n255\n" + PIXELS, "begins with 'P5'"),
        (b"Pf\n3 2\n-1\n" + PIXELS[:-1], "take 24 bytes, there are 23"),
        (b"Pf\n3 2\n-1\n" + PIXELS + b"1", "take 24 bytes, there are 25"),
        (b"Pf\n300000 200000\n-1\n" + PIXELS, "claims 300000x200000"),
        (bytes(range(255, 0, -1)) * 4, "three lines"),
        (b"", "begins with ''"),
    ],
)
def test_what_is_no_map_is_told_in_one_readable_sentence(tmp_path, data, says):
    path = tmp_path / "x.pfm"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says) as refused:
        read_pfm(path)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < len(str(path)) + 160
