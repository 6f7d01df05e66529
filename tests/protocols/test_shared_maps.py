"""Groups of protocols that share a pass are kept over images and fit the maps at hand; a truth made smaller."""

import pytest
import torch

from depthbench.maps import resize_nearest
from depthbench.protocols import grouping, load_protocol
from depthbench.protocols.scored_maps import resized_truth
from depthbench.protocols.shared_maps import SharedMaps

PROTOCOLS = [load_protocol(name) for name in ("eigen", "bts", "full", "dust3r_nyu", "moge_nyu_affine_disparity")]


def _maps(near=0.5, far=9.0, size=(480, 640), **more):
    truth = torch.linspace(near, far, 480 * 640).reshape(1, 1, 480, 640)
    return SharedMaps(torch.linspace(near, far, size[0] * size[1]).reshape(1, 1, *size), truth, **more)


def _listed(groups):
    return [(id(one.acting), one.members, one.cells, one.around) for one in groups]


@pytest.mark.parametrize(
    ("near", "far", "size", "more"),
    [
        (0.5, 9.0, (480, 640), {}),
        (0.5, 90.0, (480, 640), {}),  # limits and ranges have a part
        (1e-4, 9.0, (480, 640), {}),
        (0.5, 9.0, (240, 320), {}),
        (0.5, 9.0, (480, 640), {"mirrored": torch.full((1, 1, 480, 640), 20.0)}),
        (0.5, 9.0, (478, 638), {"covers": [1, 479, 1, 639]}),
    ],
)
def test_groups_are_those_of_the_maps(near, far, size, more):
    chosen = PROTOCOLS[1:2] if "covers" in more else PROTOCOLS
    assert grouping.pass_groups(PROTOCOLS, _maps()) is grouping.pass_groups(PROTOCOLS, _maps(0.6, 8.0))
    maps = _maps(near, far, size, **more)
    assert _listed(grouping.pass_groups(chosen, maps)) == _listed(grouping._grouped(chosen, maps))


def test_other_maps_have_other_groups():
    near, far = (grouping.pass_groups(PROTOCOLS, _maps(far=depth)) for depth in (9.0, 90.0))
    assert len(near) < len(far)


@pytest.mark.parametrize("size", [(240, 320), (7, 9), (228, 304), (601, 800), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_a_truth_is_resized_as_by_torch(size, dtype):
    truth = torch.rand(2, 1, 37, 531, generator=torch.Generator().manual_seed(0)).to(dtype)
    truth[0, 0, 3, 3] = torch.nan
    torch.testing.assert_close(resized_truth(truth, size), resize_nearest(truth, size), rtol=0, atol=0, equal_nan=True)
