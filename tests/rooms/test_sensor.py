"""The Kinect-like sensor: steps, noise and the places where it sees nothing."""

import torch

from depthbench.rooms.sensor import BASELINE, sense, shadowed

SIZE = (96, 128)
FOCAL = 104.0
KEYS = torch.tensor([11, 12], dtype=torch.int32)
INSIDE = (slice(None), slice(12, 90), slice(10, 118))


def wall(depth: float, facing: float = 1.0, reflect: float = 0.6) -> torch.Tensor:
    full = torch.ones(2, *SIZE)
    return sense(full * depth, full * facing, full * reflect, FOCAL, KEYS)[INSIDE]


def test_noise_and_steps_grow_with_distance():
    errors, steps = [], []
    for depth in (1.0, 2.0, 4.0):
        seen = wall(depth)
        values = seen[seen > 0]
        errors.append((values - depth).std())
        steps.append(values.unique().diff().max())
        assert abs(values.median() - depth) < 0.02 * depth
    for nearer, farther in ((0, 1), (1, 2)):
        assert 2.5 < errors[farther] / errors[nearer] < 6  # four times: squared distance
        assert 3 < steps[farther] / steps[nearer] < 5
    assert 0.002 < errors[1] < 0.03


def test_disparity_is_in_eighths():
    seen = wall(3.3)
    eighths = 580 * BASELINE / seen[seen > 0] * 8
    assert (eighths - eighths.round()).abs().max() < 1e-3


def test_a_plain_wall_is_seen_and_what_is_out_of_range_is_not():
    assert (wall(2.5) > 0).all()
    assert not (wall(0.45) > 0).any()
    assert not (wall(9.95) > 0).any()


def test_glass_and_grazing_surfaces_are_holes():
    assert not (wall(2.0, reflect=0.0) > 0).any()
    assert not (wall(2.0, facing=0.02) > 0).any()
    assert (wall(2.0, reflect=0.03) > 0).float().mean() > (wall(5.0, reflect=0.1) > 0).float().mean()


def test_holes_lie_on_both_sides_of_a_near_object_as_in_nyuv2():
    """Left of it where the projector (5 cm to the right of the color camera) does not reach, right of it where the
    infrared camera (2.5 cm to the left) does not see: traced ray by ray."""
    depth = torch.full((1, 1, 128), 4.0)
    depth[..., 60:80] = 1.2
    near_left, near_right = (1.2 * (column - 64) / FOCAL for column in (59.5, 79.5))
    expected = []
    for column in [*range(60), *range(80, 128)]:
        x = 4.0 * (column - 64) / FOCAL
        crossings = [place + (x - place) * 1.2 / 4.0 for place in (0.05, -0.025)]
        expected += [column] * any(near_left < crossing < near_right for crossing in crossings)
    hidden = shadowed(depth, FOCAL)[0, 0].nonzero().flatten().tolist()
    sides = [[column for column in columns if column < 70] for columns in (hidden, expected)]
    others = [[column for column in columns if column >= 70] for columns in (hidden, expected)]
    assert sides[0][-1] == 59
    assert others[0][0] == 80
    assert abs(len(sides[0]) - len(sides[1])) <= 1
    assert abs(len(others[0]) - len(others[1])) <= 1
    assert len(sides[1]) > len(others[1]) > 0


def test_frames_differ_in_noise_and_the_frame_of_the_image_is_empty():
    full = torch.ones(2, *SIZE)
    seen = sense(full * 2.5, full, full * 0.6, FOCAL, KEYS)
    assert not torch.equal(seen[0], seen[1])
    assert not seen[:, :8].any()
    assert not seen[..., :6].any()
    assert not seen[..., 123:].any()
