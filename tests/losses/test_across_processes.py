"""A loss is that of the whole batch, on any number of processes."""

import pytest
import torch

from tests.forked import forkserver
from tests.losses.test_every_loss import maps
from tests.losses.two_processes import everything, measured, measured_in_share, refused_in_share

pytestmark = pytest.mark.processes
SHAPE = (4, 12, 17)
SCENES = {  # share of valid pixels of each image, and how many images the first process has
    "uneven shares": ([0.9, 0.1, 0.0, 0.6], 3),
    "second without a valid pixel": ([0.8, 0.3, 0.0, 0.0], 2),
    "second without an image": ([0.8, 0.3, 0.5, 0.0], 4),
    "nothing at all": ([0.0, 0.0, 0.0, 0.0], 2),
}


def in_two_processes(function, *arguments):
    with forkserver().Pool(2) as pool:
        return pool.starmap(function, [(rank, *arguments) for rank in range(2)])


def batch(loss, shares):
    prediction, target, _ = maps(loss, SHAPE, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(target.shape, generator=generator)
    valid = drawn < torch.tensor(shares).view(-1, 1, 1, 1)
    return prediction, target * valid, valid


@pytest.fixture(scope="module")
def batches():
    losses = {name: make() for name, make in everything().items()}
    return {
        scene: {name: batch(loss, shares) for name, loss in losses.items()} for scene, (shares, _) in SCENES.items()
    }


@pytest.fixture(scope="module")
def outcomes(batches, tmp_path_factory):
    shared = {}
    for scene, (_, first) in SCENES.items():
        parts = slice(None, first), slice(first, None)
        shared[scene] = {
            name: [tuple(x[part] for x in all_) for part in parts] for name, all_ in batches[scene].items()
        }
    return in_two_processes(measured_in_share, str(tmp_path_factory.mktemp("store") / "store"), shared)


@pytest.mark.parametrize("scene", SCENES)
def test_one_and_two_processes_have_the_same_loss_and_gradient(scene, batches, outcomes):
    first = SCENES[scene][1]
    for name, make in everything().items():
        value, gradient, own = measured(make(), batches[scene][name])
        found = [outcomes[rank][scene][name] for rank in range(2)]
        # Data parallel training averages the gradients of both processes.
        theirs = torch.cat([found[0][1], found[1][1]]) / 2
        assert len(found[0][1]) == first
        assert [found[0][0], found[1][0]] == pytest.approx([value, value], rel=1e-6, abs=1e-9), name
        assert (theirs - gradient).abs().max() <= 1e-6 * gradient.abs().max(), name
        for parameter, *both in zip(own, found[0][2], found[1][2], strict=True):
            torch.testing.assert_close((both[0] + both[1]) / 2, parameter, rtol=1e-6, atol=1e-7)


def test_the_scenes_tell_local_losses_from_global_ones(batches):
    """The mean of both processes' own values, which losses gave earlier, differs, so the test above can fail."""
    for name in ("l1", "berhu", "eigen", "lee2020_all"):
        make, all_ = everything()[name], batches["uneven shares"][name]
        parts = [make()(*(x[part] for x in all_)) for part in (slice(3), slice(3, 4))]
        whole = make()(*all_)
        assert abs(sum(parts) / 2 - whole) > 1e-3 * whole, name


def test_all_processes_refuse_together(tmp_path):
    words = in_two_processes(refused_in_share, str(tmp_path / "store"))
    assert words == [words[0]] * 2
    assert words[0].startswith("UserError: A log loss got a predicted depth of -0.5 m")
