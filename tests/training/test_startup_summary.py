"""What a run says of its frames and its time: whole steps, of both networks, in every stage."""

import pytest
import torch
from omegaconf import OmegaConf

from depthbench.data import DataModule
from depthbench.errors import UserError
from depthbench.training import startup_summary
from depthbench.training.startup_summary import _frames, announcement, estimate, training_steps
from depthbench.training.trainer import build_task, build_trainer
from tests.tasks.test_staged import composed as composed_staged
from tests.tasks.test_tasks import Frames, composed


def prepared(tmp_path, config):
    task = build_task(config)
    data = DataModule(Frames(8, (64, 96)), Frames(2, (64, 96)), batch_size=4)
    return task, data, build_trainer(config, task, tmp_path, [], [])


@pytest.fixture
def _counted(monkeypatch):
    """Time stands still but for the passes through networks: a second for each."""
    clock = {"now": 0.0}
    monkeypatch.setattr(startup_summary, "time", type("T", (), {"monotonic": staticmethod(lambda: clock["now"])}))
    call = torch.nn.Conv2d.forward

    def forward(self, image):
        clock["now"] += getattr(self, "seconds", 0.0)
        return call(self, image)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", forward)


def first_convolution(module):
    return next(part for part in module.modules() if isinstance(part, torch.nn.Conv2d))


@pytest.mark.usefixtures("_counted")
def test_the_discriminators_passes_are_timed(tmp_path):
    task, data, trainer = prepared(tmp_path, composed("loss=gan", "trainer.max_epochs=25"))
    first_convolution(task.net).seconds, first_convolution(task.discriminator).seconds = 9.0, 1.0
    before = {name: value.clone() for name, value in task.named_parameters()}
    # 50 steps with one pass of the network and three of the discriminator: the real map, the fake one, once for each.
    assert estimate(task, data, trainer, 4).startswith("About 10 minutes of training")
    assert all(torch.equal(value, before[name]) for name, value in task.named_parameters())


@pytest.mark.usefixtures("_counted")
def test_each_stage_is_timed(tmp_path):
    told = ["task.stages.fusion.length=2", "task.stages.refinement.length=1", "task.stages.combination.length=1"]
    told += ["task.stages.joint.length=1", "loss=l1", "trainer.max_epochs=50"]
    task, data, trainer = prepared(tmp_path, composed_staged(*told))
    first_convolution(task.net.combination).seconds = 10.0
    # Of 100 steps, 20 combine and 20 train all.
    assert estimate(task, data, trainer, 4).startswith("About 7 minutes of training")
    assert "in each stage" in estimate(task, data, trainer, 4)
    assert task.stage is None


def test_the_update_is_a_part_of_a_step(tmp_path, monkeypatch):
    task, data, trainer = prepared(tmp_path, composed("loss=l1", "trainer.max_epochs=1"))
    updates = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *args: (updates.append(1), step(self, *args))[1])
    estimate(task, data, trainer, 4, steps=2)
    assert len(updates) == 3


@pytest.mark.parametrize(
    ("split", "count", "said"),
    [
        ("230k", 229_999, "229999 frames, all there are of data.split=230k,"),
        ("230k", 230_000, "230000 frames"),
        (795, 795, "795 frames"),
        (None, 50_688, "50688 frames"),
        ("12k", 11_400, "11400 frames"),  # held out or skipped: not because there are too few
    ],
)
def test_a_round_amount_that_is_not_reached_is_said(split, count, said):
    assert _frames(OmegaConf.create({"data": {"split": split}}), count) == said


@pytest.mark.parametrize(("trainer", "said"), [("auto", True), ("cpu", False)])
def test_who_did_not_choose_the_cpu_is_told_of_the_short_way(tmp_path, trainer, said):
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU; this one has one")
    config = composed(f"trainer={trainer}", "loss=l1")
    task, data, made = prepared(tmp_path, config)
    assert ("append trainer=smoke" in announcement(config, task, data, made, False)) == said


def test_a_loss_that_leaves_something_open_is_told(tmp_path):
    told = [announcement(config, *prepared(tmp_path, config), False) for config in (composed("loss=ssi"), composed())]
    sentence = "The loss determines depth up to scale and shift: scores are of predictions that are fitted to the truth"
    assert f"{sentence} (rooms: alignment scale_shift)." in told[0]
    assert "The loss determines" not in told[1]


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize("epochs", ["-1", "null"])
def test_steps_that_end_the_training_are_timed(tmp_path, epochs):
    config = composed("loss=l1", f"trainer.max_epochs={epochs}", "trainer.max_steps=100")
    task, data, trainer = prepared(tmp_path, config)
    first_convolution(task.net).seconds = 3.0
    assert estimate(task, data, trainer, 4).startswith("About 5 minutes of training")
    assert "for 100 steps; test" in announcement(config, task, data, trainer, False)


def test_no_limit_of_steps(tmp_path):
    config = composed("loss=l1", "trainer.max_steps=null", "trainer.max_epochs=2")
    assert build_trainer(config, build_task(config), tmp_path, [], []).max_steps == -1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.limit_train_batches=0"], "limit_train_batches=0 leaves no batch"),
        (["trainer.limit_train_batches=0.1"], r"limit_train_batches=0\.1 leaves no batch"),
        (["trainer.max_epochs=-1"], "has no end"),
    ],
)
def test_a_training_without_a_step_or_an_end_is_refused(tmp_path, words, said):
    with pytest.raises(UserError, match=said):
        training_steps(*prepared(tmp_path, composed("loss=l1", *words)))
