"""Every network of conf/model: one small class each, which inherits its checks."""

import copy
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import ClassVar

import onnxruntime
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate

from depthbench import testing
from depthbench.errors import UserError
from depthbench.models import STAGES, DenseDepthDecoder, DepthHead, DepthModel, PredictModule

CONF = Path(__file__).resolve().parents[2] / "conf"


def make(config: str, *overrides: str) -> DepthModel:
    """A network of conf/model; the overrides are of the group ``model``."""
    full = [f"+model.{o[1:]}" if o.startswith("+") else f"model.{o}" for o in overrides]
    return make_as_written(config, full)


def make_as_written(config: str, overrides: Sequence[str]) -> DepthModel:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(f"model/{config}", ["model.encoder.pretrained=false", *overrides])
    return instantiate(cfg.model)


# The same families at a size that runs in no time, also in bf16 on CPUs that emulate it.
DENSENET = "encoder.name=densenet121", "+encoder.options.growth_rate=8", "+encoder.options.block_config=[2,2,2,2]"
RESNET = "encoder.name=resnet10t", "+encoder.options.stem_width=8", "+encoder.options.channels=[8,16,32,64]"


def exact_bias(head: DepthHead) -> torch.Tensor | None:
    return None if head.bias is None else head.bias.double()


def count(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def conv(inputs: int, outputs: int, side: int, bias: bool) -> int:
    """Parameters of a convolution."""
    return inputs * outputs * side**2 + outputs * bias


class NetworkChecks:
    config: ClassVar[str]
    decoder: ClassVar[int]  # parameters, by closed form
    encoder: ClassVar[int]  # parameters
    size: ClassVar[tuple[int, int]]  # of the paper's input, height by width
    output: ClassVar[tuple[int, ...]]  # at that size
    small: ClassVar[tuple[str, ...]] = ()  # overrides that make it fit for running here
    overfit_steps: ClassVar[int] = 200

    @pytest.fixture(scope="class")
    @classmethod
    def net(cls):
        torch.manual_seed(0)
        return make(cls.config, *cls.small)

    @pytest.fixture(scope="class")
    @classmethod
    def meta(cls):
        with torch.device("meta"):
            return make(cls.config)

    @pytest.fixture
    def image(self):
        return torch.rand(2, 3, 64, 96)

    def test_parameters(self, meta):
        assert count(meta.encoder) == self.encoder
        assert count(meta.decoder) == self.decoder

    def test_shapes(self, meta):
        assert meta(torch.zeros(1, 3, *self.size, device="meta")).shape[1:] == self.output

    @pytest.mark.parametrize("check", testing.NetworkChecks(torch.nn.Identity()).names())
    def test_it_does_what_every_network_must(self, net, check):
        testing.NetworkChecks(net).run(check)

    def test_train_and_eval_mode(self, net, image):
        net = copy.deepcopy(net).eval()
        before = copy.deepcopy(net.state_dict())

        def moved():
            return {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}

        with torch.no_grad():
            # In evaluation, images do not see each other and nothing is learned.
            torch.testing.assert_close(net(image)[1:], net(image[1:]), rtol=1e-4, atol=1e-5)
            assert not moved()
            assert net.train()(image).isfinite().all()
        assert moved() == {key for key in before if key.endswith(("running_mean", "running_var", "batches_tracked"))}

    def test_bf16_and_channels_last(self, net, image):
        net = net.eval()
        last = copy.deepcopy(net).to(memory_format=torch.channels_last)
        image = image[:1, :, :32, :32]  # CPUs without bf16 take their time
        with torch.no_grad():
            expected = net.predict(image)
            torch.testing.assert_close(last.predict(image), expected, rtol=1e-4, atol=1e-4)
            with torch.autocast("cpu", torch.bfloat16):
                depth = net.predict(image)
        assert depth.dtype == torch.float32
        torch.testing.assert_close(depth, expected, rtol=0.05, atol=0.05)

    def test_depth_keeps_float32_under_autocast(self, net):
        """Depth has as many distinct values as in float32, and nothing is rounded after the last features."""
        net, image = net.eval(), torch.rand(1, 3, 64, 96)
        heads = [m for m in net.modules() if isinstance(m, DepthHead)]
        seen = []
        hooks = [head.register_forward_hook(lambda m, x, y: seen.append((m, x[0], y))) for head in heads]
        with torch.no_grad():
            plain = net.to_depth(net(image))
            seen.clear()
            with torch.autocast("cpu", torch.bfloat16):
                output = net(image)
                depth = net.to_depth(output)
        for hook in hooks:
            hook.remove()
        assert output.dtype == depth.dtype == torch.float32
        assert len(depth.unique()) > 0.25 * len(plain.unique())
        assert {head for head, _, _ in seen} == set(heads)
        for head, features, made in seen:
            exact = head._conv_forward(features.double(), head.weight.double(), exact_bias(head))
            torch.testing.assert_close(made.double(), exact, rtol=1e-5, atol=1e-5 * exact.abs().max().item())

    @pytest.mark.slow
    def test_two_processes_give_the_gradients_of_one(self, net, image, two_processes):
        net = copy.deepcopy(net).double().eval()  # in training, each process normalizes by its own half
        image = image.double()
        net(image).square().mean().backward()
        for gradients in two_processes(net, image):
            for name, parameter in net.named_parameters():
                torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-5, atol=1e-10)

    @pytest.mark.slow
    def test_export(self, net, image, tmp_path):
        """torch.export of any batch, and ONNX made from it."""
        net = net.eval()
        program = torch.export.export(PredictModule(net), (image,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        path = tmp_path / "net.onnx"
        torch.onnx.export(program, verbose=False).save(path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        with torch.no_grad():
            for images in (image, torch.rand(3, *image.shape[1:])):
                expected = net.predict(images)
                torch.testing.assert_close(program.module()(images), expected, rtol=1e-4, atol=1e-4)
                (depth,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
                torch.testing.assert_close(torch.from_numpy(depth), expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.slow
    def test_compile(self, net, image):
        torch.compiler.reset()  # each network is a new one to the one code of forward
        net = net.eval()
        compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
        with torch.no_grad():
            torch.testing.assert_close(compiled(image), net(image), rtol=1e-4, atol=1e-4)

    @pytest.mark.slow
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_precision_training_stays_finite(self, net, dtype):
        """A hundred steps on noise; on a GPU where there is one."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        net = copy.deepcopy(net).to(device).train()
        optimizer = torch.optim.Adam(net.parameters(), 1e-4)
        scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
        image, depth = torch.rand(2, 3, 32, 40, device=device), 1 + 3 * torch.rand(2, 1, 32, 40, device=device)
        for _ in range(100):
            with torch.autocast(device, dtype):
                error = (net.predict(image) - depth).abs().mean()
            optimizer.zero_grad()
            scaler.scale(error).backward()
            scaler.step(optimizer)
            scaler.update()
            assert error.isfinite()
        assert all(p.isfinite().all() for p in net.parameters())
        assert dtype != torch.float16 or scaler.get_scale() >= 1  # it did not skip its way through

    @pytest.mark.slow
    def test_one_batch_can_be_overfitted(self, net, image):
        net = copy.deepcopy(net).train()
        ramp = torch.linspace(1.5, 3.5, 96).expand(1, 1, 64, 96)
        depth = torch.nn.functional.interpolate(torch.cat([ramp, ramp.flip(3)]), net(image).shape[-2:])
        target = net.space.from_depth(depth)
        constant = (target - target.median()).abs().mean()  # what one number for all pixels leaves
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, self.overfit_steps)
        for _ in range(self.overfit_steps):
            error = (target - net(image)[:, :1]).abs().mean()
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            schedule.step()
        assert error < 0.3 * constant


def d3net_decoder(*sizes: tuple[int, int]) -> int:
    """Transposed 4x4 with bias, BN, 3x3 without, BN; then 3x3 to one channel without bias."""
    blocks = sum(conv(i, o, 4, True) + 2 * o + conv(o, o, 3, False) + 2 * o for i, o in sizes)
    return blocks + conv(sizes[-1][1], 1, 3, False)


STEM = conv(64, 64, 4, False) + 2 * 64


class TestD3Net(NetworkChecks):
    config = "d3net"
    small = DENSENET
    encoder = 7_978_856 - 1_025_000 + STEM  # torchvision's count less the classifier
    decoder = d3net_decoder((1024, 512), (1024, 256), (512, 128), (256, 64), (128, 64))
    size = (256, 320)
    output = (1, 256, 320)

    def test_levels(self, meta):
        features = meta.encoder(torch.zeros(1, 3, 256, 320, device="meta"))
        assert [tuple(f.shape[1:]) for f in features] == [
            (64, 128, 160),
            (128, 64, 80),
            (256, 32, 40),
            (512, 16, 20),
            (1024, 8, 10),
        ]
        assert meta.encoder.reductions == (2, 4, 8, 16, 32)


class TestD3Net2018(TestD3Net):
    config = "d3net_2018"
    small = (*RESNET, "encoder.taps=null")

    def test_output_is_bounded(self, net, image):
        assert net(image).abs().max() <= 1
        assert (net.to_depth(net(image)) >= 0).all()


class TestD3NetResNet50(NetworkChecks):
    config = "d3net_resnet50"
    small = RESNET
    encoder = 25_557_032 - 2_049_000 + STEM
    decoder = d3net_decoder((2048, 1024), (2048, 512), (1024, 256), (512, 64), (128, 64))
    size = (256, 320)
    output = (1, 256, 320)


class TestD3Net2018ResNet50(TestD3NetResNet50):
    config = "d3net_2018_resnet50"


def unet_decoder(skips: tuple[int, ...], widths: tuple[int, ...]) -> int:
    """Two 3x3 convolutions without bias, each with BN, per step; 3x3 to one channel with bias."""
    total = conv(widths[-1], 1, 3, True)
    for below, skip, width in zip((skips[0], *widths), skips[1:], widths, strict=False):
        total += conv(below + skip, width, 3, False) + conv(width, width, 3, False) + 4 * width
    return total


class TestUNet(NetworkChecks):
    config = "unet"
    small = ("encoder.name=mobilenetv2_035", "decoder.widths=[16,16,8,8]")
    encoder = 1_811_712
    decoder = unet_decoder((320, 96, 32, 24, 16), (128, 64, 32, 16))
    size = (480, 640)
    output = (1, 240, 320)

    def test_untrained_starts_at_a_typical_depth(self, net, image):
        assert 1 < net.eval().predict(image).median() < 6


class TestSmall(NetworkChecks):
    config = "small"
    encoder = 4_922_488
    decoder = unet_decoder((512, 256, 128, 64, 64), (96, 64, 32, 16))
    size = (96, 128)
    output = (1, 48, 64)


class TestDenseDepth(NetworkChecks):
    """alhashim2018: 42.6 M parameters and the shapes of table 5."""

    config = "densedepth"
    small = DENSENET
    encoder = 14_149_480 - 1_665_000
    decoder = 42_657_689 - encoder
    size = (480, 640)
    output = (1, 240, 320)
    # LAYER: OUTPUT of table 5, height x width x channels
    levels: ClassVar = [(240, 320, 64), (120, 160, 64), (60, 80, 128), (30, 40, 256), (15, 20, 1664)]
    channels = (64, 64, 128, 256, 1664)
    blocks: ClassVar = [(30, 40, 1920, 832), (60, 80, 960, 416), (120, 160, 480, 208), (240, 320, 272, 104)]

    def test_table_5(self, meta):
        image = torch.zeros(1, 3, 480, 640, device="meta")
        seen = []
        hooks = [
            block.register_forward_hook(lambda _module, inputs, output: seen.append((inputs[0], output)))
            for block in meta.decoder.blocks
        ]
        features = meta.encoder(image)
        meta.decoder(features, image)
        for hook in hooks:
            hook.remove()
        assert [(*f.shape[2:], f.shape[1]) for f in features] == self.levels
        assert [(*x.shape[2:], x.shape[1], y.shape[1]) for x, y in seen] == self.blocks
        assert meta.decoder.reduce.weight.shape == (1664, 1664, 1, 1)
        assert round(count(meta) / 1e6, 1) == 42.7  # 42.66: the paper's "approximately 42.6"

    def test_released_default_is_the_half_decoder(self):
        decoder = DenseDepthDecoder(self.channels, (2, 4, 8, 16, 32), width=0.5)
        widths = [decoder.reduce.out_channels, *(block[0].out_channels for block in decoder.blocks)]
        assert widths == [832, 416, 208, 104, 52]

    @pytest.mark.parametrize(("variant", "activations"), [("paper", 1), ("keras", 2), ("pytorch", 1)])
    def test_variants(self, variant, activations):
        decoder = DenseDepthDecoder(self.channels, (2, 4, 8, 16, 32), variant=variant)
        assert sum(isinstance(m, torch.nn.LeakyReLU) for m in decoder.blocks[0]) == activations
        assert decoder.align_corners == (variant == "pytorch")

    def test_without_skips(self):
        net = make(self.config, *self.small, "decoder.skips=false")
        assert net.decoder.blocks[0][0].in_channels == net.encoder.channels[-1]
        assert net(torch.rand(1, 3, 67, 101)).shape == (1, 1, 34, 51)

    def test_depth_is_clipped_at_the_range(self, net, image):
        depth = net.eval().predict(image)
        assert 0.1 <= depth.min() <= depth.max() <= 10


def hu_decoder(widths: tuple[int, ...], levels: tuple[int, ...], fused: int = 64) -> int:
    """1x1, up-projections along widths, up-projections of levels to 16, 5x5 fusion, refinement of three 5x5."""

    def up(inputs: int, outputs: int) -> int:
        return 2 * conv(inputs, outputs, 5, False) + conv(outputs, outputs, 3, False) + 3 * 2 * outputs

    decode = conv(levels[-1], widths[0], 1, False) + 2 * widths[0]
    decode += sum(up(i, o) for i, o in pairwise(widths))
    fuse = sum(up(level, 16) for level in levels) + conv(fused, fused, 5, False) + 2 * fused
    both = fused + widths[-1]
    return decode + fuse + 2 * (conv(both, both, 5, False) + 2 * both) + conv(both, 1, 5, True)


class TestHu(NetworkChecks):
    config = "hu"
    small = RESNET
    encoder = 115_088_984 - 2_049_000  # SENet-154's published count less the classifier
    decoder = hu_decoder((1024, 512, 256, 128, 64), (256, 512, 1024, 2048))
    size = (228, 304)
    output = (1, 114, 152)

    def test_resnet50(self):
        with torch.device("meta"):
            net = make(self.config, "encoder.name=resnet50")
            assert net(torch.zeros(1, 3, 228, 304)).shape == (1, 1, 114, 152)
        assert count(net.encoder) == 25_557_032 - 2_049_000
        assert count(net.decoder) == self.decoder


class TestHuDenseNet161(NetworkChecks):
    config = "hu_densenet161"
    small = DENSENET
    encoder = 28_681_000 - 2_209_000
    decoder = hu_decoder((1104, 552, 276, 138, 69), (192, 384, 1056, 2208))
    size = (228, 304)
    output = (1, 114, 152)

    def test_taps_precede_the_pooling(self, meta):
        features = meta.encoder(torch.zeros(1, 3, 228, 304, device="meta"))
        assert [tuple(f.shape[1:]) for f in features] == [(192, 57, 76), (384, 28, 38), (1056, 14, 19), (2208, 7, 9)]


def lee_decoder(inputs: int) -> int:
    widths = (1024, 512, 256, 128, 64, 32)
    blocks = sum(conv(i, o, 3, True) + conv(o, o, 3, True) for i, o in pairwise(widths))
    return conv(inputs, 1024, 1, True) + blocks + conv(32, 1, 3, True)


class TestLee(NetworkChecks):
    config = "lee"
    small = (*RESNET, "+decoder.widths=[64,32,16,16,8,8]")
    encoder = 28_681_000 - 2_209_000
    decoder = lee_decoder(2208)
    size = (288, 384)
    output = (1, 288, 384)
    overfit_steps = 400

    @pytest.mark.slow  # that they compose is tested below
    @pytest.mark.parametrize(
        ("name", "channels"),
        [("pnasnet5large", 4320), ("vgg16", 512), ("resnet50", 2048), ("legacy_senet154", 2048)],
    )
    def test_the_papers_other_encoders(self, name, channels):
        with torch.device("meta"):
            net = make(self.config, f"encoder.name={name}")
            image = torch.zeros(1, 3, 288, 384)
            assert net.encoder(image)[0].shape == (1, channels, 9, 12)
            assert net(image).shape == (1, 1, 288, 384)
        assert count(net.decoder) == lee_decoder(channels)


def dpt_decoder(channels: tuple[int, ...], widths: tuple[int, ...], plain: bool) -> int:
    """Projections, 3x3 to the fusion of width 64, resampling of plain transformers, seven residual units, head."""
    levels = sum(conv(c, w, 1, True) + conv(w, 64, 3, False) for c, w in zip(channels, widths, strict=True))
    # Transposed 4x4 and 2x2, strided 3x3.
    resampling = conv(widths[0], widths[0], 4, True) + conv(widths[1], widths[1], 2, True)
    resampling += conv(widths[3], widths[3], 3, True)
    fusion = 7 * 2 * conv(64, 64, 3, True) + 4 * conv(64, 64, 1, True)
    head = conv(64, 32, 3, True) + conv(32, 32, 3, True) + conv(32, 1, 1, True)
    return levels + (resampling if plain else 0) + fusion + head


class TestDPT(NetworkChecks):
    config = "dpt"
    small = (
        "encoder.name=vit_tiny_patch16_224",
        "encoder.levels=[0,1,2,3]",
        "+encoder.options.embed_dim=48",
        "+encoder.options.depth=4",
        "decoder.widths=[8,8,16,16]",
        "decoder.fusion_width=16",
    )
    encoder = 22_056_576 - 3 * 384  # DINOv2 small's published count less mask token and last norm
    size = (252, 322)
    output = (1, 252, 322)
    decoder = dpt_decoder((384,) * 4, (48, 96, 192, 384), plain=True)

    def test_reassembled_sizes(self, meta):
        features = meta.encoder(torch.zeros(1, 3, 252, 322, device="meta"))
        assert [f.shape[2:] for f in features] == [(18, 23)] * 4
        sizes = [block(f).shape[2:] for block, f in zip(meta.decoder.reassemble, features, strict=True)]
        assert sizes == [(72, 92), (36, 46), (18, 23), (9, 12)]


class TestDPTOnDINOv3(NetworkChecks):
    config = "dpt_dinov3"
    small = (
        "encoder.levels=[0,1,2,3]",
        "+encoder.options.embed_dim=48",
        "+encoder.options.depth=4",
        "+encoder.options.num_heads=2",
        "decoder.widths=[8,8,16,16]",
        "decoder.fusion_width=16",
    )
    # Patches and 5 tokens; of each block two norms, query, key and value (no bias), output, two scales, a wide layer.
    encoder = conv(3, 384, 16, True) + 5 * 384
    encoder += 12 * (2 * 2 * 384 + 3 * 384**2 + conv(384, 384, 1, True) + 2 * 384 + 2 * 4 * 384**2 + 5 * 384)
    decoder = dpt_decoder((384,) * 4, (48, 96, 192, 384), plain=True)
    size = (256, 320)
    output = (1, 256, 320)


class TestDPTOnConvNeXt(NetworkChecks):
    config = "dpt_convnext"
    small = (
        "encoder.name=convnext_atto",
        "encoder.options={dims:[8,16,32,64]}",
        "decoder.widths=[8,8,16,16]",
        "decoder.fusion_width=16",
    )
    encoder = 28_589_128 - 769_000 - 2 * 768  # less the classifier and its norm
    decoder = dpt_decoder((96, 192, 384, 768), (96, 192, 384, 768), plain=False)
    size = (256, 320)
    output = (1, 256, 320)


def fpn_decoder(channels: tuple[int, ...], width: int) -> int:
    smooth = conv(1, width, 5, False) + conv(width, width, 1, False) + 2 * width
    return sum(conv(c, width, 1, True) + smooth for c in channels) + smooth + conv(width, 1, 3, True)


class TestFPN(NetworkChecks):
    config = "fpn"
    small = ("encoder.name=convnext_atto", "+encoder.options.dims=[8,16,32,64]", "decoder.width=16")
    encoder = 28_589_128 - 769_000 - 2 * 768  # less the classifier and its norm
    decoder = fpn_decoder((96, 192, 384, 768), 96)
    size = (480, 640)
    output = (1, 120, 160)


class TestUncertain(NetworkChecks):
    config = "uncertain"
    small = (*RESNET, "decoder.widths=[16,16,8,8]")
    encoder = TestUNet.encoder
    decoder = TestUNet.decoder + conv(16, 1, 3, True)
    size = (480, 640)
    output = (2, 240, 320)


def two_stream_parts(channels: int) -> dict[str, int]:
    """Parameters of one stream with VGG-16, 64 channels and 4096 units (text of section 3.1; widths are ours)."""
    first, inner, last = conv(3, 64, 9, True), conv(64, 64, 5, True), conv(64, channels, 5, True)
    skips = conv(256, 64, 5, True) + conv(512, 64, 5, True)
    joins = 2 * conv(128, 64, 5, True) + conv(64 + channels, 64, 5, True)
    return {
        "parsing": 14_714_688 + conv(512 * 7 * 9, 4096, 1, True) + conv(4096, 55 * 75 * channels, 1, True),
        "fusion": first + skips + joins + 4 * inner + last,
        "refinement": first + 3 * inner + conv(64 + channels, 64, 5, True) + last,
    }


class TestTwoStream(NetworkChecks):
    config = "two_stream"
    small = (*RESNET, "encoder.taps=[layer2,layer3,layer4]", "units=32", "width=16")
    size = (232, 310)
    output = (1, 111, 150)
    overfit_steps = 550  # dropout in both streams

    def test_parameters(self, meta):
        for channels, stream in ((1, meta.depth), (2, meta.gradient)):
            assert {name: count(part) for name, part in stream.named_children()} == two_stream_parts(channels)

    def test_shapes(self, meta):
        image = torch.zeros(1, 3, *self.size, device="meta")
        assert meta.predict(image).shape == (1, 1, *self.size)
        features = meta.depth.parsing.encoder(image)
        assert [tuple(f.shape[1:]) for f in features] == [(256, 29, 38), (512, 14, 19), (512, 7, 9)]
        for stage, size in (("fusion", (55, 75)), ("refinement", (111, 150)), ("joint", (111, 150))):
            maps = meta.maps(image, stage)
            assert (maps.depth.shape, maps.gradient.shape) == ((1, 1, *size), (1, 2, *size))
            assert (maps.combined is None) == (stage != "joint")

    def test_resnet50_is_reduced_before_the_connected_layers(self):
        with torch.device("meta"):
            net = make(self.config, "encoder.name=resnet50", "encoder.taps=[layer2,layer3,layer4]")
            assert net(torch.zeros(1, 3, 232, 310)).shape == (1, 1, 111, 150)
        assert net.depth.parsing.connect[0].in_features == 512 * 7 * 9

    @pytest.mark.parametrize("stage", STAGES)
    def test_a_stage_trains_its_blocks_only(self, net, image, stage):
        net = copy.deepcopy(net)
        net.set_stage(stage)
        maps = net.maps(image, stage)
        (maps.depth.sum() + maps.gradient.sum() + (0 if maps.combined is None else maps.combined.sum())).backward()
        reached = {name for name, p in net.named_parameters() if p.grad is not None}
        blocks = {
            "fusion": ("depth.parsing.", "depth.fusion.", "gradient.parsing.", "gradient.fusion."),
            "refinement": ("depth.refinement.", "gradient.refinement."),
            "combination": ("combination.",),
            "joint": ("",),
        }[stage]
        assert reached == {name for name, _ in net.named_parameters() if name.startswith(blocks)}
        assert net.combination.before.training == (stage in ("combination", "joint"))

    def test_unknown_stage(self, net):
        with pytest.raises(UserError, match="stages are fusion, refinement, combination, joint"):
            net.set_stage("last")


def subclasses(cls: type) -> list[type]:
    return [c for sub in cls.__subclasses__() for c in (sub, *subclasses(sub))]


def test_every_network_has_its_class():
    assert {c.config for c in subclasses(NetworkChecks)} == {path.stem for path in (CONF / "model").glob("*.yaml")}


def alternatives() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The options that each configuration names behind "# Or:", with commas as in a sweep."""
    for path in sorted((CONF / "model").glob("*.yaml")):
        for line in re.findall(r"^# Or: (.*?)(?: \(|$)", path.read_text(), re.MULTILINE):
            choices = []
            for override in OverridesParser.create().parse_overrides(line.split()):
                sweep = override.is_sweep_override()
                values = override.sweep_string_iterator() if sweep else [override.get_value_element_as_str()]
                choices.append([f"{override.get_key_element()}={value}" for value in values])
            yield from ((path.stem, overrides) for overrides in product(*choices))


@pytest.mark.parametrize(("config", "overrides"), list(alternatives()))
def test_every_alternative_that_a_configuration_names(config, overrides):
    with torch.device("meta"):
        assert make_as_written(config, overrides).predict(torch.zeros(1, 3, 97, 131)).shape == (1, 1, 97, 131)
