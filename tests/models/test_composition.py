"""Any decoder with any encoder that gives it the levels it needs; the rest is refused in a sentence."""

from functools import partial

import pytest
import torch

from depthbench.errors import UserError
from depthbench.models import (
    D3NetDecoder,
    Decoder,
    DenseDepthDecoder,
    DepthHead,
    DepthNet,
    DPTDecoder,
    Encoder,
    FPNDecoder,
    HuDecoder,
    InverseDepth,
    LeeDecoder,
    LogDepth,
    MetricDepth,
    TanhDepth,
    UNetDecoder,
    prefers_channels_last,
)

VIT = {"levels": [2, 5, 8, 11], "options": {"dynamic_img_size": True}}
SWIN = {"multiple": 4, "options": {"strict_img_size": False}}


@pytest.mark.parametrize(
    ("decoder", "name", "options"),
    [
        (D3NetDecoder, "mobilenetv2_100", {}),
        (DenseDepthDecoder, "resnet18", {}),
        (HuDecoder, "convnext_tiny", {}),
        (LeeDecoder, "efficientnet_b0", {"levels": [-1]}),
        (UNetDecoder, "vgg16", {}),
        (UNetDecoder, "pnasnet5large", {}),
        (UNetDecoder, "convnext_tiny", {}),
        (UNetDecoder, "swin_tiny_patch4_window7_224", SWIN),
        (UNetDecoder, "hrnet_w18_small", {"multiple": 32}),
        (FPNDecoder, "swin_tiny_patch4_window7_224", SWIN),
        (FPNDecoder, "densenet121", {}),
        (DPTDecoder, "vit_small_patch16_dinov3", {"levels": [2, 5, 8, 11]}),
        (DPTDecoder, "vit_small_patch14_dinov2", VIT),
        (DPTDecoder, "swin_tiny_patch4_window7_224", SWIN),
        (partial(DPTDecoder, out_channels=2), "convnext_tiny", {}),
    ],
)
def test_composes_at_an_odd_size(decoder, name, options):
    with torch.device("meta"):
        net = DepthNet(Encoder(name, pretrained=False, **options), decoder)
        assert net.predict(torch.zeros(1, 3, 97, 131)).shape == (1, 1, 97, 131)


@pytest.mark.parametrize(
    ("decoder", "name", "options", "message"),
    [
        (D3NetDecoder, "convnext_tiny", {}, "D3NetDecoder needs features at 1/2, 1/4"),
        (HuDecoder, "resnet18", {}, "HuDecoder needs features at 1/4.*gives 1/2"),
        (UNetDecoder, "vit_small_patch14_dinov2", VIT, "UNetDecoder needs features"),
        (partial(UNetDecoder, widths=(8, 8)), "resnet18", {}, "4 steps.*2 numbers"),
        (FPNDecoder, "vit_small_patch14_dinov2", VIT, "stride 4"),
        (DPTDecoder, "resnet18", {}, "four levels"),
        (partial(DPTDecoder, widths=(8,)), "convnext_tiny", {}, "four `widths`"),
    ],
)
def test_what_does_not_fit_says_so(decoder, name, options, message):
    with torch.device("meta"), pytest.raises(UserError, match=message):
        DepthNet(Encoder(name, pretrained=False, **options), decoder)


@pytest.mark.parametrize(
    ("decoder", "space", "depth", "message"),
    [
        (D3NetDecoder, MetricDepth(), 2.5, "D3NetDecoder has no bias"),
        (UNetDecoder, LogDepth(), 0, "start_depth=0 can't be expressed by Log"),
        (UNetDecoder, InverseDepth(), 0, "can't be expressed by InverseDepth"),
        (UNetDecoder, TanhDepth(10), 12, "can't be expressed by TanhDepth"),
    ],
)
def test_a_start_that_can_not_be_says_so(decoder, space, depth, message):
    encoder = Encoder("resnet10t", pretrained=False)
    with pytest.raises(UserError, match=message):
        DepthNet(encoder, decoder, space, start_depth=depth)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("mobilenetv2_100", True),
        ("efficientnet_b0", True),
        ("resnet18", False),
        ("densenet121", False),
        ("convnext_atto", False),
    ],
)
def test_the_layout_follows_the_encoder(name, last):
    with torch.device("meta"):
        assert prefers_channels_last(DepthNet(Encoder(name, pretrained=False), UNetDecoder)) == last


class OwnDecoder(Decoder):
    """A decoder by somebody who has not heard of DepthHead."""

    def __init__(self, channels, reductions):
        super().__init__(channels, reductions)
        self.head = torch.nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, features, image):
        return self.head(features[-1])


def test_the_head_of_ones_own_decoder_is_kept_in_float32():
    torch.manual_seed(3)
    net = DepthNet(Encoder("resnet10t", pretrained=False), OwnDecoder).eval()
    after = torch.rand(1)
    assert isinstance(net.decoder.head, DepthHead)
    torch.manual_seed(3)
    encoder = Encoder("resnet10t", pretrained=False)
    plain = OwnDecoder(channels=encoder.channels, reductions=encoder.reductions)
    assert torch.equal(plain.head.weight, net.decoder.head.weight)
    assert torch.equal(after, torch.rand(1))  # the exchange takes no random numbers
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        depth = net(torch.rand(1, 3, 320, 416))
    assert depth.dtype == torch.float32
    assert len(depth.unique()) > 0.9 * depth.numel()


@pytest.mark.parametrize(
    "space", [MetricDepth(), LogDepth(), InverseDepth(), TanhDepth()], ids=lambda s: type(s).__name__
)
def test_depth_has_no_terraces_in_bf16(space):
    """Around 4.9 m a bf16 output has steps of 2 to 4 cm: 5 to 19 different depths in this picture."""
    decoder = partial(UNetDecoder, widths=(32, 16, 8, 8))
    net = DepthNet(Encoder("resnet10t", pretrained=False), decoder, space, start_depth=4.9).eval()
    image = torch.rand(1, 3, 192, 256)
    with torch.no_grad():
        plain = net.to_depth(net(image))
        with torch.autocast("cpu", torch.bfloat16):
            depth = net.to_depth(net(image))
    assert len(depth.unique()) > 0.5 * len(plain.unique()) > 2000
    assert (depth - plain).abs().median() < 0.1 * plain.std()  # the features are in bf16 all the same


def test_strides_of_the_unet():
    features = [torch.zeros(1, c, s, s, device="meta") for c, s in ((8, 17), (16, 9), (24, 5))]
    for stride, widths, size in ((1, (8, 8, 8), 33), (2, (8, 8), 17), (4, (8,), 9)):
        decoder = UNetDecoder((8, 16, 24), (2, 4, 8), widths, stride).to("meta")
        assert decoder(features, torch.zeros(1, 3, 33, 33, device="meta")).shape == (1, 1, size, size)
