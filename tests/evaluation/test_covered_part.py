import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.evaluation.covered_part import check_covers, check_no_crop, is_scaled, parts_of
from depthbench.protocols.regions import COMPUTED, FRACTIONS, PIXELS, region_box

NYU, KITTI = (480, 640), (375, 1242)


@pytest.mark.parametrize("rounding", [np.floor, np.round, np.ceil])
def test_every_scaled_frame_is_a_whole_frame(rounding):
    for whole in (NYU, KITTI, (1704, 2272), (55, 305)):
        for factor in np.linspace(0.07, 2.1, 97):
            size = tuple(int(max(1, rounding(factor * side))) for side in whole)
            assert is_scaled(size, whole)


def test_stretched_frames_and_parts_are_not():
    for size, whole in (((440, 592), NYU), ((256, 320), NYU), ((352, 1216), KITTI), ((460, 640), NYU)):
        assert not is_scaled(size, whole)


REGIONS = [
    *((name, defined) for name, (_, defined) in PIXELS.items()),
    *((name, KITTI) for name in (*FRACTIONS, "kb", "kb+garg") if name != "full"),
    ("make3d_center", (55, 305)),
]


@pytest.mark.parametrize(("region", "whole"), REGIONS)
def test_the_size_of_every_known_region_is_refused_until_it_is_said(region, whole):
    assert {name for name, _ in REGIONS} >= {*PIXELS, *COMPUTED, *FRACTIONS} - {"full"}
    top, bottom, left, right = region_box(region, whole)
    size = bottom - top, right - left
    with pytest.raises(UserError, match=f"the size of a part; append .*covers={region.replace('+', '.')}"):
        check_covers("x", size, whole, None)
    check_covers("x", size, whole, region)
    check_covers("x", size, whole, "full")


def test_a_region_at_another_resolution_and_a_border():
    assert parts_of((228, 304), NYU) == ["[12,468,16,624]"]  # 228x304 of 240x320, in pixels of 480x640
    assert "[16,464,16,624]" in parts_of((448, 608), NYU)
    assert "eigen" in parts_of((220, 296), NYU)  # half of 440x592
    for size in ((228, 304), (448, 608), (220, 296)):
        with pytest.raises(UserError, match="the size of a part"):
            check_covers("x", size, NYU, None)


def test_shapes_that_fit_nothing():
    with pytest.raises(UserError, match=r"256x320, the truth 480x640: not the same shape.*covers=full"):
        check_covers("x", (256, 320), NYU, None)
    with pytest.raises(UserError, match="looks transposed"):
        check_covers("x", (640, 480), NYU, "full")
    with pytest.raises(UserError, match="all of it, not the 440x592 of covers=eigen; leave covers out"):
        check_covers("x", NYU, NYU, "eigen")
    check_covers("x", (256, 320), NYU, "full")
    check_covers("x", (240, 320), NYU, None)
    check_covers("x", (192, 640), KITTI, None)
    check_covers("x", (32, 32), (64, 64), None)


def scenes(count=8, size=NYU):
    rows, columns = np.mgrid[: size[0], : size[1]] / 100
    rng = np.random.default_rng(0)
    for _ in range(count):
        a, b, c = rng.uniform(0.5, 2, 3)
        depth = 4 + a * np.sin(b * columns + c) - 0.4 * rows
        yield torch.from_numpy(depth[None].astype(np.float32))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_crop_of_the_frames_own_aspect_is_found_by_its_content(noise):
    torch.manual_seed(0)
    wrong = [(truth * torch.exp(noise * torch.randn(truth.shape)), truth) for truth in scenes()]
    crops = [(prediction[:, 24:456, 32:608], truth) for prediction, truth in wrong]
    with pytest.raises(UserError, match=r"fit its middle better.*covers=\[24,456,32,608\]"):
        check_no_crop(crops)
    for size in ((432, 576), (240, 320), (468, 624)):  # scaled whole frames are none
        scaled = [
            (torch.nn.functional.interpolate(p[None], size, mode="bilinear", antialias=True)[0], t) for p, t in wrong
        ]
        check_no_crop(scaled)
    check_no_crop((torch.full((1, 432, 576), 2.0), truth) for truth in scenes())  # a constant fits everywhere
