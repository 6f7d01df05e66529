"""Two CPU processes train as one does: normalization over the whole batch, accumulation, compiling, going on alone."""

import os

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from depthbench.training.callbacks import Stopped
from depthbench.training.whole_batch_norm import WholeBatch
from tests.commands import make_frames
from tests.training.interrupted import folder, interrupted, rows, train, weights
from tests.training.test_two_processes import shared
from tests.training.two_processes import on_two_processes

# Batch normalization sees the same batch of four on one device and on two; in float64 the order of sums matters little.
BATCH = ["trainer.sync_batchnorm=true", "trainer.max_epochs=2", "data.batch_size=4"]
SYNC = ["loss=l1", "trainer.precision=64-true", *BATCH]
KINDS = {
    "sync": SYNC,
    "accumulated": [*SYNC, "trainer.accumulate_grad_batches=2"],
    # Adversarial training is in float32, and Adam would make a step of each rounding error.
    "adversarial": [
        "loss=mehrzadeh2020_adversarial",
        "model.space._target_=depthbench.models.MetricDepth",
        "task.buffer_size=0",
        "optim=li2017",
        "task.discriminator_optimizer._target_=torch.optim.SGD",
        "~task.discriminator_optimizer.betas",
        *BATCH,
    ],
}
# Sums in another order differ in the last bits.
TOLERANCE = {"sync": (0, 1e-11), "accumulated": (0, 1e-11), "adversarial": (1e-3, 1e-5)}
DDP = ["trainer.devices=2", "trainer.strategy=ddp"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    make_frames(folder / "frames", train=13)
    return folder


@pytest.mark.parametrize("make", [nn.BatchNorm2d, BatchNormAct2d])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_alone_it_is_the_layer_that_it_replaces(make, momentum):
    torch.manual_seed(0)
    plain = make(5)
    plain.momentum = momentum
    nn.init.uniform_(plain.weight)
    nn.init.normal_(plain.bias)
    model = nn.Sequential(make(5))
    model[0].momentum = momentum
    model[0].load_state_dict(plain.state_dict())
    whole = WholeBatch().apply(model)
    for _ in range(3):
        x = torch.randn(4, 5, 7, 3) * 3 + 1
        one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
        (plain(one) ** 3).mean().backward()
        (whole(two) ** 3).mean().backward()
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(whole[0].state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(whole.eval()(x), plain.eval()(x), rtol=1e-5, atol=1e-5)


def two(place, rank):
    """Every kind on two processes, and one that is interrupted and goes on with one process."""
    for kind, told in KINDS.items():
        train(shared(place, f"two-{kind}", rank, [*told, *DDP]))
    run = shared(place, "begun", rank, [*SYNC, *DDP])
    interrupted(run, "on_train_batch_end", 4, "SIGTERM" if rank == 0 else "nothing", Stopped)


def compiled(place, rank):
    train(shared(place, "two-compiled", rank, [*SYNC, *DDP, "trainer.compile=true"]))


def assert_close(one, other, rtol, atol):
    """Weights, running statistics and losses; NaN stands for statistics that were never taken."""
    for name, value in weights(one).items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            torch.testing.assert_close(weights(other)[name], value, rtol=rtol, atol=atol, msg=name)
    losses = [[float(row["train/loss"]) for row in rows(run) if row.get("train/loss")] for run in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.processes
def test_two_processes_train_as_one_does(place, capfd, monkeypatch):
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    on_two_processes(two, place)
    for kind, told in KINDS.items():
        one = train(folder(place / "frames", place / f"one-{kind}", *told))
        (pair,) = (place / f"two-{kind}").glob("*-????????")
        assert_close(one, type(one)(pair), *TOLERANCE[kind])
    # What two have begun goes on alone, with the same frames, to the same end; its weights begin again in float32.
    begun = folder(place / "frames", place / "alone", *SYNC)
    (pair,) = (place / "begun").glob("*-????????")
    begun.checkpoint.parent.mkdir()
    begun.checkpoint.write_bytes((pair / "checkpoints" / "last.ckpt").read_bytes())
    (begun.path / "metrics.csv").write_bytes((pair / "metrics.csv").read_bytes())
    (begun.path / "data.json").write_bytes((pair / "data.json").read_bytes())
    train(begun)
    assert "was on 2 devices and goes on with 1: the same frames" in capfd.readouterr().out
    assert_close(train(folder(place / "frames", place / "one-sync", *SYNC)), begun, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.processes
def test_two_compiled_processes_train_as_one_does(place):
    on_two_processes(compiled, place, seconds=1500)  # compiling takes minutes
    (pair,) = (place / "two-compiled").glob("*-????????")
    one = train(folder(place / "frames", place / "one-for-compiled", *SYNC))
    assert_close(one, type(one)(pair), rtol=0, atol=1e-9)
