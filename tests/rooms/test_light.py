"""Shadows and ambient occlusion where the answer is known."""

import pytest
import torch

from depthbench.rooms.camera import WALLS
from depthbench.rooms.light import occlusion, shadow
from depthbench.rooms.raycast import View
from depthbench.rooms.solids import BOX, CYLINDER, ELLIPSOID
from depthbench.rooms.tiles import TILE

LAMP = torch.tensor([[0.0, 0.0, 2.0]])
SHARE = torch.linspace(-1.5, 1.5, TILE)


def scene(*boxes: list[float], shape: float = BOX) -> View:
    """Boxes (center, half sizes), or what fills them, above a floor; the walls are far away."""
    far = [[0.0, 0.0, -50.0, 0.1, 0.1, 0.1]] * (WALLS - 1)
    rows = [[*box, 1.0, 0.0, BOX] for box in ([0.0, 0.0, -0.1, 9.0, 9.0, 0.1], *far)]
    rows += [[*box, 1.0, 0.0, shape] for box in boxes]
    return View(torch.zeros(1, 3), torch.eye(3)[None], torch.tensor([rows]), torch.zeros(TILE), torch.zeros(TILE))


def floor() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x, y = SHARE.expand(TILE, -1).reshape(1, -1), SHARE[:, None].expand(-1, TILE).reshape(1, -1)
    return x, y, torch.zeros_like(x)


def lit(view: View, radius: float = 0.02) -> torch.Tensor:
    return shadow(view, floor(), LAMP, torch.tensor([radius]), torch.tensor([True])).view(TILE, TILE)


def test_a_plate_halfway_to_the_lamp_throws_a_shadow_twice_its_size():
    share = lit(scene([0.0, 0.0, 1.0, 0.35, 0.35, 0.05]))
    inside = (SHARE.abs() < 0.65)[:, None] & (SHARE.abs() < 0.65)
    outside = (SHARE.abs() > 0.8)[:, None] | (SHARE.abs() > 0.8)
    assert share[inside].max() == 0
    assert share[outside].min() == 1


@pytest.mark.parametrize("shape", [CYLINDER, ELLIPSOID])
def test_the_shadow_of_a_round_thing_is_round(shape):
    share = lit(scene([0.0, 0.0, 1.0, 0.5, 0.5, 0.02], shape=shape), radius=1e-4)
    radius = (SHARE[:, None] ** 2 + SHARE**2).sqrt()
    assert share[radius < 0.9].max() == 0
    assert share[radius > 1.05].min() == 1


def test_a_larger_lamp_has_a_softer_shadow():
    box = [0.0, 0.0, 1.0, 0.35, 0.35, 0.2]
    part = [((lit(scene(box), radius) > 0) & (lit(scene(box), radius) < 1)).sum() for radius in (0.01, 0.4)]
    assert part[1] > part[0]


def test_points_straight_below_the_lamp_or_beside_a_box_are_finite():
    view = scene([0.0, 0.0, 1.0, 0.5, 0.5, 0.5], [0.0, 0.0, 2.2, 0.1, 0.1, 0.1])
    zero = torch.zeros(1, TILE * TILE)
    share = shadow(view, (zero, zero + SHARE.repeat(TILE), zero), LAMP, torch.tensor([0.1]), torch.tensor([True]))
    assert torch.isfinite(share).all()
    assert share.min() == 0
    on_plane = shadow(
        view, (zero + 0.5, zero, zero), torch.tensor([[0.5, 0.0, 2.0]]), torch.tensor([0.1]), torch.tensor([True])
    )
    assert torch.isfinite(on_plane).all()


def test_what_lies_beyond_the_lamp_or_the_floor_throws_no_shadow():
    assert (lit(scene([0.0, 0.0, 2.5, 0.5, 0.5, 0.2], [0.0, 0.0, -1.0, 0.5, 0.5, 0.2])) == 1).all()


def test_corners_are_darker_than_open_floor():
    upward = (torch.zeros(1, TILE * TILE), torch.zeros(1, TILE * TILE), torch.ones(1, TILE * TILE))
    open_floor = occlusion(scene(), floor(), upward)
    assert (open_floor > 0.999).all()
    near_box = occlusion(scene([1.5, 0.0, 0.5, 0.5, 9.0, 0.5]), floor(), upward).view(TILE, TILE)
    assert (near_box[:, SHARE < 0.7] > 0.999).all()
    between = (SHARE > 0.8) & (SHARE < 1.0)
    assert (near_box[:, between] < 0.99).all()
