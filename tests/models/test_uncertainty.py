import math
from functools import partial

import pytest
import torch
from torch import nn

from depthbench.errors import UserError
from depthbench.models import (
    DepthNet,
    Encoder,
    LogDepth,
    MetricDepth,
    TanhDepth,
    UNetDecoder,
    dropout_on,
    predict_uncertain,
)


def make(dropout: float = 0.0, out_channels: int = 2, space: MetricDepth | None = None) -> DepthNet:
    decoder = partial(UNetDecoder, widths=(8, 8, 8, 8), out_channels=out_channels)
    return DepthNet(Encoder("resnet10t", pretrained=False), decoder, space, dropout=dropout).eval()


def constant(net: DepthNet, *values: float) -> DepthNet:
    nn.init.zeros_(net.decoder.head.weight)
    net.decoder.head.bias.data = torch.tensor(values)
    return net


@pytest.mark.parametrize(("likelihood", "deviation"), [("gaussian", 0.3), ("laplace", math.sqrt(2) * 0.09)])
def test_aleatoric_in_metres(likelihood, deviation):
    net = constant(make(), 2.0, 2 * math.log(0.3))
    maps = predict_uncertain(net, torch.rand(2, 3, 65, 97), samples=0, likelihood=likelihood)
    assert [m.shape for m in maps] == [(2, 1, 65, 97)] * 3
    torch.testing.assert_close(maps.depth, torch.full_like(maps.depth, 2.0))
    torch.testing.assert_close(maps.aleatoric, torch.full_like(maps.depth, deviation))
    assert not maps.epistemic.any()


def test_aleatoric_of_other_spaces():
    bounded = predict_uncertain(
        constant(make(space=TanhDepth(10)), 0.0, 2 * math.log(0.1)), torch.rand(1, 3, 64, 64), 0
    )
    torch.testing.assert_close(bounded.aleatoric, torch.full_like(bounded.depth, 0.5))
    log = predict_uncertain(constant(make(space=LogDepth()), 0.0, 2 * math.log(0.1)), torch.rand(1, 3, 64, 64), 0)
    torch.testing.assert_close(log.aleatoric, torch.full_like(log.depth, math.sinh(0.1)))


def test_the_second_channel_is_not_bounded():
    net = constant(make(space=TanhDepth()), 50.0, -7.0)
    output = net(torch.rand(1, 3, 64, 64))
    assert output[:, 0].unique().tolist() == [1]
    assert output[:, 1].unique().tolist() == [-7]


def test_epistemic_is_the_spread_of_the_samples():
    net = make(dropout=0.5, out_channels=1)
    image = torch.rand(1, 3, 64, 64)
    torch.manual_seed(3)
    maps = predict_uncertain(net, image, samples=5)
    torch.manual_seed(3)
    with dropout_on(net), torch.no_grad():
        depths = torch.stack([net(image) for _ in range(5)])
    spread = nn.functional.interpolate(depths.std(dim=0, correction=0), (64, 64), mode="bilinear")
    torch.testing.assert_close(maps.epistemic, spread)
    assert maps.epistemic.mean() > 0
    assert not maps.aleatoric.any()


def test_only_dropout_is_switched():
    net = make(dropout=0.5)
    with dropout_on(net):
        assert [m for m in net.modules() if m.training] == [net.dropout]
    assert not any(m.training for m in net.modules())


def test_without_dropout():
    with pytest.raises(UserError, match="dropout"):
        predict_uncertain(make(), torch.rand(1, 3, 64, 64))
