import random

import pytest
import torch

from depthbench.errors import UserError
from depthbench.models import ImageBuffer, PatchDiscriminator


@pytest.mark.parametrize(
    ("options", "size", "logits", "parameters"),
    [
        # carvalho2018: 78x62 in width by height; no bias in the inner convolutions
        ({"layers": 2}, (256, 320), (62, 78), 4 * 64 * 16 + 64 + (64 * 128 + 128 * 256) * 16 + 256 * 16 + 1),
        ({"layers": 2, "conditional": False}, (256, 320), (62, 78), 64 * 16 + 64 + 40960 * 16 + 4097),
        ({"layers": 3}, (256, 320), (30, 38), 4 * 64 * 16 + 64 + (64 * 128 + 128 * 256 + 256 * 512) * 16 + 8193),
        # CycleGAN's 2,764,737 are for three channels
        ({"layers": 3, "conditional": False, "norm": "instance"}, (114, 152), (12, 17), 2_764_737 - 2 * 64 * 16),
    ],
)
def test_logits(options, size, logits, parameters):
    net = PatchDiscriminator(**options)
    depth = torch.rand(1, 1, *size)
    image = torch.rand(1, 3, *size) if net.conditional else None
    assert net(depth, image).shape == (1, 1, *logits)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_receptive_field_is_34_pixels():
    net = PatchDiscriminator(layers=2, conditional=False)
    depth = torch.rand(1, 1, 96, 96, requires_grad=True)
    net(depth)[0, 0, 10, 10].backward()
    rows = depth.grad[0, 0].any(dim=1).nonzero()
    assert (rows.max() - rows.min() + 1).item() == 34


def test_condition_is_resized_and_scaled():
    net = PatchDiscriminator()
    seen = []
    net.net.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    net(torch.full((2, 1, 40, 50), 10.0), torch.zeros(2, 3, 80, 101))
    assert seen[0].shape == (2, 4, 40, 50)
    assert seen[0][:, 0].unique().tolist() == [1]
    assert seen[0][:, 1:].unique().tolist() == [-1]


def test_mistakes():
    with pytest.raises(UserError, match="conditional"):
        PatchDiscriminator()(torch.rand(1, 1, 64, 64))
    with pytest.raises(UserError, match="at least 12 pixels"):
        PatchDiscriminator(conditional=False)(torch.rand(1, 1, 8, 64))
    assert PatchDiscriminator(conditional=False)(torch.rand(1, 1, 12, 12)).numel() >= 1
    assert PatchDiscriminator(3, False)(torch.rand(1, 1, 24, 24)).numel() >= 1


def numbered(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers).view(-1, 1, 1, 1)


class TestImageBuffer:
    def test_fills_first_and_holds_its_size(self):
        buffer = ImageBuffer(3)
        assert buffer(numbered(1, 2, 3)).flatten().tolist() == [1, 2, 3]
        returned = buffer(numbered(*range(4, 104))).flatten().tolist()
        stored = [image.item() for image in buffer.images]
        # Nothing is lost or doubled: what went in came out or is still inside, once.
        assert sorted(returned + stored) == list(range(1, 104))
        past = sum(r != n for r, n in zip(returned, range(4, 104), strict=True))
        assert 30 < past < 70

    def test_zero_passes(self):
        assert ImageBuffer(0)(numbered(5)).item() == 5

    def test_detached(self):
        image = torch.rand(1, 1, 2, 2, requires_grad=True)
        assert not ImageBuffer()(image).requires_grad

    def test_continues_from_a_checkpoint(self, tmp_path):
        images = [numbered(random.random(), random.random()) for _ in range(40)]
        buffer = ImageBuffer(4, seed=3)
        for image in images[:20]:
            buffer(image)
        torch.save(buffer.state_dict(), tmp_path / "buffer.pt")
        other = ImageBuffer(4)
        other.load_state_dict(torch.load(tmp_path / "buffer.pt", weights_only=True))
        for image in images[20:]:
            torch.testing.assert_close(other(image), buffer(image), rtol=0, atol=0)
