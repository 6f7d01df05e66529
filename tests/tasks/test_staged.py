"""Training stage by stage: what is trained when, by which loss, and what can't be trained so."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.data import DataModule
from depthbench.errors import UserError
from depthbench.filling import smooth_bilateral
from depthbench.geometry import central_gradients
from depthbench.losses import Mirror
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.models import STAGES
from depthbench.tasks.staged import StageSpan, divide_steps
from depthbench.training.trainer import build_task, build_trainer
from tests.commands import TINY_RUN, TINY_TWO_STREAM, make_frames, run
from tests.tasks.test_tasks import Frames

SIZE = (48, 64)


def composed(*overrides):
    told = [*TINY_TWO_STREAM, "trainer=cpu", "logger=csv", "trainer.max_epochs=1", *overrides]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=told)


def trained(tmp_path, *overrides, steps):
    """A task after some steps, and after each: the stage, the blocks that moved, learning rate, optimizer's states."""
    config = composed(f"trainer.limit_train_batches={steps}", *overrides)
    task, notes = build_task(config), []
    ended = task.on_train_batch_end

    def note(*arguments):
        now = {name: value.detach().clone() for name, value in task.net.named_parameters()}
        moved = {name for name, value in now.items() if not torch.equal(value, before[name])}
        before.update(now)
        (optimizer,) = task.trainer.optimizers
        notes.append((task.stage, moved, optimizer.param_groups[0]["lr"], len(optimizer.state)))
        return ended(*arguments)

    task.on_train_batch_end = note
    before = {name: value.detach().clone() for name, value in task.net.named_parameters()}
    trainer = build_trainer(config, task, tmp_path, [], [])
    trainer.fit(task, datamodule=DataModule(Frames(2 * steps, SIZE), Frames(2, SIZE), Frames(2, SIZE), batch_size=2))
    return task, notes


BLOCKS = {
    "fusion": ("depth.parsing.", "depth.fusion.", "gradient.parsing.", "gradient.fusion."),
    "refinement": ("depth.refinement.", "gradient.refinement."),
    "combination": ("combination.",),
    "joint": ("depth.", "gradient.", "combination."),
}


@pytest.mark.parametrize("loss", ["l1", "li2017_set"])
def test_each_stage_moves_its_blocks_and_no_others(loss, tmp_path):
    task, notes = trained(tmp_path, f"loss={loss}", steps=5)
    names = [name for name, _ in task.net.named_parameters()]
    assert [stage for stage, *_ in notes] == ["fusion", "fusion", "refinement", "combination", "joint"]
    for stage, moved, _, states in notes:
        blocks = BLOCKS[stage]
        assert all(name.startswith(blocks) for name in moved), stage
        assert all(any(name.startswith(block) for name in moved) for block in blocks), stage
        assert states == sum(name.startswith(blocks) for name in names)  # a fresh optimizer knows of no others


def test_each_stage_has_its_rate_and_goes_through_the_schedule(tmp_path):
    overrides = ["optim=adam", "optim.schedule._target_=depthbench.tasks.Steps", "task.stages.fusion.length=2"]
    _, notes = trained(tmp_path, "loss=l1", "optim.optimizer.lr=1e-2", *overrides, steps=8)
    # The scheduler has already set the rate of the step to come: halfway through a stage, a tenth.
    rates = [rate for _, _, rate, _ in notes][:-1]
    assert rates == pytest.approx([1e-3, 1e-2, 1e-3, 1e-2, 1e-3, 1e-3, 1e-4])


def test_fixed_blocks_stay_in_evaluation_mode_after_validation_too(tmp_path):
    task, _ = trained(tmp_path, "loss=l1", "task.stages.combination.length=0", "task.stages.joint.length=0", steps=2)
    assert task.stage == "refinement"
    task.eval().train()
    trains = {name for name, module in task.net.named_modules() if module.training}
    assert trains
    assert all(".refinement" in name for name in trains)


def test_the_losses_of_each_stage(tmp_path):
    """Recomputed from the network's maps: depth and gradients apart, then depth and consistency (li2017, eq. 5, 6)."""
    task = build_task(composed("loss=li2017_single")).eval()
    frames = Frames(3, SIZE)
    image, depth = frames.images, frames.depths
    batch = next(iter(DataModule(frames, frames, test_batch_size=3).test_dataloader()))
    assert torch.equal(batch.depth, depth)

    def squares(prediction, target, valid):
        error = ((prediction.double() - target.double()) ** 2)[valid]
        return error.mean() if len(error) else error.sum()

    for stage in STAGES:
        task.stage = stage
        maps = task.net.maps(image, stage)
        output = maps.depth if maps.combined is None else maps.combined
        truth = resize_nearest(depth, output.shape[-2:])
        valid = truth > 0
        expected = squares(output, truth.clamp(min=1e-9).log(), valid)
        if maps.combined is None:
            gradient, known = central_gradients(truth, valid)
        else:
            gradient, known = central_gradients(maps.combined.exp(), valid)
        expected += sum(squares(maps.gradient[:, i], gradient[:, i], known[:, i]) for i in (0, 1))
        torch.testing.assert_close(task.measure(batch).double(), expected, rtol=1e-5, atol=1e-6)


def test_both_streams_see_the_same_set():
    """A network that knows its set: gradients of a mirrored image are those of the mirrored depth."""
    task = build_task(composed("loss=li2017_set", "model.space._target_=depthbench.models.MetricDepth"))
    task.loss.transforms = task.gradient_loss.transforms = [Mirror()]
    size = (20, 30)
    truth = 1 + torch.rand(2, 1, *size)
    both = torch.cat([truth, truth.flip(-1)])
    gradient, _ = central_gradients(both)
    batch = Frames(2, size)[0]._replace(image=torch.rand(2, 3, *size), depth=truth)
    for stage in STAGES:
        task.stage = stage
        combined = both if stage in ("combination", "joint") else None
        task.net.maps = lambda image, stage, combined=combined: type(
            "M", (), {"depth": both, "gradient": gradient, "combined": combined}
        )
        assert task.measure(batch).item() == pytest.approx(0, abs=1e-10)


def test_only_the_first_steps_are_clipped(tmp_path, monkeypatch):
    norms = []
    monkeypatch.setattr(
        "depthbench.tasks.staged.Staged.clip_gradients", lambda self, optimizer, value, kind: norms.append(value)
    )
    trained(tmp_path, "loss=l1", "task.clip_norm=0.5", "task.clip_steps=3", steps=4)
    assert norms == [0.5, 0.5, 0.5, None]
    norms.clear()
    trained(tmp_path, "loss=l1", "trainer.gradient_clip_val=2", "task.clip_steps=3", steps=4)
    assert norms == [2, 2, 2, 2]


def test_streams_combined_by_optimization(tmp_path):
    told = ["model.combine=optimization", "task.stages.combination.length=0", "task.stages.joint.length=0"]
    task, notes = trained(tmp_path, "loss=l1", *told, steps=2)
    assert [stage for stage, *_ in notes] == ["fusion", "refinement"]
    image = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        fused, stream = task.eval()(image), task.net.to_depth(task.net.maps(image, "refinement").depth)
    assert fused.shape == (1, 1, *SIZE)
    assert fused.isfinite().all()
    assert not torch.allclose(fused, resize_bilinear(stream, SIZE))


def test_the_depth_stream_smoothed_by_a_bilateral_filter(tmp_path):
    left_out = ["task.stages.combination.length=0", "task.stages.joint.length=0"]
    task, _ = trained(tmp_path, "loss=l1", "model.combine=bilateral", *left_out, steps=2)
    image = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        stream = task.eval().net.to_depth(task.net.maps(image, "refinement").depth)
        torch.testing.assert_close(task(image), resize_bilinear(smooth_bilateral(stream), SIZE))
        assert not torch.allclose(smooth_bilateral(stream), stream)


@pytest.mark.parametrize("last", ["fusion", "refinement"])
def test_a_training_that_ends_early_predicts_by_what_is_trained(last, tmp_path):
    left_out = [f"task.stages.{stage}.length=0" for stage in STAGES[STAGES.index(last) + 1 :]]
    task, _ = trained(tmp_path, "loss=l1", "model.combine=none", *left_out, steps=2)
    image = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        depth = task.net.to_depth(task.eval().net.maps(image, last).depth)
        assert torch.equal(task(image), resize_bilinear(depth, SIZE))


def test_a_frozen_encoder_stays_frozen(tmp_path):
    _, notes = trained(tmp_path, "loss=l1", "+model.encoder.frozen=true", steps=5)
    assert not any("encoder" in name for _, moved, *_ in notes for name in moved)


def test_steps_are_shared_out():
    stages = {"fusion": {"length": 3, "lr_factor": 1.0}, "refinement": {"length": 0, "lr_factor": 1.0}}
    stages["joint"] = {"length": 1, "lr_factor": 0.1}
    assert divide_steps(stages, 10) == [StageSpan("fusion", 0, 8, 1.0), StageSpan("joint", 8, 10, 0.1)]
    stages |= {"fusion": {"length": 1, "lr_factor": 1.0}, "refinement": {"length": 100, "lr_factor": 1.0}}
    assert [(span.start, span.stop) for span in divide_steps(stages, 3)] == [(0, 1), (1, 2), (2, 3)]
    with pytest.raises(UserError, match="2 steps are too few for the stages fusion, refinement, joint"):
        divide_steps(stages, 2)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["loss=gan"], r"can't use this loss, which sets task\.buffer_size"),
        (["loss=heteroscedastic"], r"set model\.decoder\.out_channels, but TwoStreamNet has no decoder"),
        (["task.supervise_at=input"], r"set task\.supervise_at=output"),
        (["+task.stages.last={length:1,lr_factor:1}"], "no stage 'last'; its stages are fusion"),
        (["task.stages.fusion.length=-1"], "must not be negative"),
        (["+task.stages.fusion.rate=1"], r"task\.stages\.fusion must have exactly the keys length and lr_factor"),
        (["model.combine=optimization"], "no stage 'combination'; its stages are fusion, refinement"),
        (["model.combine=magic"], "not by magic"),
    ],
)
def test_what_can_not_go_together_is_told(overrides, sentence):
    with pytest.raises(UserError, match=sentence):
        build_task(composed(*overrides))


def test_another_network_is_refused():
    config = composed()
    config.model = composed_small().model
    with pytest.raises(UserError, match="needs the two-streamed network, not DepthNet"):
        build_task(config)


def composed_small():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config")


def test_too_short_a_run_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(UserError, match="too few for the stages"):
        trained(tmp_path, "loss=l1", steps=2)


def test_a_smoke_test_has_a_step_for_every_stage():
    config = composed("trainer=smoke")
    assert len(divide_steps(config.task.stages, config.trainer.limit_train_batches)) == len(STAGES)


@pytest.mark.slow
def test_two_processes_train_what_one_trains(tmp_path):
    """They agree in every stage, although the trained parts change after the processes agreed on the shared ones."""
    told = [*TINY_RUN, *TINY_TWO_STREAM, "loss=li2017_single", "optim=li2017", "optim.optimizer.lr=0.1", "augment=none"]
    told += ["model.dropout=0", "+model.encoder.frozen=true"]  # what depends on the share of the batch
    told += ["data.size=[48,48]", "data.test_frames=2", "trainer.max_epochs=3", f"data.root={tmp_path / 'frames'}"]
    told += ["trainer.precision=32-true"]  # trainer=ddp would choose bf16 on a processor with AMX
    make_frames(tmp_path / "frames")
    states = []
    for devices in ([], ["trainer=ddp", "trainer.accelerator=cpu", "trainer.estimate=false"]):
        output = tmp_path / str(len(states))
        run(tmp_path, *told, *devices, f"output={output}")
        (checkpoint,) = output.glob("*/checkpoints/last.ckpt")
        states.append(torch.load(checkpoint, weights_only=True)["state_dict"])
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_compiled_are_the_maps_that_the_stages_call(tmp_path, monkeypatch):
    compiled = []

    def compile_only(function, **settings):
        def called(*arguments):
            compiled.append(arguments[1])
            return function(*arguments)

        return called

    monkeypatch.setattr(torch, "compile", compile_only)
    config = composed("loss=l1", "trainer.limit_train_batches=4")
    task = build_task(config)
    task.compile_network()
    data = DataModule(Frames(8, SIZE), Frames(2, SIZE), batch_size=2)
    build_trainer(config, task, tmp_path, [], []).fit(task, datamodule=data)
    assert compiled == ["fusion", "refinement", "combination", "joint"]
