"""Every loss trains with the kind of training that its YAML brings."""

import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.data import Batch, DataModule, Frame
from depthbench.errors import UserError
from depthbench.losses import L1, MultiScaleGradient, ScaleShiftInvariant, SILog
from depthbench.models import DepthModel, InverseDepth, LogDepth, MetricDepth, TanhDepth
from depthbench.protocols import EvalProtocol
from depthbench.tasks import Adversarial, DepthTask, OneCycle, Optimization, Polynomial, Steps
from depthbench.tasks.left_open import refuse_unmeasured
from depthbench.training.trainer import build_task, build_trainer

LOSSES = sorted(file.stem for file in Path(config_dir(), "loss").glob("*.yaml") if not file.stem.endswith("_base"))
SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "trainer=cpu", "logger=csv"]


class Frames(torch.utils.data.Dataset):
    """Random frames with holes; the last one is nothing but a hole."""

    def __init__(self, count=8, size=(64, 96)):
        generator = torch.Generator().manual_seed(0)
        self.images = torch.rand(count, 3, *size, generator=generator)
        self.depths = 1 + 5 * torch.rand(count, 1, *size, generator=generator)
        self.depths[torch.rand(self.depths.shape, generator=generator) < 0.3] = 0
        self.depths[-1] = 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return Frame(self.images[index], self.depths[index], None, str(index))


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=[*SMALL, *overrides])


def trained(tmp_path, *overrides, steps=2):
    """A task after a few steps, and what its parameters were before."""
    config = composed("trainer.max_epochs=1", f"trainer.limit_train_batches={steps}", *overrides)
    task = build_task(config)
    before = {name: value.clone() for name, value in task.state_dict().items() if isinstance(value, torch.Tensor)}
    data = DataModule(Frames(), Frames(), batch_size=4)
    trainer = build_trainer(config, task, tmp_path, [], [])
    trainer.fit(task, datamodule=data)
    return task, before


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains(loss, tmp_path):
    task, before = trained(tmp_path, f"loss={loss}")
    after = task.state_dict()
    moved = [name for name, value in before.items() if name.startswith("net.") and not torch.equal(value, after[name])]
    assert len(moved) > 10
    assert all(torch.isfinite(value).all() for name, value in after.items() if name.startswith("net."))


def test_the_discriminator_learns_and_neither_network_moves_with_the_others_optimizer(tmp_path):
    task, before = trained(tmp_path, "loss=gan", "task.discriminator_optimizer.lr=0", steps=1)
    assert isinstance(task, Adversarial)
    assert all(
        torch.equal(value, before[f"discriminator.{name}"]) for name, value in task.discriminator.state_dict().items()
    )
    task, before = trained(tmp_path, "loss=gan", "optim.optimizer.lr=0", "optim.optimizer.weight_decay=0", steps=1)
    parameters = dict(task.net.named_parameters())
    assert all(torch.equal(value, before[f"net.{name}"]) for name, value in parameters.items())
    assert any(
        not torch.equal(value, before[f"discriminator.{name}"]) for name, value in task.discriminator.named_parameters()
    )


def test_the_discriminator_is_shown_the_same_holes_in_both_maps(tmp_path):
    shown = []
    config = composed("loss=gan", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    task = build_task(config)
    task.discriminator.register_forward_hook(lambda module, inputs, output: shown.append(inputs[0].detach()))
    build_trainer(config, task, tmp_path, [], []).fit(task, datamodule=DataModule(Frames(), Frames(), batch_size=4))
    real, fake, again = shown
    assert torch.equal(real == 0, fake == 0)
    assert torch.equal(fake, again)
    assert (real == 0).any()


@pytest.mark.parametrize("at", ["output", "input"])
@pytest.mark.parametrize("space", ["metres", "network"])
def test_prediction_and_truth_meet_at_one_size_and_in_one_space(at, space):
    task = build_task(composed(f"task.supervise_at={at}", f"task.loss_space={space}"))
    output, depth = torch.full((2, 1, 32, 48), math.log(2.0)), torch.full((2, 1, 64, 96), 4.0)
    depth[:, :, :8] = 0
    prediction, target, valid = task.supervised(output, depth)
    size = (32, 48) if at == "output" else (64, 96)
    assert prediction.shape == target.shape == valid.shape == (2, 1, *size)
    expected = (2.0, 4.0) if space == "metres" else (math.log(2.0), math.log(4.0))
    torch.testing.assert_close(prediction, torch.full_like(prediction, expected[0]))
    torch.testing.assert_close(target[valid], torch.full_like(target[valid], expected[1]))
    assert not valid[:, :, : size[0] // 8].any()
    assert valid[:, :, size[0] // 8 :].all()


class Perfect(DepthModel):
    """A network that knows the depth, in a space and changed by what its loss leaves open; red is depth / 10 m."""

    def __init__(self, space, change):
        super().__init__(space)
        self.change, self.unused = change, torch.nn.Parameter(torch.zeros(1))

    def forward(self, image):
        return self.change(self.space.from_depth(10 * image[:, :1]))


SPACES = {
    "metres": MetricDepth(),
    "log": LogDepth(),
    "inverse": InverseDepth(10, 0.01, 1000),
    "tanh": TanhDepth(10),
}
AFFINE, SCALE = (ScaleShiftInvariant, lambda x: 3 * x + 40), (lambda: SILog(1.0), lambda x: 30 * x)
LOSSES_IN_SPACES = [
    ("metres", *AFFINE, "affine_depth", "scale_shift"),
    ("log", *AFFINE, "affine_log_depth", "log"),
    ("inverse", *AFFINE, "affine_disparity", "disparity"),
    ("tanh", *AFFINE, "affine_depth", "scale_shift"),
    ("metres", *SCALE, "scale_depth", "median"),
    ("inverse", *SCALE, "scale_depth", "median"),
    ("tanh", *SCALE, "affine_depth", "scale_shift"),
    ("log", MultiScaleGradient, lambda x: x + 2, "scale_depth", "median"),
    ("metres", MultiScaleGradient, lambda x: x - 20, "affine_depth", "scale_shift"),
    ("inverse", L1, lambda x: x, "metric_depth", "none"),
]


@pytest.mark.parametrize(("space", "loss", "change", "kind", "alignment"), LOSSES_IN_SPACES)
def test_a_perfect_network_scores_perfectly_as_the_kind_that_its_loss_determines(space, loss, change, kind, alignment):
    depth = 1 + 5 * torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    batch = Batch((depth / 10).expand(-1, 3, -1, -1), depth, None, ["a", "b"])
    rules = {name: EvalProtocol(name=name, alignment=name) for name in (alignment, "none")}
    optim = Optimization(torch.optim.SGD, Polynomial())
    net = Perfect(SPACES[space], change)
    task = DepthTask(net, loss(), optim, {alignment: rules[alignment]}, loss_space="network")
    assert task.output_kind == net.kind == kind
    refuse_unmeasured(task.loss, task.output_kind, task.protocols.values())
    task.test_step(batch, 0)
    scores = task.test_scorer.compute().scores(rules[alignment])
    assert scores["AbsRel"] < 1e-4
    assert scores["delta1"] == 1
    if kind != "metric_depth":
        assert torch.allclose(task.in_metres(task(batch.image), depth), depth, rtol=1e-3)
        with pytest.raises(UserError, match=r"leaves .* open. Protocol 'none' takes predictions as they are"):
            refuse_unmeasured(task.loss, task.output_kind, rules.values())


def test_what_can_not_go_together_is_told():
    with pytest.raises(UserError, match="need a SetLoss, not L1"):
        build_task(composed("task._target_=depthbench.tasks.SetRegression"))
    with pytest.raises(UserError, match=r"task\.loss_space=feet"):
        build_task(composed("task.loss_space=feet"))
    with pytest.raises(UserError, match=r"task\.supervise_at=nowhere"):
        build_task(composed("task.supervise_at=nowhere"))
    task = build_task(composed())
    task.trainer = pl.Trainer(max_epochs=-1, logger=False, enable_checkpointing=False)
    with pytest.raises(UserError, match="Training has no length"):
        task.total_steps()


def test_the_encoder_learns_at_its_own_rate(tmp_path):
    task, before = trained(tmp_path, "optim.encoder_factor=0", "optim.optimizer.weight_decay=0", "loss=l1")
    rates = [group["lr"] for group in task.trainer.optimizers[0].param_groups]
    assert rates[0] == 0
    assert rates[1] > 0
    moved = {name for name, value in task.named_parameters() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("net.decoder.") for name in moved)

    task, _ = trained(tmp_path, "optim.encoder_factor=0.1", "loss=lee2020_all_uncertainty", "optim=adam")
    rates = [group["lr"] for group in task.trainer.optimizers[0].param_groups]
    assert rates == pytest.approx([1e-5, 1e-4, 1e-4])  # encoder, decoder, the loss's own weights
    for override, sentence in (("optim.encoder_factor=-1", "negative"), ("~optim.optimizer.lr", "is not given")):
        with pytest.raises(UserError, match=sentence):
            build_task(composed("optim.encoder_factor=0.5", override)).parameter_groups()


def test_schedules_against_their_closed_forms():
    cycle = OneCycle(warmup=0.25, start=10, end=100)
    assert cycle(0) == pytest.approx(0.1)
    assert cycle(0.25) == pytest.approx(1)
    assert cycle(0.625) == pytest.approx((1 + 0.01) / 2)
    assert cycle(1) == pytest.approx(0.01)
    assert [Steps((0.5, 0.75), 0.1)(share) for share in (0.49, 0.5, 0.9)] == pytest.approx([1, 0.1, 0.01])
    assert Polynomial(0.9, 0.1)(0.5) == pytest.approx(0.9 * 0.5**0.9 + 0.1)
    assert Polynomial(0.9, 0.1)(1.0) == pytest.approx(0.1)
