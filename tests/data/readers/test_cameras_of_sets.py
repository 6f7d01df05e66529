"""Cameras of published sets: lenses that distort, are shifted or tilted, against rays that are cast one by one."""

import numpy as np
import pytest

from depthbench.data.formats.colmap import ColmapCamera, thin_prism_fisheye
from depthbench.data.readers.hypersim_cameras import one_camera, pinhole_of_rays
from depthbench.errors import UserError
from depthbench.pinhole import depth_of_distance
from tests.data.made_cameras import COURTYARD, HYPERSIM, SIZE, ray_of_pixel
from tests.data.published_sets import FORMS, MAKERS, camera, opened


def test_a_lens_puts_rays_where_colmap_does():
    """Numbers of pycolmap 4.2.1 for the courtyard's camera; its corner of the first pixel is our (-0.5, -0.5)."""
    lens = ColmapCamera("THIN_PRISM_FISHEYE", (4032, 6048), (3411.42, 3410.02, 3041.29, 2014.07, *COURTYARD))
    rays = np.array([[0, 0], [0.3, -0.2], [-0.85, 0.55], [0.9, 0.6], [1e-9, 0.5]])
    theirs = [
        [3041.29, 2014.07],
        [4051.5482518890853, 1341.3076848357978],
        [235.74964575176546, 3831.0990750680367],
        [6035.218907243639, 4010.522342488084],
        [3041.605901213682, 3681.5804756932357],
    ]
    np.testing.assert_allclose(np.stack(lens.seen_at(*rays.T), 1) + 0.5, theirs, rtol=1e-12)
    pinhole = ColmapCamera("PINHOLE", (4129, 6198), (3411.42, 3410.02, 3116.72, 2062.52))
    column, row = pinhole.seen_at(*rays.T)
    np.testing.assert_allclose(np.stack([column, row, np.ones(5)]), pinhole.matrix @ np.vstack([rays.T, np.ones(5)]))


def test_there_and_back_through_a_lens():
    """Each pixel of the pinhole's picture is found again from its place in the lens's, by Newton's method."""
    lens = (0.1, 0.05, 0.01, -0.02, 0.03, 0.01, 0.004, -0.003)
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.8, 0.8, 9), np.linspace(-0.6, 0.6, 7)))
    wanted = np.stack(thin_prism_fisheye(x, y, lens))
    found = wanted.copy()
    for _ in range(20):
        at = [np.stack(thin_prism_fisheye(*(found + step), lens)) for step in (0, [[1e-6], [0]], [[0], [1e-6]])]
        jacobian = np.stack([at[1] - at[0], at[2] - at[0]], 1) / 1e-6
        found -= np.linalg.solve(jacobian.transpose(2, 0, 1), (at[0] - wanted).T[..., None])[..., 0].T
    np.testing.assert_allclose(found, [x, y], atol=1e-9)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("jpg/cameras.txt", "THIN_PRISM_FISHEYE", "OPENCV", "its model is none of PINHOLE, THIN_PRISM_FISHEYE"),
        ("jpg/cameras.txt", " 0.000861313", "", "is not a camera"),
        ("jpg/cameras.txt", " 9.6 ", " nan ", "THIN_PRISM_FISHEYE has fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, sx1"),
        ("jpg/cameras.txt", " 17 12 ", " 17 11 ", "float32 depth of the distorted picture, 17x11, has 748"),
        ("jpg/cameras.txt", " 17 12 ", " 999999 999999 ", "claims 999999x999999 pixels"),
        ("jpg/images.txt", "0 0 0 3 ", "0 0 0 4 ", "has a picture of camera 4, which cameras.txt lacks"),
        ("jpg/images.txt", "DSC_0001", "DSC_0009", r"has no camera for DSC_0001\.JPG, not THIN_PRISM_FISHEYE"),
        ("undistorted/cameras.txt", "19 13", "19 12", "is 19x13, but its camera has 19x12 pixels"),
    ],
)
def test_cameras_of_eth3d_that_do_not_fit_are_sentences(file, old, new, says, tmp_path):
    given = FORMS["eth3d undistorted"](tmp_path)
    path = tmp_path / f"court/dslr_calibration_{file}"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=says):
        opened("eth3d", given.overrides)


def test_the_forms_of_eth3d(published, tmp_path):
    given = published("eth3d undistorted")
    undistorted, stored = opened("eth3d", given.overrides), opened("eth3d", given.overrides, view="stored")
    assert (undistorted.edition, stored.edition) == ("undistorted", None)
    assert stored[0].intrinsics is None
    assert not {*stored.names} & {*undistorted.names}
    assert undistorted.scene(0) == stored.scene(0) == "court"
    with pytest.raises(UserError, match=r"data\.view=straight is unknown; choose stored or undistorted"):
        opened("eth3d", given.overrides, view="straight")
    FORMS["eth3d undistorted"](tmp_path)
    (tmp_path / "court/dslr_calibration_jpg").rename(tmp_path / "elsewhere")
    with pytest.raises(
        UserError, match=r"dslr_calibration_jpg is not there; unpack the dslr_undistorted and the dslr_jpg"
    ):
        opened("eth3d", [f"data.root={tmp_path}", "data.view=undistorted"])


def test_distances_of_hypersim_become_depth_of_a_pinhole(published, tmp_path):
    """Points by depth and camera are the points by distance and ray, turned: all lie as far from each other."""
    size = (9, 12)
    for rays in HYPERSIM.values():
        found = pinhole_of_rays(np.array(rays), size)
        seen = [(column, row) for column in (0, 5, 11) for row in (0, 4, 8)]
        distances = np.linspace(1, 7, len(seen))
        cast = [ray_of_pixel(rays, *pixel, size) for pixel in seen]
        theirs = np.array([far * ray / np.linalg.norm(ray) for far, ray in zip(distances, cast, strict=True)])
        maps = np.zeros(size)
        for (column, row), far in zip(seen, distances, strict=True):
            maps[row, column] = far
        depth = depth_of_distance(maps, found)
        ours = np.array([depth[row, column] * (np.linalg.inv(found) @ [column, row, 1]) for column, row in seen])
        between = [np.linalg.norm(points[:, None] - points, axis=-1) for points in (ours, theirs)]
        np.testing.assert_allclose(*between, rtol=1e-9, atol=1e-9)
    usual = pinhole_of_rays(np.array(HYPERSIM["ai_001_001"]), (768, 1024))
    np.testing.assert_allclose(usual, one_camera((768, 1024)), rtol=1e-5)  # 886.81 has five digits
    tilted = pinhole_of_rays(np.array(HYPERSIM["ai_038_002"]), (768, 1024))
    assert tilted[0, 0] == pytest.approx(tilted[1, 1], rel=1e-6)  # the sensor of the lens has square pixels
    assert tilted[1, 2] - 383.5 == pytest.approx(tilted[1, 1] * 0.5073, rel=1e-3)  # and lies lens_shift off the axis


def test_cameras_of_hypersim(published, tmp_path):
    given = published("hypersim")
    own, common = opened("hypersim", given.overrides), opened("hypersim", given.overrides, cameras="one")
    assert (own.edition, common.edition) == (None, "one camera")  # their depth differs
    assert common.manifest()["edition"] == "one camera"
    one = common[0]
    focal = 886.81 * SIZE[1] / 1024
    np.testing.assert_allclose(one.intrinsics, camera(focal, focal, 8, 5.5), rtol=1e-6)
    MAKERS["hypersim"](tmp_path)
    table, root = tmp_path / "metadata_camera_parameters.csv", [f"data.root={tmp_path}"]
    text = table.read_text()
    for old, new, says in (
        ("ai_001_001", "ai_009_001", "has no line for the scene ai_001_001; download it again"),
        ("M_cam_from_uv_11", "M_cam", r"\.csv has no column M_cam_from_uv_11; give metadata_camera_parameters\.csv"),
        ("-1.1260474290333964", "1", "cut off or damaged .the rays fit no picture.; download it again"),
        ("-1.1260474290333964", "nan", "cut off or damaged"),
        ("12.0,17.0", "0.0,17.0", "has pictures of 17x0"),
        ("12.0,17.0", "768.0,1024.0", r"is 17x12, but pictures of its scene are 1024x768 by metadata"),
    ):
        assert old in text
        table.write_text(text.replace(old, new))
        with pytest.raises(UserError, match=says):
            opened("hypersim", root)
    table.rename(tmp_path / "moved.csv")
    with pytest.raises(UserError, match=r"has no metadata_camera_parameters\.csv, which turns distances into depth"):
        opened("hypersim", root)
    (tmp_path / "moved.csv").write_text(text)
    assert opened("hypersim", root, cameras=tmp_path / "moved.csv").names == list(given.frames)
    with pytest.raises(UserError, match="makes depth of distances, but"):
        opened("hypersim", [f"data.root={tmp_path}/prepared"], pictures="prepared", cameras=tmp_path / "moved.csv")
