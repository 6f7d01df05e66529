import re
from fractions import Fraction

import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.evaluation.prediction_units import check_unit


@pytest.fixture
def depth():
    return np.random.default_rng(0).uniform(1, 9, (3, 6, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: 1000 * d, "1000 times the truth's: millimetres, so unit=0.001"),
        (lambda d: d / 10, "0.1 times the truth's: relative to 10 m"),
        (lambda d: 100 * d, "centimetres"),
        (lambda d: 1 / d, "as disparity does and metric depth does not: kind=metric_disparity"),
        (lambda d: 20000 * d, "in which unit are they"),
    ],
)
def test_wrong_units(depth, change, message):
    truths = torch.from_numpy(depth)[:, None]
    with pytest.raises(UserError, match=message):
        check_unit([(change(truth), truth) for truth in truths])


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("given", [1000, 256, 5000, 4000, 65535 / 10, 65535 / 50, 100])
@pytest.mark.parametrize("stored", [1000, 256, 5000, 4000, 65535 / 10, 65535 / 50, 100])
def test_a_multiple_that_is_a_ratio_of_units_has_one_explanation(depth, stored, given, noise):
    truths = torch.from_numpy(depth)[:, None]
    torch.manual_seed(0)
    files = [truth * torch.exp(noise * torch.randn_like(truth)) * stored for truth in truths]
    pairs = [(file / given, truth) for file, truth in zip(files, truths, strict=True)]
    if stored == given:
        assert check_unit(pairs, unit=1 / given) is None
        return
    with pytest.raises(UserError, match=r"times the truth's") as refused:
        check_unit(pairs, unit=1 / given)
    units = [float(Fraction(unit)) for unit in re.findall(r"unit=([\d./]+\d)", str(refused.value))]
    assert units[0] == pytest.approx(1 / stored)
    assert check_unit(pairs, float("inf"), 1 / given) is None  # protocols that remove the scale


def test_what_a_network_may_be_off_by_is_no_unit(depth):
    truths = torch.from_numpy(depth)[:, None]
    torch.manual_seed(0)
    noise = [torch.randn_like(truth) for truth in truths]
    for spread, factor in ((0.0, 1.09), (0.0, 0.93), (0.15, 1.4), (0.3, 0.5), (0.15, 1.31)):
        pairs = [(factor * truth * torch.exp(spread * one), truth) for truth, one in zip(truths, noise, strict=True)]
        assert check_unit(pairs) is None
    note = check_unit([(1.7 * truth, truth) for truth in truths])
    assert "1.7 times the truth's" in note
    assert "times 0.588 they fit; is their unit right?" in note


def test_right_units(depth):
    truths = torch.from_numpy(depth)[:, None]
    assert check_unit([(truth[:, ::2, ::2], truth) for truth in truths]) is None
    falling = torch.linspace(9, 1, 48).reshape(1, 6, 8)
    for truth in (falling, falling.flip(1), falling.flip(2)):  # what is constant says nothing about the order
        check_unit([(torch.full_like(truth, 4.0), truth)])
    with pytest.raises(UserError, match="valid pixel"):
        check_unit([(truths[0], 0 * truths[0])])
