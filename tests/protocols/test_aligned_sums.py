"""Many alignments in one pass over the pixels: the sums of a depth map of each."""

from itertools import cycle

import pytest
import torch

from depthbench.protocols import EvalProtocol, Scorer
from depthbench.protocols import aligned_sums as one_pass
from depthbench.protocols import shared_pass as sharing
from depthbench.protocols.alignment import NAMED, Declared, fit_kernel

PER_IMAGE = sorted(name for name, one in NAMED.items() if one.fit != "none" and one.over == "image")
RULES = {
    "plain": {},
    "limited": {"clamp": (1.5, 6.0), "max_depth": 7.0},
    "swapped": {"swap_prediction_and_truth": True, "comparison": "inclusive"},
}
PROTOCOLS = [
    EvalProtocol(name=f"{name}, {rule}", region=(2, 39, 3, 52), alignment=NAMED[name], **RULES[rule])
    for name, rule in zip(PER_IMAGE, cycle(RULES), strict=False)
]


@pytest.fixture(scope="module")
def maps():
    """Width and height are no multiples of anything; the third image has no truth."""
    generator = torch.Generator().manual_seed(0)
    truth = 1 + 8 * torch.rand(3, 1, 41, 57, generator=generator)
    prediction = 0.7 * truth * torch.randn(truth.shape, generator=generator).mul(0.1).exp() + 0.3
    truth[torch.rand(truth.shape, generator=generator) < 0.2] = 0.0
    truth[2] = 0.0
    prediction[1, 0, 20, 20], truth[1, 0, 20, 20] = 0.01, 2.0  # a line in depth takes it below 0
    return prediction, truth


def sums_of(maps, declared, monkeypatch, together=True):
    calls = []
    if together:
        inner = one_pass.aligned_sums
        monkeypatch.setattr(sharing, "aligned_sums", lambda *args: calls.append(inner(*args)) or calls[-1])
    else:
        monkeypatch.setattr(sharing, "aligned_sums", lambda wanted, *_: [None] * len(wanted))
    scorer = Scorer(PROTOCOLS)
    scorer.update(*maps, list("abc"), declared=declared)
    found = scorer.compute()
    return found.sums, found.misses, sum(one is not None for call in calls for one in call)


@pytest.mark.parametrize("quantity", ["depth", "disparity"])
def test_sums_are_those_of_each_depth_map(quantity, maps, monkeypatch):
    if one_pass._library() is None:
        pytest.skip("no C compiler here")
    prediction, truth = maps
    given = (prediction if quantity == "depth" else 3 / prediction, truth), Declared(quantity)
    found, misses, count = sums_of(*given, monkeypatch)
    assert count > len(PROTOCOLS)  # of the two images that have truth
    wanted, other_misses, _ = sums_of(*given, monkeypatch, together=False)
    assert quantity == "disparity" or any(rows.any() for rows in misses.values())
    for name in found:
        torch.testing.assert_close(found[name], wanted[name], rtol=2e-6, atol=1e-5, equal_nan=True)
        assert torch.equal(misses[name], other_misses[name])


def test_a_prediction_that_needs_a_look_is_left_to_the_depth_map(maps, monkeypatch):
    prediction, truth = (one.clone() for one in maps)
    prediction[0, 0, 20, 20] = torch.nan
    truth[0, 0, 20, 20] = 2.0
    for declared in (Declared(), Declared(holes=True)):
        found, misses, count = sums_of((prediction, truth), declared, monkeypatch)
        wanted, other_misses, _ = sums_of((prediction, truth), declared, monkeypatch, together=False)
        assert (count == 0) == (declared.holes or fit_kernel._library() is None)
        for name in found:
            torch.testing.assert_close(found[name], wanted[name], rtol=2e-6, atol=1e-5, equal_nan=True)
            assert torch.equal(misses[name], other_misses[name])
