"""Every alignment of papers and their code gives the values that the code gave on one made-up pair."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from depthbench.protocols import EvalProtocol, Scorer
from depthbench.protocols.alignment import NAMED
from depthbench.protocols.alignment.pixels import FitPixels
from tests.conftest import GOLDEN

ROWS, COLUMNS = np.mgrid[:48, :64].astype(float)


def wall(right, near, slope, left=20):
    plane = 4 + 0.02 * ROWS + 0.01 * COLUMNS
    plane[12:36, left:right] = (near + slope * ROWS)[12:36, left:right]
    return plane


TRUTH = wall(44, 2, 0.005)
PREDICTION = 1.05 * wall(46, 2.1, 0.006, 21) + 0.1 + 0.02 * np.sin(COLUMNS / 3)
VALID = COLUMNS >= 3

# Name, fields that differ, scale, shift (None: not known), AbsRel, delta1 (both None: not known).
VALUES = [
    ("scale_l1", {"sample": None}, 0.9325144415, 0.0, 0.0362744789, 0.9754099),
    ("scale_shift_l1", {"sample": None}, 0.99717, -0.32721, 0.0234811, None),
    ("disparity", {}, 1.12966000, -0.00882501, 0.0370600626, 0.9754099),
    ("scale_shift", {}, 0.9127658677, 0.0849834630, 0.0411681505, None),
]


def tensors():
    return (torch.from_numpy(one)[None, None] for one in (PREDICTION, TRUTH, VALID))


def fitted(alignment):
    prediction, truth, valid = tensors()
    return FitPixels(prediction, truth, valid).line(alignment)


def scores(alignment):
    depth = alignment.aligned(*tensors()).double().numpy()[0, 0][VALID]
    true = TRUTH[VALID]
    return np.mean(np.abs(depth - true) / true), np.mean(np.maximum(depth / true, true / depth) < 1.25)


def test_the_pair_is_the_one_that_was_measured():
    assert VALID.sum() == 2928
    assert TRUTH.sum() == pytest.approx(13163.04)
    assert PREDICTION.sum() == pytest.approx(14134.343706)


@pytest.mark.parametrize(("name", "changes", "scale", "shift", "abs_rel", "delta1"), VALUES)
def test_values(name, changes, scale, shift, abs_rel, delta1):
    alignment = replace(NAMED[name], **changes)
    line = fitted(alignment)
    iterative = alignment.fit == "weighted_l1" and alignment.parts == "scale_shift"
    assert line.scale.item() == pytest.approx(scale, rel=2e-5 if iterative else 1e-8)
    assert line.shift.item() == pytest.approx(shift, rel=1e-4 if iterative else 1e-6)
    found = scores(alignment)
    assert found[0] == pytest.approx(abs_rel, rel=1e-6)
    assert delta1 is None or found[1] == pytest.approx(delta1, abs=1e-6)


def test_objective_of_the_weighted_l1():
    line = fitted(replace(NAMED["scale_shift_l1"], sample=None))
    residual = line.of(torch.from_numpy(PREDICTION)[None])[0].numpy() - TRUTH
    assert (np.abs(residual) / TRUTH)[VALID].sum() == pytest.approx(68.75267, rel=1e-6)


def test_shares_of_unidepth():
    """Its delta at 1.25^0.5 and d_auc of the prediction as it is; tau (1.03) after its lower medians."""
    true = TRUTH[VALID]

    def shares(name, limits):
        depth = NAMED[name].aligned(*tensors()).double().numpy()[0, 0][VALID]
        return np.array([np.mean(np.maximum(depth / true, true / depth) < limit) for limit in limits])

    assert shares("none", [1.25**0.5]) == pytest.approx(0.7868852615, abs=1e-7)
    assert shares("lower_median", [1.03]) == pytest.approx(0.7868852615, abs=1e-7)
    exponents = np.linspace(0.01, 5, 100)
    under = shares("none", 1.25**exponents)
    area = np.sum((under[1:] + under[:-1]) / 2 * np.diff(exponents)) / 5
    assert area == pytest.approx(0.9102129936, abs=1e-7)


REAL = {
    "none": ("unaligned", 1e-6),
    "median": ("median", 1e-6),
    "scale_shift_evalmde": ("scale_shift_depth", 1e-6),
    # The code solves its normal equations in float32, which moves the scale by 1.4e-4 of itself.
    "disparity_evalmde": ("scale_shift_disparity_clamp_1e-4", 2e-4),
    "disparity": ("scale_shift_disparity_clamp_max_truth", 2e-4),
}


@pytest.fixture(scope="module")
def sintel(shared):
    """Depth Pro on a frame of Sintel: one prediction, numbers between 0.29 and 0.89."""
    folder = shared / "data" / "samples" / "sintel_depthpro"
    with np.load(folder / "gt_depth.npz") as true, np.load(folder / "depthpro_gt_focal.npz") as predicted:
        maps = predicted["depth"], np.where(true["valid"], true["depth"], 0)
    return [torch.from_numpy(one)[None, None] for one in maps]


@pytest.mark.parametrize("name", REAL)
def test_a_real_pair(name, sintel):
    known, close = REAL[name]
    expected = json.loads((GOLDEN / "evalmde_sintel.json").read_text())[known]
    protocol = EvalProtocol(name="x", alignment=name)
    scorer = Scorer([protocol])
    scorer.update(*sintel, ["market_6"])
    found = scorer.compute().scores(protocol)
    for score in ("AbsRel", "delta1", "RMSE"):
        assert found[score] == pytest.approx(expected[score], rel=close), score


def test_negative_depths_of_a_real_pair_are_misses_or_by_name_hits(sintel):
    """AbsRel 0.8039 without a clamp and delta1 0.2178; code that counts 41636 negative depths as hits gets 0.3311."""
    found = {}
    for counts in ("miss", "hit"):
        alignment = replace(NAMED["scale_shift"], nonpositive=counts)
        protocol = EvalProtocol(name=counts, alignment=alignment)
        scorer = Scorer([protocol])
        scorer.update(*sintel, ["market_6"])
        found[counts] = scorer.compute().scores(protocol)
    assert found["miss"]["AbsRel"] == found["hit"]["AbsRel"] == pytest.approx(0.8039390, rel=1e-6)
    assert found["miss"]["nonpositive"] == found["hit"]["nonpositive"] == 41636
    assert found["miss"]["delta1"] == pytest.approx(0.2178348, rel=1e-6)
    assert found["hit"]["delta1"] == pytest.approx(0.3310839, rel=1e-6)
