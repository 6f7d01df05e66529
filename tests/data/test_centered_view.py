"""MoGe's view: against a plane in closed form, seen by a camera whose principal point is far from the center."""

import numpy as np
import pytest

from depthbench.data.centered_view import centered_view, in_pixels, rotation_to_axis

OLD, NEW = (120, 160), (40, 50)
OFF_CENTER = np.array([[1.1, 0, 0.56], [0, 1.4, 0.42], [0, 0, 1]])
PLANE = np.array([0.1, 0.2, 0.3])  # points X with PLANE @ X == 1


def rays(intrinsics, size):
    """Rays of all pixels at depth 1."""
    found = np.empty((*size, 3))
    for row in range(size[0]):
        for column in range(size[1]):
            found[row, column] = np.linalg.inv(intrinsics) @ [(column + 0.5) / size[1], (row + 0.5) / size[0], 1]
    return found


@pytest.fixture(scope="module")
def view():
    return centered_view(OFF_CENTER, OLD, NEW)


def test_the_view_lies_inside_and_its_axis_meets_the_center(view):
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    middle = np.linalg.inv(OFF_CENTER) @ [0.5, 0.5, 1]
    np.testing.assert_allclose((view.rotation @ middle)[:2], 0, atol=1e-12)
    corners = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]) @ np.linalg.inv(view.target).T
    seen = corners @ view.rotation @ OFF_CENTER.T
    seen = seen[:, :2] / seen[:, 2:]
    assert seen.min() > -1e-9
    assert seen.max() < 1 + 1e-9
    assert min(seen.min(), 1 - seen.max()) < 1e-9  # no larger one fits
    assert view.target[1, 1] / view.target[0, 0] == pytest.approx(NEW[1] / NEW[0])  # square pixels


def test_depth_is_that_of_the_plane(view):
    depth = (1 / (rays(OFF_CENTER, OLD) @ PLANE)).astype(np.float32)
    expected = 1 / (rays(view.target, NEW) @ view.rotation @ PLANE)
    found = view.depth(depth)
    np.testing.assert_allclose(found, expected, rtol=1.2e-2)  # two nearest steps: a pixel, which is 1 % of the depth
    assert abs((found / expected - 1).mean()) < 2.5e-3  # half a pixel aside would be 5e-3
    holes = np.where(np.arange(OLD[1]) < 80, 0, depth).astype(np.float32)
    seen = view.depth(holes)
    assert (seen[:, :20] == 0).all()
    np.testing.assert_array_equal(seen[:, 30:], found[:, 30:])


def test_the_picture_and_the_labels_move_likewise(view):
    row, column = np.mgrid[: OLD[0], : OLD[1]]
    rgb = np.stack([column, row, np.full(OLD, 7)], -1).astype(np.uint8)
    where = rays(view.target, NEW) @ view.rotation @ in_pixels(OFF_CENTER, OLD).T
    places = where[..., :2] / where[..., 2:]
    picture = view.picture(rgb)
    np.testing.assert_allclose(picture[2:-2, 2:-2, :2], places[2:-2, 2:-2], atol=1.5)
    assert (picture[..., 2] == 7).all()
    labels = view.labels((column // 40).astype(np.uint16))
    inside = np.abs(places[..., 0] % 40 - 20) < 17  # not at the border of a label
    np.testing.assert_array_equal(labels[inside], (places[..., 0] // 40)[inside])


def test_a_centered_picture_of_the_same_size_stays_as_it_is():
    view = centered_view(np.array([[1.2, 0, 0.5], [0, 1.2 * 17 / 12, 0.5], [0, 0, 1]]), (12, 17), (12, 17))
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (12, 17, 3), np.uint8)
    depth = (rng.uniform(1, 9, (12, 17)) * (rng.random((12, 17)) > 0.2)).astype(np.float32)
    np.testing.assert_array_equal(view.picture(rgb), rgb)
    np.testing.assert_allclose(view.depth(depth), depth, rtol=1e-6)
    np.testing.assert_allclose(view.pixels, in_pixels(view.intrinsics, (12, 17)), rtol=1e-9)


def test_the_rotation_of_the_axis_itself_is_none():
    np.testing.assert_array_equal(rotation_to_axis(np.array([0, 0, 2.0])), np.eye(3))
