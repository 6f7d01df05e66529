"""The set loss of li2017: members, what comes back, and what doesn't count."""

import itertools
import math

import pytest
import torch

from depthbench import losses as L
from depthbench.errors import UserError
from depthbench.geometry import central_gradients
from depthbench.losses.set_transforms import AffineWarp, FlipWarp, Warp


def depth(batch=2, height=18, width=24):
    rows, columns = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    bumps = torch.stack([2 + (3 * rows + k).sin() + (2 * columns - k).cos() for k in range(batch)])
    return bumps.unsqueeze(1).float()


def test_the_set_is_ordered_member_by_member():
    loss = L.SetLoss(L.L2(), [L.Mirror(), L.ColorChange()])
    image = torch.rand(2, 3, 8, 10)
    images, record = loss.expand(image)
    assert images.shape == (6, 3, 8, 10)
    assert len(record) == 3
    assert torch.equal(images[:2], image)
    assert torch.equal(images[2:4], image.flip(-1))
    assert images[4:].min() >= 0 and images[4:].max() <= 1  # noqa: PT018


def test_equations_2_to_4():
    """Against loops over members and pairs, for the paper's set."""
    loss = L.SetLoss(L.L2(), [L.Mirror(), L.ColorChange()], weight=0.7)
    _, record = loss.expand(torch.rand(2, 3, 9, 11))
    target, valid = 1 + torch.rand(2, 1, 9, 11), torch.rand(2, 1, 9, 11) < 0.6
    predictions = [1 + torch.rand(2, 1, 9, 11) for _ in range(3)]
    back = [predictions[0], predictions[1].flip(-1), predictions[2]]
    single = sum((p - target)[valid].square().mean() for p in back) / 3
    pairs = sum((a - b)[valid].square().mean() for a, b in itertools.combinations(back, 2))
    value = loss(torch.cat(predictions), target * valid, valid, record)
    assert value.item() == pytest.approx((single + 0.7 * pairs * 2 / (3 * 2)).item(), rel=1e-5)
    assert loss.parts["single"].item() == pytest.approx(single.item(), rel=1e-5)


def test_predictions_that_follow_their_images_cost_nothing():
    """A map that moves as its image does is consistent up to the nearest pixel that it was taken from."""
    loss = L.SetLoss(L.L1(), [L.Mirror(), L.ColorChange(), L.Rotation(10), L.Translation(0.2)])
    target = depth()
    _, record = loss.expand(torch.rand(2, 3, 36, 48))
    value = loss(torch.cat([placement.forward(target)[0] for placement in record]), target, None, record)
    assert loss.parts["single"] == 0
    assert value < 0.05  # half a pixel on these slopes
    assert loss(target.repeat(5, 1, 1, 1), target, None, record) > 0.2


def test_what_left_the_frame_does_not_count():
    loss = L.SetLoss(L.L1(), [L.Translation(0.3)])
    target = depth()
    placement = AffineWarp(torch.zeros(2), torch.tensor([[0.25, 0.0], [0.0, -0.5]]))  # 6 columns, 9 rows
    followed, inside = placement.forward(target)
    for filler in (0.0, 99.0):
        members = torch.cat([target, followed.where(inside, filler)])
        assert loss(members, target, None, [Warp(), placement]) < 1e-5


def test_a_turn_and_its_undoing():
    angle, shift = torch.tensor([math.pi / 2, -math.pi / 2]), torch.zeros(2, 2)
    square = torch.rand(2, 1, 7, 7)
    placement = AffineWarp(angle, shift)
    turned, inside = placement.forward(square)
    assert inside.all()
    torch.testing.assert_close(turned[0], square[0].rot90(-1, (1, 2)))
    torch.testing.assert_close(turned[1], square[1].rot90(1, (1, 2)))
    back, inside = placement.inverse(turned)
    assert inside.all()
    torch.testing.assert_close(back, square, rtol=1e-4, atol=1e-5)


def test_a_shift_by_whole_pixels():
    placement = AffineWarp(torch.zeros(1), torch.tensor([[2 / 8, -1 / 6]]))
    target = torch.rand(1, 1, 6, 8)
    moved, inside = placement.forward(target)
    torch.testing.assert_close(moved[..., :5, 2:], target[..., 1:, :6])
    assert inside[..., :5, 2:].all()
    assert inside.sum() == 5 * 6
    back, inside = placement.inverse(moved)
    torch.testing.assert_close(back[..., 1:, :6], target[..., 1:, :6], rtol=1e-4, atol=1e-5)
    assert inside.sum() == 5 * 6


@pytest.mark.parametrize(
    "placement",
    [Warp(), FlipWarp(), AffineWarp(torch.tensor([math.pi / 2]), torch.zeros(1, 2))],
    ids=["still", "mirrored", "turned"],
)
def test_gradient_maps_follow_as_vectors(placement):
    """The gradients of a moved map are the moved gradients of the map."""
    surface = depth(1, 9, 9)
    gradients, _ = central_gradients(surface)
    followed, _ = placement.forward(gradients)
    wanted, _ = central_gradients(placement.forward(surface)[0])
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(followed[inner], wanted[inner])
    back, _ = placement.inverse(followed)
    torch.testing.assert_close(back, gradients, rtol=1e-4, atol=1e-5)


def test_a_set_of_gradient_maps():
    loss = L.SetLoss(L.GradientDistance("none"), [L.Mirror()])
    _, record = loss.expand(torch.rand(1, 3, 9, 9))
    gradients, mask = central_gradients(depth(1, 9, 9))
    both = torch.cat([gradients, record[1].forward(gradients)[0]])
    assert loss(both, gradients, mask, record) == 0
    both[1] = -both[1]
    assert loss(both, gradients, mask, record) > 0


def test_holes_of_the_truth_move_along():
    loss = L.SetLoss(L.L1(), [L.Translation(0.3)])
    _, record = loss.expand(torch.rand(2, 3, 18, 24))
    target, valid = depth(), torch.rand(2, 1, 18, 24) < 0.5
    followed = torch.cat([target, record[1].forward(target)[0]])
    loss(followed, target.masked_fill(~valid, 1e6), valid, record)
    assert loss.parts["single"] == 0


def test_gradients_reach_every_member():
    loss = L.SetLoss(L.L2(), [L.Mirror(), L.Rotation(5)])
    _, record = loss.expand(torch.rand(1, 3, 18, 24))
    prediction = torch.rand(3, 1, 18, 24, requires_grad=True)
    loss(prediction, depth(1), None, record).backward()
    assert (prediction.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
    assert prediction.grad.isfinite().all()


def test_without_a_record_it_is_the_plain_distance():
    prediction, target = torch.rand(2, 1, 5, 6), torch.rand(2, 1, 5, 6)
    assert torch.equal(L.SetLoss(L.L2(), [L.Mirror()])(prediction, target), L.L2()(prediction, target))


def test_a_wrong_number_of_predictions_is_refused():
    loss = L.SetLoss(L.L2(), [L.Mirror()])
    _, record = loss.expand(torch.rand(2, 3, 5, 6))
    with pytest.raises(UserError, match="needs 4 maps"):
        loss(torch.rand(2, 1, 5, 6), torch.rand(2, 1, 5, 6), None, record)
