from functools import partial

import pytest
import torch
from torch import nn

from depthbench.errors import UserError
from depthbench.models import DepthNet, Encoder, TwoStreamNet, UNetDecoder, parameter_groups


def make(**options) -> DepthNet:
    return DepthNet(Encoder("resnet10t", pretrained=False, **options), partial(UNetDecoder, widths=(8, 8, 8, 8)))


def test_the_encoder_learns_slower():
    net = make()
    encoder, rest = parameter_groups(net, lr=1e-3, encoder_factor=0.1)
    assert (encoder["lr"], rest["lr"]) == (pytest.approx(1e-4), 1e-3)
    assert {id(p) for p in encoder["params"]} == {id(p) for p in net.encoder.parameters()}
    assert {id(p) for p in rest["params"]} == {id(p) for p in net.decoder.parameters()}
    torch.optim.AdamW([encoder, rest])


def test_every_encoder_of_a_network_learns_slower():
    def encoder() -> Encoder:
        return Encoder("resnet10t", pretrained=False, taps=["layer2", "layer3", "layer4"])

    net = TwoStreamNet(encoder, units=8, width=4)
    slow, rest = parameter_groups(net, lr=1e-3)
    both = [stream.parsing.encoder for stream in (net.depth, net.gradient)]
    assert {id(p) for p in slow["params"]} == {id(p) for encoder in both for p in encoder.parameters()}
    assert len(slow["params"]) + len(rest["params"]) == len(list(net.parameters()))


def test_a_frozen_encoder_stays_out_and_stays_as_it_is():
    net = make(frozen=True).train()
    (group,) = parameter_groups(net, lr=1e-2)
    before = {key: value.clone() for key, value in net.encoder.state_dict().items()}
    optimizer = torch.optim.AdamW([group])
    start = net.decoder.head.weight.clone()
    net(torch.rand(2, 3, 64, 64)).mean().backward()
    optimizer.step()
    assert not torch.equal(net.decoder.head.weight, start)
    for key, value in net.encoder.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_mistakes():
    with pytest.raises(UserError, match="has none"):
        parameter_groups(nn.Linear(1, 1), lr=1)
    with pytest.raises(UserError, match="frozen"):
        parameter_groups(make().requires_grad_(False), lr=1)
