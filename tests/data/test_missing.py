import cv2
import numpy as np
import pytest

from depthbench.data import Pairs
from depthbench.data.missing import Missing, missing
from depthbench.errors import UserError


def test_metres_against_a_loop():
    stored = np.array([[0, 1, 500], [65535, 1234, 65534]], np.uint16)
    found = missing([65535, 1], 60.0).metres(stored, 0.001)
    for value, depth in zip(stored.ravel().tolist(), found.ravel().tolist(), strict=True):
        expected = 0.0 if value in (0, 1, 65535) or value / 1000 > 60 else value / 1000
        assert depth == pytest.approx(expected, rel=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(Missing().metres(stored, 0.001), stored * np.float32(0.001))


def test_what_is_no_number_or_behind_the_camera_is_missing_in_floats():
    stored = np.array([np.nan, np.inf, -np.inf, -1.0, 0.0, 2.0, 10.0], np.float32)
    np.testing.assert_array_equal(missing(10.0).metres(stored, 1.0), [0, 0, 0, 0, 0, 2, 0])


@pytest.mark.parametrize(("invalid", "max_depth"), [("x", None), ([1, "y"], None), (None, 0), (None, -1.0)])
def test_what_is_no_answer(invalid, max_depth):
    with pytest.raises(UserError, match=r"data.invalid=|data.max_depth="):
        missing(invalid, max_depth)


@pytest.fixture
def sky(made, tmp_path):
    """Three frames; the sky of the last, a fifth of it, is 65535."""
    for index in range(3):
        made.pair(tmp_path, str(index), index)
    depth = made.scene(2)[1]
    depth[:10] = 65535
    cv2.imwrite(str(tmp_path / "depth_2.png"), depth)
    return tmp_path


def test_a_sky_at_the_largest_value_must_be_explained(sky, made):
    with pytest.raises(UserError, match=r"21 % of the pixels of frame '2'.*hold 65535.*invalid=65535.*invalid=none"):
        Pairs(sky, 0.001)
    assert Pairs(sky, 0.001, invalid="none")[2].depth.max() == pytest.approx(65.535)
    for answer in ({"invalid": 65535}, {"invalid": [65535, 1]}, {"max_depth": 10.0, "invalid": "none"}):
        depth = Pairs(sky, 0.001, **answer)[2].depth[0]
        assert (depth[:10] == 0).all()
        np.testing.assert_allclose(depth[10:], made.scene(2)[1][10:] / 1000, rtol=1e-6)
    assert (Pairs(sky, 0.001, max_depth=10.0)[2].depth[0, :10] == 0).all()  # a limit is an answer too


def test_few_pixels_at_the_largest_value_are_left_alone(sky, made):
    depth = made.scene(2)[1]
    depth[20, :15] = 65535  # 15 of 3072: 0.49 %
    cv2.imwrite(str(sky / "depth_2.png"), depth)
    assert Pairs(sky, 0.001)[2].depth.max() == pytest.approx(65.535)
