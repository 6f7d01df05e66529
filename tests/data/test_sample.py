import numpy as np
import pytest
import torch

from depthbench.annotations import Annotations
from depthbench.data.frame import collate, to_frame
from depthbench.data.sample import Sample
from depthbench.images import resize_depth, resize_rgb
from depthbench.maps import resize_nearest
from depthbench.pinhole import resize_intrinsics


@pytest.mark.parametrize("size", [(12, 16), (13, 17), (96, 100), (48, 64), (1, 1)])
def test_depth_is_the_nearest_stored_value(size):
    depth = np.random.default_rng(0).uniform(0, 9, (48, 64)).astype(np.float32)
    expected = np.empty(size, np.float32)
    for y in range(size[0]):
        for x in range(size[1]):
            expected[y, x] = depth[int((y + 0.5) * 48 / size[0]), int((x + 0.5) * 64 / size[1])]
    np.testing.assert_array_equal(resize_depth(depth, size), expected)
    shared = resize_nearest(torch.from_numpy(depth)[None, None], size)
    np.testing.assert_array_equal(shared[0, 0], expected)


def test_image_is_averaged_when_it_shrinks():
    rgb = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    blocks = rgb.reshape(12, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize_rgb(rgb, (12, 16)) - blocks).max() <= 0.51
    assert resize_rgb(rgb, (48, 64)) is rgb


def test_intrinsics_follow_the_pixels():
    """A point that projects to u lands, after the resize, where an image of pixel centers puts it."""
    k = np.array([[518.9, 0, 325.6], [0, 519.5, 253.7], [0, 0, 1]])
    point = np.array([0.3, -0.2, 2.0])
    u, v, _ = k @ point / point[2]
    small = resize_intrinsics(k, (480, 640), (120, 320)) @ point / point[2]
    # The pixel of the large image covers (u + 0.5) / 640 of the width, whatever the size.
    np.testing.assert_allclose([(small[0] + 0.5) / 320, (small[1] + 0.5) / 120], [(u + 0.5) / 640, (v + 0.5) / 480])


def test_frame_types_and_native_depth(made):
    rgb, millimetres = made.scene(0)
    sample = Sample(rgb, (millimetres / 1000).astype(np.float32), np.eye(3), "a")
    frame = to_frame(sample, (24, 32))
    assert frame.image.shape == (3, 24, 32)
    assert frame.image.dtype == torch.float32
    assert 0 <= frame.image.min() < frame.image.max() <= 1
    assert frame.depth.shape == (1, 24, 32)
    assert frame.depth.dtype == frame.intrinsics.dtype == torch.float32
    assert (frame.depth[0, :2, :3] == 0).all()
    assert to_frame(sample, (24, 32), "native").depth.shape == (1, 48, 64)
    np.testing.assert_array_equal(to_frame(sample).image, np.moveaxis(rgb, -1, 0) / np.float32(255))


def test_annotations_follow_the_depth():
    edges = torch.zeros(1, 8, 12, dtype=torch.bool)
    edges[0, 3, 5] = True
    notes = Annotations(edges=edges, plane_normals=torch.ones(2, 3))
    sample = Sample(np.zeros((16, 24, 3), np.uint8), np.ones((8, 12), np.float32), None, "a", notes)
    assert to_frame(sample, depth_size="native").annotations.edges.equal(edges)
    larger = to_frame(sample).annotations
    assert larger.edges.shape == (1, 16, 24)
    assert larger.edges[0].nonzero().tolist() == [[6, 10], [6, 11], [7, 10], [7, 11]]
    assert larger.plane_normals.shape == (2, 3)
    frames = [to_frame(sample), to_frame(sample)]
    assert collate(frames).annotations.edges.shape == (2, 1, 16, 24)
    assert collate([frames[0], frames[1]._replace(annotations=None)]).annotations is None
