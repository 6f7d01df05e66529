"""The ranking loss against loops over its own pairs."""

import math

import pytest
import torch

from depthbench.errors import UserError
from depthbench.losses import Ranking

SHAPE = (3, 1, 11, 13)


def maps(dtype=torch.float32):
    target = 1 + 0.2 * torch.randint(0, 20, SHAPE)
    return torch.randn(SHAPE).to(dtype), target.to(dtype), torch.rand(SHAPE) < 0.6


def expected(prediction, target, valid, pairs, draw):
    """Pairs from the draw: the share of the valid pixels that comes before the drawn one."""
    terms = []
    for z, d, v in zip(prediction.double().flatten(1), target.double().flatten(1), valid.flatten(1), strict=True):
        pixels = [i for i in range(len(v)) if v[i]]
        places = [pixels[int(number * len(pixels) / 2**31)] for number in draw.tolist()] if pixels else []
        for i, j in zip(places[:pairs], places[pairs:], strict=True):
            difference = (z[i] - z[j]).item()
            if max(d[i], d[j]) <= 1.02 * min(d[i], d[j]):
                terms.append(difference**2)
            else:
                terms.append(math.log(1 + math.exp(-difference if d[i] > d[j] else difference)))
    return sum(terms) / max(len(terms), 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_loops(dtype):
    prediction, target, valid = maps(dtype)
    valid[1] = False
    torch.manual_seed(5)
    draw = torch.randint(2**31, (100,))
    torch.manual_seed(5)
    value = Ranking(pairs=50)(prediction, target, valid)
    assert value.item() == pytest.approx(expected(prediction, target, valid, 50, draw), rel=1e-5)


def test_holes_and_empty_images_get_no_gradient():
    prediction, target, valid = maps()
    valid[1] = False
    target[~valid] = float("nan")
    prediction[~valid] = float("inf")
    prediction.requires_grad_()
    Ranking()(prediction, target, valid).backward()
    assert (prediction.grad[~valid] == 0).all()
    assert prediction.grad.isfinite().all()
    assert prediction.grad[valid].abs().sum() > 0
    nothing = Ranking()(prediction, target, torch.zeros_like(valid))
    assert nothing == 0


def test_only_the_order_counts():
    _, target, _ = maps()
    target = target + 10 * torch.rand(SHAPE).round()
    good, bad = (Ranking(tolerance=0.0)(sign * 1e3 * target, target) for sign in (1, -1))
    assert good < 1e-3
    assert bad > 100


def test_shapes_and_arguments():
    with pytest.raises(UserError, match="shape"):
        Ranking()(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 5))
    with pytest.raises(UserError, match="pairs >= 1"):
        Ranking(pairs=0)
