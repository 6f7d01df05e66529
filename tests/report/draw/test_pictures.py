import numpy as np
import pytest

from depthbench.pinhole import assumed_camera
from depthbench.report import read_runs, studies
from depthbench.report.draw.error_profiles import binned_errors, profiles
from depthbench.report.draw.gallery import build_gallery
from depthbench.report.draw.side_view import BACK, PITCH, YAW, side_view
from depthbench.report.draw.style import Look

RED, BLUE = (255, 0, 0), (0, 0, 255)


def scene(height=41, width=61):
    return np.zeros((height, width), np.float32), np.full((height, width, 3), RED, np.uint8)


@pytest.mark.parametrize("place", [(20, 30), (10, 40), (30, 12)])
def test_a_point_is_where_the_rotation_by_hand_puts_it(place):
    depth, image = scene()
    depth[place] = 3.0
    picture = side_view(depth, image, None, pivot=2.5)
    camera = assumed_camera(*depth.shape)
    x, y = ((place[1] - camera[0, 2]) / camera[0, 0] * 3, (place[0] - camera[1, 2]) / camera[1, 1] * 3)
    x, z = np.cos(YAW) * x + np.sin(YAW) * 0.5, -np.sin(YAW) * x + np.cos(YAW) * 0.5
    y, z = np.cos(PITCH) * y + np.sin(PITCH) * z, -np.sin(PITCH) * y + np.cos(PITCH) * z
    z += 2.5 * (1 + BACK)
    column, row = round(camera[0, 0] * x / z + camera[0, 2]), round(camera[1, 1] * y / z + camera[1, 2])
    drawn = {(int(a), int(b)) for a, b in np.argwhere((picture == RED).all(-1))}
    assert drawn == {(row + a, column + b) for a in (0, 1) for b in (0, 1)}


def test_near_points_hide_far_ones_and_missing_depth_is_left_out():
    camera = assumed_camera(41, 61)
    depth, image = scene()
    assert (side_view(depth, image, camera, 2) == 255).all()
    depth[:] = np.nan
    assert (side_view(depth, image, camera, 2) == 255).all()
    depth[:] = 4.0
    alone = (side_view(depth, image, camera, 2) == RED).all(-1).sum()
    depth[15:25, 20:40] = 1.5
    image[15:25, 20:40] = BLUE
    both = side_view(depth, image, camera, 2)
    rows = [np.flatnonzero(row) for row in (both == BLUE).all(-1) if row.any()]
    assert sum(map(len, rows)) > 100
    assert all(np.ptp(row) + 1 == len(row) for row in rows)  # nothing of the wall shows through the block
    assert (both == RED).all(-1).sum() < alone


def test_binned_errors_are_ratios_of_sums_with_an_interval_around(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 50, (200, 4)).astype(float)
    relative = pixels * rng.uniform(0.1, 0.3, (200, 4))
    pixels[:, 3] = relative[:, 3] = 0
    (mean, low, high), shares = binned_errors(np.stack([pixels, relative, relative**2], -1)[None])
    np.testing.assert_allclose(mean[:3], relative.sum(0)[:3] / pixels.sum(0)[:3])
    assert np.isnan(mean[3])
    assert shares[3] == 0
    assert shares.sum() == pytest.approx(1)
    assert np.all(low[:3] < mean[:3])
    assert np.all(mean[:3] < high[:3])


def test_profiles_show_the_largest_amount_that_has_them(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        for split in ("795", "12k", "230k"):
            path = make_run(tmp_path, loss=loss, split=split, images=20, panels=False)
            if split == "230k":
                (path / "profiles.npz").unlink()
    (study,) = studies(read_runs([tmp_path]))
    figure = profiles(study, Look(study.methods), "About.")
    assert "12\u202f000 training images" in figure.caption
    assert len(figure.svgs("x")) == 3
    assert figure.methods == ("l1", "eigen")


def test_the_gallery_says_where_a_camera_was_assumed(tmp_path, make_run):
    path = make_run(tmp_path, images=5)
    (study,) = studies(read_runs([tmp_path]))
    gallery = build_gallery(study)
    assert gallery.cameras_known
    (frame, *_) = gallery.frames[795]
    assert frame.view.shape == frame.shots[0].view.shape == frame.truth.shape
    with np.load(path / "panels.npz") as file:
        content = {key: file[key] for key in file.files if key != "intrinsics"}
    np.savez(path / "panels.npz", **content)
    assert not build_gallery(studies(read_runs([tmp_path]))[0]).cameras_known
