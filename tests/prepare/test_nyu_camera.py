"""The cameras of NYUv2: surfaces that are known exactly, OpenCV, and a real frame before and after."""

import cv2
import numpy as np
import pytest

from depthbench.prepare.nyu_camera import COLOR, metres, register_depth, round_half_up, undistort_color
from depthbench.prepare.nyu_scenes import read_color, read_disparity
from tests.prepare.kinect import disparity, picture, plane, seen_rays

# Rows of the published rotation, and the shift in the toolbox's order.
PUBLISHED = np.array(
    [
        [0.99997798940829263, 0.0050518419386157446, 0.0043011152014118693],
        [-0.0050359919480810989, 0.99998051861143999, -0.0036879781309514218],
        [-0.0043196624923060242, 0.0036662365748484798, 0.99998394948385538],
    ]
)
SHIFT = np.array([0.025031875059141302, -0.00029342312935846411, 0.00066238747008330102])


def expected(normal, distance):
    """Depth, from the depth camera, of the plane's point that each pixel of the color camera sees; closed form."""
    row, column = np.mgrid[1:481, 1:641]
    rays = np.stack([(column - COLOR.cx) / COLOR.fx, (row - COLOR.cy) / COLOR.fy, np.ones((480, 640))], axis=-1)
    turned = rays @ PUBLISHED.T
    moved = PUBLISHED @ SHIFT
    along = (distance - np.dot(normal, moved)) / (turned @ normal)
    return along * turned[..., 2] + moved[2]


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.8, 0.0, 1.0), (-0.3, 0.6, 1.0)])
def test_planes(normal):
    normal = np.array(normal)
    raw = disparity(plane(normal, 2.5, seen_rays()))
    raw[:, -8:] = raw[200:240, 300:340] = 2047
    depth, truth = register_depth(raw), expected(normal, 2.5)
    known = depth > 0
    assert 0.6 < known.mean() < 0.95
    assert not known[226:248, 315:335].any()  # the hole, as the color camera sees it
    # A point lies up to half a pixel from the center of its pixel, a disparity up to half from the truth.
    gradient = sum(np.abs(axis) for axis in np.gradient(truth))
    bound = (gradient + truth**2 / 351.3) / 2
    assert (np.abs(depth - truth) <= bound)[known].all()
    assert abs(np.median((depth - truth)[known])) < 1e-3


def test_the_nearest_surface_wins():
    rays = seen_rays()
    raw = disparity(plane((0, 0, 1), 3.0, rays))
    near = disparity(plane((0, 0, 1), 1.0, rays))
    box = (slice(150, 330), slice(250, 400))
    raw[box] = near[box]
    depth = register_depth(raw)
    alone = np.full_like(raw, 2047)
    alone[box] = near[box]
    front = register_depth(alone) > 0
    assert front.sum() > 15000
    assert np.abs(depth[front] - 1).max() < 0.003
    behind = depth[~front & (depth > 0)]
    assert (np.abs(behind - 3) < 0.02).mean() > 0.98  # the rest are disparities mixed at the edge of the box
    assert behind.min() >= 1


def test_metres():
    values = metres(np.array([1092.5 - 351.3, 1057.37, 1058, 1092.5, 1100, 2047]))
    np.testing.assert_allclose(values, [1, 10, 10, 0, 0, 0], rtol=1e-4)
    assert not register_depth(np.full((480, 640), 2047, np.uint16)).any()
    np.testing.assert_array_equal(round_half_up(np.array([0.5, 1.5, 2.49])), [1, 2, 2])


def test_color_as_opencv():
    rgb = picture(0)
    k1, k2, p1, p2, k3 = COLOR.lens
    matrix = np.array([[COLOR.fx, 0, COLOR.cx], [0, COLOR.fy, COLOR.cy], [0, 0, 1]])
    other = cv2.undistort(rgb, matrix, np.array([k1, k2, p1, p2, k3]))
    plain = undistort_color(rgb)
    assert np.abs(plain.astype(int) - other)[20:460, 20:620].max() <= 2  # OpenCV's weights have 5 bits
    assert (plain[0] == 255).all()
    assert (plain[:, 0] == 255).all()


def test_the_published_frame_to_the_bit(shared):
    samples = shared / "data/samples"
    raw = read_disparity((samples / "nyuv2_raw/NYU_depth.pgm").read_bytes(), "depth")
    rgb = read_color((samples / "nyuv2_raw/NYU_color.ppm").read_bytes(), "color")
    published = cv2.imread(str(samples / "nyuv2_sync/depth/sync_depth_00000.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(round_half_up(register_depth(raw) * 1000), published)
    bgr = np.ascontiguousarray(undistort_color(rgb)[..., ::-1])
    jpeg = cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)
    theirs = cv2.imread(str(samples / "nyuv2_sync/rgb/rgb_00000.jpg"))
    # Another version of the JPEG library may round otherwise.
    assert np.abs(jpeg.astype(int) - theirs).mean() < 0.1
