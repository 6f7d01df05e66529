"""The loss space beyond the values of its terms: names, subsets, masks, scales, precision."""

import numpy as np
import pytest
import torch

from depthbench import losses as L
from depthbench.errors import UserError
from depthbench.window_sums import local_means, window_sums
from tests.losses.references import space

VARIANTS = ("paper", "released")


def maps(*shape, share=1.0):
    target = 1 + 8 * torch.rand(*shape)
    return target + torch.randn(*shape), target, torch.rand(*shape) < share


def test_names():
    names = L.LossSpace().names
    assert len(names) == len(set(names)) == 78
    assert {"D/0", "M65/3", "rr/5", "Nc/2"} <= set(names)
    assert names[:13] == [f"{k}/0" for k in ("D", "M", "M5", "M17", "M65", "r", "c", "rr", "rc", "cc", "N", "Nr", "Nc")]


@pytest.mark.parametrize(
    ("kinds", "scales", "count"),
    [  # table 5 a of the paper
        (["D"], [0], 1),
        (["D", "M", "r", "c"], [0], 4),
        (["D", "r", "c", "N"], [0], 4),
        (["depth", "normal"], range(6), 24),
        (["depth", "mean_removed"], range(6), 30),
        (["depth", "gradient"], range(6), 36),
        ("all", [0], 13),
        ("all", [0, 1, 2], 39),
        ("all", [3, 4, 5], 39),
        ("all", range(6), 78),
    ],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_subset_has_the_terms_of_the_whole(variant, kinds, scales, count):
    whole, part = L.LossSpace(variant), L.LossSpace(variant, kinds, scales)
    assert len(part.names) == count
    prediction, target, valid = maps(2, 1, 21, 30, share=0.8)
    index = [whole.names.index(name) for name in part.names]
    assert torch.equal(part(prediction, target, valid), whole(prediction, target, valid)[:, index])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(64, 96), (37, 45), (1, 1), (5, 70)])
def test_a_full_mask_changes_nothing_at_all(variant, size):
    prediction, target, valid = maps(3, 1, *size)
    loss = L.LossSpace(variant)
    one, two = (p := prediction.clone().requires_grad_()), (q := prediction.clone().requires_grad_())
    value, masked = loss(one, target), loss(two, target, valid)
    assert value.shape == (3, 78)
    assert torch.equal(value, masked)
    value.sum().backward()
    masked.sum().backward()
    torch.testing.assert_close(p.grad, q.grad)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_image_and_term_with_holes(variant):
    prediction, target, valid = maps(3, 1, 18, 25, share=0.9)
    valid[2] = False
    loss = L.LossSpace(variant)
    values, counts = loss.with_counts(prediction, target, valid)
    present = counts > 0
    images = space(variant, *(x.double().numpy() for x in (prediction, target)), valid.numpy())
    for b, image in enumerate(images):
        for k, name in enumerate(loss.names):
            assert present[b, k] == (name in image)
            assert values[b, k].item() == pytest.approx(image.get(name, 0.0), rel=2e-5, abs=1e-6)


def test_outside_is_a_hole():
    """A frame around the map that is masked out gives the map's own terms (the frame a multiple of 2^5)."""
    prediction, target, _ = maps(2, 1, 64, 96)
    framed = [torch.nn.functional.pad(x, (32, 32, 64, 32), value=5.0) for x in (prediction, target)]
    valid = torch.nn.functional.pad(torch.ones_like(target, dtype=torch.bool), (32, 32, 64, 32))
    loss = L.LossSpace()
    torch.testing.assert_close(loss(*framed, valid), loss(prediction, target), rtol=1e-5, atol=1e-6)


def test_sparse_truth_reaches_the_coarse_scales():
    """KITTI-like: 5 % of the pixels, in rows."""
    prediction, target, _ = maps(2, 1, 96, 320)
    valid = torch.zeros_like(target, dtype=torch.bool)
    valid[..., 40::5, ::4] = True
    values, counts = L.LossSpace().with_counts(prediction, target * valid, valid)
    present = counts > 0
    assert values.isfinite().all()
    assert present[:, [L.LossSpace().names.index(f"{kind}/4") for kind in ("D", "M65", "r", "c", "N")]].all()
    assert not present[:, L.LossSpace().names.index("r/0")].any()


def test_several_channels_are_refused():
    with pytest.raises(UserError, match="depth maps"):
        L.LossSpace()(torch.ones(1, 2, 4, 4), torch.ones(1, 2, 4, 4))


@pytest.mark.parametrize("border", ["hole", "replicate"])
def test_local_means_are_exact(border):
    """Float32 prefix sums drift by the corner of a 480x640 map; these must not."""
    values = 4 + 6 * torch.rand(1, 1, 480, 640)
    exact = values.double().numpy()[0, 0]
    sizes = (5, 17, 65)
    for size, means in zip(sizes, local_means(values, sizes, border), strict=True):
        reach = size // 2
        for i, j in ((0, 0), (479, 639), (240, 320), (470, 3), (31, 638)):
            rows, columns = np.arange(i - reach, i + reach + 1), np.arange(j - reach, j + reach + 1)
            if border == "replicate":
                rows, columns = rows.clip(0, 479), columns.clip(0, 639)
            else:
                rows, columns = rows[(rows >= 0) & (rows < 480)], columns[(columns >= 0) & (columns < 640)]
            assert means[0, 0, i, j].item() == pytest.approx(exact[np.ix_(rows, columns)].mean(), rel=2e-7)


@pytest.mark.parametrize("border", ["hole", "replicate"])
@pytest.mark.parametrize("size", [(6, 7), (1, 1), (40, 3)])
def test_window_sums_have_the_right_gradient(border, size):
    values = torch.randn(2, 1, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: window_sums(x, (5, 17, 3), border), values)


def test_an_error_that_is_constant_is_seen_by_d_alone():
    _, target, _ = maps(2, 1, 40, 56)
    for variant in VARIANTS:
        loss = L.LossSpace(variant)
        terms = loss(target + 0.5, target)
        for name, value in zip(loss.names, terms.mean(dim=0), strict=True):
            assert value.item() == pytest.approx(0.5 if name.startswith("D") else 0.0, abs=3e-6)


@pytest.mark.parametrize("border", ["hole", "replicate"])
def test_the_windows_of_an_image_do_not_depend_on_its_batch(border, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 1, 37, 53, generator=generator).requires_grad_()

    def found():
        sums = window_sums(values, [5, 17], border)
        return *sums, *torch.autograd.grad(sum((total**2).sum() for total in sums), values)

    one_by_one = found()
    monkeypatch.setattr("depthbench.window_sums.parts_for_the_cache", lambda maps: [slice(None)])
    assert all(torch.equal(one, other) for one, other in zip(one_by_one, found(), strict=True))
