"""Fits over a sequence or the whole set: those of all pixels together, whatever the batches and processes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.protocols import Alignment, Declared, EvalProtocol, Scorer
from depthbench.protocols.alignment import NAMED
from depthbench.protocols.pooled import PooledFits
from depthbench.protocols.shared_maps import SharedMaps
from tests.forked import on_two_processes

NAMES = ["a/0", "a/1", "b/0", "b/1", "b/2"]
FITS = {
    "line": Alignment(fit="least_squares", parts="scale_shift", over="sequence"),
    "disparity": replace(NAMED["disparity_sequence"], floor=None),
    "scale": Alignment(fit="least_squares", weights="inverse_truth", over="set"),
    "median": Alignment(fit="median", over="sequence"),
    "weiszfeld": NAMED["weiszfeld_sequence"],
    "l1": Alignment(fit="weighted_l1", parts="scale_shift", weights="inverse_truth", over="set"),
    "ransac": Alignment(fit="ransac", parts="scale_shift", space="log1p", over="sequence"),
}
PROTOCOLS = [EvalProtocol(name=name, region=[2, 20, 1, 30], alignment=one) for name, one in FITS.items()]


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(3)
    truth = 1 + 7 * torch.rand(5, 1, 24, 32, generator=generator)
    prediction = 0.4 * truth + 0.3 + 0.2 * torch.rand(truth.shape, generator=generator)
    truth[torch.rand(truth.shape, generator=generator) < 0.2] = 0
    return prediction, truth


def pooled_of(prediction, truth, batches):
    pooled = PooledFits(PROTOCOLS)
    for rows in batches:
        pooled.add(SharedMaps(prediction[rows], truth[rows]), [NAMES[row] for row in rows], rows)
    pooled.solve()
    return pooled


@pytest.mark.parametrize("name", FITS)
def test_a_group_is_fitted_as_one_tall_image(name, clips):
    prediction, truth = clips
    protocol = next(one for one in PROTOCOLS if one.name == name)
    pooled = pooled_of(prediction, truth, [[0], [3, 1], [4, 2]])
    scorer = Scorer([protocol])
    scorer.update(prediction, truth, NAMES, declared=Declared(lines=pooled.lines(NAMES)))
    found = scorer.compute().per_image(protocol)["RMSE"]
    alone = replace(protocol.alignment, over="image")
    groups = [range(5)] if protocol.alignment.over == "set" else [range(2), range(2, 5)]
    for group in groups:
        p, t = (torch.cat(list(maps[list(group), 0, 2:20, 1:30]), 0)[None, None] for maps in (prediction, truth))
        aligned = alone.aligned(p, t, t > 0)
        for place, (mine, true) in enumerate(zip(aligned.split(18, 2), t.split(18, 2), strict=True)):
            error = (mine - true)[true > 0].double()
            assert found[list(group)[place]] == pytest.approx(error.square().mean().sqrt().item(), rel=2e-5)


def test_batches_change_no_bit(clips):
    first, again = (pooled_of(*clips, batches) for batches in ([[0, 1, 2, 3, 4]], [[4], [2, 0], [1, 3]]))
    for key, line in first.lines(NAMES).items():
        assert all(torch.equal(a, b) for a, b in zip(line, again.lines(NAMES)[key], strict=True))


def values(lines):
    return {tuple(tuple(one.tolist()) for one in line) for line in lines}


def _share(rank, prediction, truth):
    found = pooled_of(prediction, truth, [[0, 3], [2]] if rank == 0 else [[1], [4]])
    return [tuple(line) for line in found.lines(NAMES).values()]


@pytest.mark.processes
def test_two_processes_give_the_same_bits(clips, tmp_path):
    expected = values(pooled_of(*clips, [[0, 1, 2, 3, 4]]).lines(NAMES).values())
    for found in on_two_processes(tmp_path, _share, *clips):
        assert values(found) == expected


def test_a_perfect_clip_of_relative_disparity_is_perfect(clips):
    _, truth = clips
    protocol = EvalProtocol(name="x", alignment="disparity_sequence")
    prediction = 7 / truth.where(truth > 0, 1.0) + 0.9
    declared = Declared("disparity")
    pooled = PooledFits([protocol])
    pooled.add(SharedMaps(prediction, truth, declared=declared), NAMES, range(5))
    pooled.solve()
    scorer = Scorer([protocol])
    scorer.update(prediction, truth, NAMES, declared=declared._replace(lines=pooled.lines(NAMES)))
    assert scorer.compute().scores(protocol)["AbsRel"] < 2e-6
    each = Scorer([protocol])  # without a line each image is fitted
    each.update(prediction * torch.linspace(1, 2, 5)[:, None, None, None], truth, NAMES, declared=declared)
    assert each.compute().scores(protocol)["AbsRel"] < 2e-6


def test_a_frame_without_a_folder_has_no_sequence(clips):
    prediction, truth = clips
    with pytest.raises(UserError, match="takes the folder of a frame's name as its sequence, and '7' has none"):
        PooledFits(PROTOCOLS).add(SharedMaps(prediction[:1], truth[:1]), ["7"], [0])
    with pytest.raises(UserError, match="has no truth of one image to clamp to"):
        Alignment(fit="median", over="set", clamp=(None, "truth"))
    assert np.isfinite(clips[0]).all()


@pytest.mark.parametrize("parts", ["scale", "scale_shift"])
def test_a_constant_prediction_is_fitted_to_a_set_as_to_an_image(parts):
    truth = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat(3000).reshape(1, 1, 100, 120)
    prediction = torch.full_like(truth, 0.1 if parts == "scale_shift" else 0.0)
    fits = [Alignment(fit="least_squares", parts=parts, over=over) for over in ("image", "set")]
    found = []
    for fit in fits:
        protocol = EvalProtocol(name=fit.over, alignment=fit)
        pooled = PooledFits([protocol])
        pooled.add(SharedMaps(prediction, truth), ["a"], [0])
        pooled.solve()
        scorer = Scorer([protocol])
        scorer.update(prediction, truth, ["a"], declared=Declared(lines=pooled.lines(["a"])))
        found.append(scorer.compute().scores(protocol)["RMSE"])
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    if parts == "scale_shift":
        assert found[1] == pytest.approx(np.std([1, 2, 3, 4]))  # from the mean
