"""Relative depth as a second channel, and its fusion with ordinary depth."""

import pytest
import torch

from depthbench.data.frame import collate
from depthbench.errors import UserError
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.models import fuse_relative
from depthbench.training.trainer import build_task
from tests.tasks.test_tasks import Frames, composed, trained


def stairs(size=(48, 64)):
    """Steps on a ramp: depth with details."""
    rows, columns = torch.meshgrid(*(torch.linspace(0, 1, side) for side in size), indexing="ij")
    return (3 + columns + ((columns * 16).floor() + (rows * 12).floor()) % 2 * 0.5)[None, None]


def test_fusion_helps_where_ordinary_depth_is_blurred():
    """The ordinary map is right in the large, the relative one in the small; scale and shift are not told."""
    truth = stairs()
    blurred = torch.nn.functional.avg_pool2d(truth, 5, 1, 2, count_include_pad=False)
    output = torch.cat([blurred.log(), 0.2 * truth - 7], dim=1)
    errors = {}
    for fuse in ("{window:9,detail:5,ridge:1e-6}", "null"):
        task = build_task(composed("loss=relative", f"task.fuse={fuse}")).eval()
        task.net.forward = lambda image: output
        errors[fuse] = (task(torch.rand(1, 3, *truth.shape[-2:])) - truth).abs().mean()
    fused, alone = errors.values()
    assert fused < 0.7 * alone


def test_what_is_predicted_is_the_fusion_of_both_channels():
    task = build_task(composed("loss=relative")).eval()
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        output = task.net(image)
        fused = fuse_relative(output[:, :1].exp(), output[:, 1:], window=9, detail=3, ridge=1e-4)
        torch.testing.assert_close(task(image), resize_bilinear(fused.clamp(min=1e-3), (64, 96)))


@pytest.mark.parametrize("at", ["output", "input"])
def test_the_loss_is_that_of_both_channels(at):
    task = build_task(composed("loss=relative", f"task.supervise_at={at}", "task.relative_weight=0.3")).eval()
    batch = collate([Frames()[index] for index in range(3)])
    output = task.net(batch.image)
    size = (64, 96) if at == "input" else output.shape[-2:]
    output, depth = resize_bilinear(output, size), resize_nearest(batch.depth, size)
    ordinary = (output[:, :1].exp() - depth)[depth > 0].abs().mean()
    relative = task.relative_loss(output[:, 1:], depth, depth > 0)
    torch.testing.assert_close(task.measure(batch), ordinary + 0.3 * relative)
    shifted = task.relative_loss(output[:, 1:] + 4, depth, depth > 0)
    torch.testing.assert_close(shifted, relative, rtol=1e-3, atol=1e-4)  # what it can't know is not asked for


def test_both_channels_learn(tmp_path):
    task, before = trained(tmp_path, "loss=relative_ranking")
    head = task.net.decoder.head.weight
    assert all(not torch.equal(head[i], before["net.decoder.head.weight"][i]) for i in range(2))
    assert set(task.parts) == {"ordinary", "relative"}


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("task.fuse.window=8", "odd sides"),
        ("task.fuse.detail=-1", "odd sides"),
        ("+task.fuse.size=8", "takes window, detail and ridge"),
        ("task.relative_loss.weighting._target_=depthbench.losses.Rebalance", "can't change in training"),
    ],
)
def test_what_can_not_be_is_told(override, sentence):
    with pytest.raises(UserError, match=sentence):
        build_task(composed("loss=relative", override))


def test_a_network_with_one_channel_is_told():
    task = build_task(composed("loss=relative", "model.decoder.out_channels=1"))
    with pytest.raises(UserError, match="two output channels, got 1"):
        task(torch.rand(1, 3, 64, 96))
