import socket
import time

import pytest
import timm
import torch
from huggingface_hub import constants as hub
from safetensors.torch import save_file
from torch import nn

from depthbench.errors import UserError
from depthbench.models import Encoder
from depthbench.models.pretrained import current_name

DENSENET = ["features.norm0", "features.transition1.conv", "features.transition2.conv", "features.transition3.conv"]


def test_normalizes_as_its_weights_expect():
    encoder = Encoder("resnet10t", pretrained=False).eval()
    image = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    for ours, theirs in zip(encoder(image), encoder.net((image - mean) / std), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_own_mean_and_std_and_pnasnets():
    with torch.device("meta"):
        assert Encoder("resnet10t", pretrained=False, mean=[0, 0, 0], std=[1, 1, 1]).std.shape == (1, 3, 1, 1)
    assert timm.get_pretrained_cfg("pnasnet5large").mean == (0.5, 0.5, 0.5)


def test_levels():
    encoder = Encoder("resnet10t", pretrained=False, levels=[1, 3])
    assert (encoder.channels, encoder.reductions) == ((64, 256), (4, 16))
    assert [f.shape[1] for f in encoder(torch.rand(1, 3, 65, 97))] == [64, 256]


def test_taps_are_the_outputs_of_the_named_modules():
    encoder = Encoder("densenet121", pretrained=False, taps=DENSENET).eval()
    seen = {}
    backbone = timm.create_model("densenet121", num_classes=0).eval()
    flat = {key.replace(".", "_"): value for key, value in backbone.state_dict().items()}
    for key, value in encoder.net.steps.state_dict().items():
        flat[key.replace(".", "_")].copy_(value)
    for name in DENSENET:
        backbone.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update({name: output.clone()})
        )
    image = torch.rand(1, 3, 65, 97)
    backbone((image - encoder.mean) / encoder.std)
    for feature, name in zip(encoder(image), DENSENET, strict=True):
        torch.testing.assert_close(feature, seen[name])
    assert encoder.channels == (64, 128, 256, 512)


def test_conv4x4_stem():
    encoder = Encoder("resnet18", pretrained=False, stem="conv4x4")
    convolution, norm, activation = encoder.net.steps.maxpool
    assert convolution.weight.shape == (64, 64, 4, 4)
    assert convolution.bias is None
    assert isinstance(norm, nn.BatchNorm2d)
    assert activation.negative_slope == 0.2
    assert encoder.net.steps.act1.negative_slope == 0.2
    assert encoder.reductions == (2, 4, 8, 16, 32)
    densenet = Encoder("densenet121", pretrained=False, stem="conv4x4", taps=[*DENSENET, "features.norm5"])
    leaky = [name for name, module in densenet.net.named_modules() if isinstance(module, nn.LeakyReLU)]
    assert leaky == ["steps.features_norm0.act", "steps.features_pool0.2", "steps.features_norm5.act"]


def test_a_transformer_gets_whole_patches():
    options = {"dynamic_img_size": True, "embed_dim": 24, "num_heads": 2, "depth": 2, "mlp_ratio": 1}
    encoder = Encoder("vit_tiny_patch16_224", pretrained=False, levels=[0, 1], options=options)
    assert [f.shape for f in encoder(torch.rand(1, 3, 65, 97))] == [(1, 24, 5, 7)] * 2


def test_frozen_keeps_parameters_and_statistics():
    encoder = Encoder("resnet10t", pretrained=False, frozen=True).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert not any(p.requires_grad for p in encoder.parameters())
    encoder(torch.rand(2, 3, 64, 64))
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("taps", [None, ["act1", "layer4"]])
def test_local_weights(tmp_path, suffix, taps):
    backbone = timm.create_model("resnet10t")
    path = tmp_path / f"weights.{suffix}"
    save = save_file if suffix == "safetensors" else torch.save
    save(backbone.state_dict(), path)
    encoder = Encoder("resnet10t", pretrained=path, taps=taps).eval()
    image = torch.rand(1, 3, 64, 64)
    expected = backbone.eval().forward_features((image - encoder.mean) / encoder.std)
    torch.testing.assert_close(encoder(image)[-1], expected)


@pytest.mark.parametrize("taps", [None, ["layer3", "layer4"]])
def test_local_weights_may_lack_the_classifier(tmp_path, taps):
    backbone = timm.create_model("resnet10t")
    state = {key: value for key, value in backbone.state_dict().items() if "fc" not in key}
    save_file(state, tmp_path / "w.safetensors")
    loaded = Encoder("resnet10t", pretrained=tmp_path / "w.safetensors", taps=taps).state_dict()
    for key, value in state.items():
        assert any(name.endswith(key) and torch.equal(value, loaded[name]) for name in loaded), key


def test_weights_that_differ_are_refused_by_name(tmp_path):
    state = timm.create_model("resnet10t").state_dict()
    state["layer9.weight"] = state.pop("layer1.0.conv1.weight")
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"1 missing \(layer1\.0\.conv1\.weight\); 1 unknown \(layer9\.weight\)"):
        Encoder("resnet10t", pretrained=tmp_path / "weights.pth")


def test_weights_of_another_shape_are_refused(tmp_path):
    state = timm.create_model("mobilenetv2_100").state_dict()
    state["conv_stem.weight"] = torch.zeros(32, 3, 5, 5)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"(?s)do not fit mobilenetv2_100.*conv_stem"):
        Encoder("mobilenetv2_100", pretrained=tmp_path / "weights.pth")


def test_unreadable_weights(tmp_path):
    with pytest.raises(UserError, match="no file of weights"):
        Encoder("resnet10t", pretrained=tmp_path / "absent.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match="can't be read"):
        Encoder("resnet10t", pretrained=tmp_path / "broken.safetensors")


def test_without_a_network(monkeypatch):
    create = timm.create_model

    def refuse(name, pretrained, **options):
        if pretrained:
            raise OSError("no network")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(UserError, match=r"'resnet18' can't be downloaded \(OSError\).*local"):
        Encoder("resnet18")


@pytest.fixture
def unreachable_hub(monkeypatch, tmp_path):
    """The hub's client with a cache of its own, where nobody answers."""
    with socket.socket() as closed:  # a port that was free a moment ago
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(hub, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_an_unreachable_hub_is_told_at_once(unreachable_hub):
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"'resnet18' can't be downloaded .* connect to the network"):
        Encoder("resnet18")
    assert time.monotonic() - begun < 10  # the client's own retries take 46 seconds
    assert not hub.HF_HUB_OFFLINE


def test_cached_weights_need_no_network(unreachable_hub):
    net = timm.create_model("resnet10t")
    folder = unreachable_hub / "models--timm--resnet10t.c3_in1k"
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    save_file(net.state_dict(), folder / "snapshots" / ("0" * 40) / "model.safetensors")
    torch.testing.assert_close(Encoder("resnet10t").net.conv1[0].weight, net.conv1[0].weight)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet_fifty"}, "nearest"),
        ({"name": "resnet10t", "taps": ["layer9"]}, "layer9"),
        ({"name": "resnet10t", "taps": ["layer1"], "levels": [1]}, "both"),
        ({"name": "mobilenetv2_035", "stem": "conv4x4"}, "max-pool"),
        ({"name": "resnet10t", "stem": "conv5x5"}, "conv5x5 is unknown"),
        ({"name": "resnet10t", "levels": [9]}, "can't make 'resnet10t'.*index out of range"),
        ({"name": "resnet10t", "options": {"depth": 9}}, "can't make 'resnet10t'.*depth"),
        ({"name": "vit_tiny_patch16_224"}, "does not take images of 97x131.*dynamic_img_size"),
        ({"name": "swin_tiny_patch4_window7_224"}, "does not take images of 97x131.*strict_img_size"),
        ({"name": "hrnet_w18_small"}, "does not take images of 97x131.*`multiple`"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(UserError, match=message):
        Encoder(pretrained=False, **arguments)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("densenet121", "densenet121"),
        ("mobilenetv2_100", "mobilenetv2_100"),
        pytest.param("densenet169", "densenet169_convs_fp16", marks=pytest.mark.slow),
    ],
)
def test_real_weights(shared, name, file):
    path = shared / "weights" / f"{file}.safetensors"
    encoder = Encoder(name, pretrained=path)
    assert all(p.dtype == torch.float32 for p in encoder.parameters())
    # timm's own way to load the file, on an image of structure.
    image = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    peer = timm.create_model(name, features_only=True, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    for ours, theirs in zip(encoder.eval()(image), peer.eval()((image - encoder.mean) / encoder.std), strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.std() > 0


def test_d3net_takes_real_weights(shared):
    path = shared / "weights" / "densenet121.safetensors"
    encoder = Encoder("densenet121", pretrained=path, taps=DENSENET, stem="conv4x4")
    state = timm.models.load_state_dict(str(path), weights_only=True)
    torch.testing.assert_close(encoder.net.steps.features_conv0.weight, state["features.conv0.weight"])
    key = "denseblock3.denselayer24.conv2.weight"
    torch.testing.assert_close(encoder.net.get_parameter(f"steps.features_{key}"), state[f"features.{key}"])


RENAMED = sorted(name for name, new in timm.models.get_deprecated_models().items() if new)


def _known(name):
    return timm.is_model(name) and (name in timm.list_pretrained() or name in timm.list_models())


def test_every_older_name_has_a_newer_one():
    assert len(RENAMED) > 100
    lost = []
    for name in RENAMED:
        if not _known(timm.models.get_deprecated_models()[name]):  # a few of timm's own replacements do not exist
            lost.append(name)
            with pytest.raises(UserError, match=f"no model '{name}', nor .*nearest: "):
                current_name(name)
            continue
        with pytest.warns(UserWarning, match=f"has renamed '{name}'"):
            new = current_name(name)
        assert current_name(new) == new
        assert timm.get_pretrained_cfg(new) is not None
    assert len(lost) < 10


@pytest.mark.parametrize("name", ["tv_resnet34", "gluon_resnet18_v1b", "ssl_resnet18"])
def test_older_names_of_timm_are_taken(name):
    with pytest.warns(UserWarning, match="timm has renamed"):
        encoder = Encoder(name, pretrained=False)
    assert encoder.name == timm.models.get_deprecated_models()[name]
    config = timm.get_pretrained_cfg(encoder.name)
    assert encoder.mean.flatten().tolist() == pytest.approx(config.mean)
    assert encoder.channels == Encoder(encoder.name, pretrained=False).channels


def test_removed_names_are_told(monkeypatch):
    monkeypatch.setattr(timm.models, "get_deprecated_models", lambda: {"resnet18": None})
    with pytest.raises(UserError, match="removed the model 'resnet18'"):
        current_name("resnet18")


def test_a_flipped_bit_of_local_weights_is_found(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(timm.create_model("resnet10t", pretrained=False).state_dict(), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"the checksum of .* is wrong"):
        Encoder("resnet10t", pretrained=path)
