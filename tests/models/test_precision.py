"""The precision that `trainer.precision=auto` takes, on processors with and without AMX."""

import pytest
import torch

from depthbench.models import DepthNet, DPTDecoder, Encoder, UNetDecoder, faster_precision, precision


@pytest.fixture(params=[True, False], ids=["amx", "no amx"])
def amx(request, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: request.param, raising=False)
    assert precision.has_amx() == request.param
    return request.param


@pytest.mark.parametrize(
    ("name", "pays"),
    [
        ("resnet34", True),
        ("densenet121", True),
        ("vgg16", True),
        ("mobilenetv2_100", False),
        ("efficientnet_b0", False),
        ("convnext_atto", False),
    ],
)
def test_auto_takes_bf16_on_cpus_with_amx_where_it_pays(name, pays, amx):
    with torch.device("meta"):
        net = DepthNet(Encoder(name, pretrained=False), UNetDecoder)
    assert faster_precision(net, "cpu") == ("bf16-mixed" if amx and pays else "32-true")
    assert faster_precision(net, "cuda") == "bf16-mixed"
    assert faster_precision(net, "mps") == "32-true"


def test_networks_that_were_not_measured_stay_in_float32(amx):
    with torch.device("meta"):
        encoder = Encoder(
            "vit_small_patch14_dinov2", pretrained=False, levels=[2, 5, 8, 11], options={"dynamic_img_size": True}
        )
        assert faster_precision(DepthNet(encoder, DPTDecoder), "cpu") == "32-true"


def test_a_torch_that_can_not_tell_has_no_amx(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not precision.has_amx()


def test_depth_stays_in_float32_where_the_network_does_not():
    net = DepthNet(Encoder("resnet10t", pretrained=False), UNetDecoder)
    seen = {}
    convolution = next(module for module in net.modules() if isinstance(module, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda module, given, output: seen.update(first=output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        depth = net.predict(torch.rand(2, 3, 64, 64))
    assert seen["first"] == torch.bfloat16
    assert depth.dtype == torch.float32
    steps = depth.flatten().diff().abs()
    assert depth.unique().numel() > depth.bfloat16().unique().numel() or (steps == 0).all()
