"""Trainings that start from trained weights, go on after their end, end early, or keep better weights."""

import os

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.inference.network import load
from depthbench.runs.folder import RunFolder
from depthbench.runs.origin import following, weights_hash
from depthbench.runs.results import read_scores
from depthbench.tasks import OneCycle
from depthbench.tasks.optimization import groups_by_name
from depthbench.training.start import network_weights
from depthbench.training.trainer import build_task
from tests.commands import TINY_NET, TINY_RUN, TINY_TWO_STREAM, make_frames
from tests.report.conftest import write_run
from tests.training.interrupted import Killed, assert_same, folder, interrupted, rows, train, weights

DESTROYED = [
    "optim.schedule._target_=depthbench.tasks.Steps",
    "+optim.schedule.at=[0.3]",
    "+optim.schedule.factor=1e4",
]
CONSTANT = ["optim=adam", "trainer.max_epochs=2"]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"), train=13)


@pytest.fixture(scope="module")
def parent(frames, tmp_path_factory):
    """A finished run of two epochs."""
    return finished(frames, tmp_path_factory.mktemp("parent"))


def finished(frames, output, *overrides):
    run = train(folder(frames, output, *CONSTANT, *overrides))
    run.write_json("DONE", {"score": 0.1, "steps": 6 + 2 * ("trainer.max_epochs=4" in overrides) * 3})
    return run


def test_a_continued_run_is_the_longer_run(frames, parent, tmp_path):
    """At a constant rate, two epochs and two more equal four epochs bit for bit: weights, scores, rows."""
    longer = train(folder(frames, tmp_path / "longer", *CONSTANT, "trainer.max_epochs=4"))
    went_on = folder(frames, tmp_path / "on", *CONSTANT, f"continue={parent.path}", "trainer.max_epochs=4")
    assert_same(train(went_on), longer)


@pytest.mark.slow
def test_a_killed_continued_run_goes_on(frames, parent, tmp_path):
    told = [*CONSTANT, f"continue={parent.path}", "trainer.max_epochs=4"]
    whole = train(folder(frames, tmp_path / "whole", *told))
    run = interrupted(folder(frames, tmp_path / "cut", *told), "on_train_batch_end", 5, "SIGTERM", BaseException)
    assert_same(train(run), whole)


@pytest.mark.parametrize("schedule", ["restart", "stretch", "hold"])
def test_the_schedule_goes_on_as_asked(frames, parent, tmp_path, schedule):
    cycle = ["optim.schedule._target_=depthbench.tasks.OneCycle", f"continue_schedule={schedule}"]
    longer = [f"continue={parent.path}", "trainer.max_epochs=4", "+trainer.log_every_n_steps=1"]
    run = train(folder(frames, tmp_path, *CONSTANT, *cycle, *longer))
    share = {"restart": lambda k: (k - 6) / 6, "stretch": lambda k: k / 12, "hold": lambda k: 1.0}[schedule]
    told = {int(row["step"]): float(row["lr-Adam"]) for row in rows(run) if row.get("lr-Adam")}
    assert {step: rate for step, rate in told.items() if step >= 6} == pytest.approx(
        {step: 1e-4 * OneCycle()(share(step)) for step in range(6, 12)}
    )


def test_continue_brings_the_overrides_of_the_run(parent):
    told = following(["-m", f"continue={parent.path}", "trainer.max_epochs=9", "seed=1,2"])
    assert "optim=adam" in told
    assert [one for one in told if one.startswith("trainer.max_epochs")] == ["trainer.max_epochs=9"]
    assert told[-1] == f"continue={parent.path}"


def test_what_continue_refuses(frames, parent, tmp_path):
    def refused(*overrides):
        with pytest.raises(UserError) as error:
            train(folder(frames, tmp_path, *CONSTANT, f"continue={parent.path}", *overrides))
        return str(error.value)

    assert "has had 2 epochs" in refused()
    assert "loss._target_" in refused("loss=l2", "trainer.max_epochs=4")
    assert "can't go together" in refused(f"init={parent.path}", "trainer.max_epochs=4")
    assert "choose one of restart, stretch, hold" in refused("trainer.max_epochs=4", "continue_schedule=new")
    unfinished = folder(frames, tmp_path, *CONSTANT)
    with pytest.raises(UserError, match="is not finished"):
        folder(frames, tmp_path, *CONSTANT, f"continue={unfinished.path}", "trainer.max_epochs=4")


def test_a_run_of_python_objects_is_not_continued_by_a_command(tmp_path):
    run = write_run(tmp_path)
    (run / "config.yaml").write_text("objects: {loss: {class: mine.Cauchy, hash: '1'}}\n")
    with pytest.raises(UserError, match=r"the loss of that run is a Python object \(mine.Cauchy\)"):
        following([f"continue={run}", "trainer.max_epochs=9"])


def test_a_training_in_stages_is_not_continued(frames, tmp_path):
    staged = [*TINY_TWO_STREAM, "loss=li2017_set", "data.size=[48,48]", "data.test_frames=2", "optim=adam"]
    first = train(folder(frames, tmp_path, *staged))
    first.write_json("DONE", {"score": 0.1, "steps": 9})
    with pytest.raises(UserError, match="stages of this training"):
        train(folder(frames, tmp_path, *staged, f"continue={first.path}", "trainer.max_epochs=4"))


def test_a_network_starts_from_a_run_a_checkpoint_and_an_exported_folder(frames, parent, tmp_path):
    exported = load(parent.path).save_pretrained(tmp_path / "exported")
    trained = {name: value for name, value in weights(parent).items() if name.startswith("net.")}
    frozen = ["optim.optimizer.lr=1e-30", "trainer.limit_train_batches=1", "trainer.max_epochs=1"]
    found = []
    for source in (parent.path, parent.checkpoint, exported):
        run = folder(frames, tmp_path / "new", *CONSTANT, *frozen, f"init={source}")
        found.append(run.path)
        if source == exported:  # the others have the same file
            train(run)
            state = weights(run)
            for name, value in trained.items():
                if "running" not in name and "num_batches" not in name:
                    assert torch.equal(state[name], value), name
    assert found[0] == found[1]  # the same weights, so the same run
    assert found[2] != found[0]


def test_weights_that_fit(frames, parent, tmp_path, capsys):
    wider = ["model.decoder.widths=[16,8,8,4]", f"init={parent.path}", "trainer.max_epochs=1"]
    with pytest.raises(UserError, match="init_match=fitting"):
        train(folder(frames, tmp_path, *CONSTANT, *wider))
    train(folder(frames, tmp_path, *CONSTANT, *wider, "init_match=fitting"))
    assert "weights; decoder" in capsys.readouterr().out


def test_weights_that_changed_are_noticed(frames, parent, tmp_path):
    file = tmp_path / "start.ckpt"
    file.write_bytes(parent.checkpoint.read_bytes())
    run = folder(frames, tmp_path, *CONSTANT, f"init={file}")
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(UserError, match="has changed since this run was made"):
        train(run)
    assert folder(frames, tmp_path, *CONSTANT, f"init={file}").path != run.path


def test_settings_that_joined_later_change_no_identity(parent):
    config = parent.config
    before = OmegaConf.to_container(config)
    for key in ("init", "init_match", "continue", "continue_schedule", "origin"):
        before.pop(key)
    for name in ("best", "early_stopping", "average"):
        before["callbacks"].pop(name)
    before["optim"].pop("factors")
    assert parent.same_as(OmegaConf.create(before))


def test_two_spellings_are_one_run(frames, tmp_path):
    one = folder(frames, tmp_path, *CONSTANT, "callbacks.best=AbsRel")
    assert folder(frames, tmp_path, *CONSTANT, "callbacks.best.score=AbsRel").path == one.path
    assert folder(frames, tmp_path, *CONSTANT, "callbacks.best.score=RMSE").path != one.path


def test_the_test_takes_the_best_weights(frames, tmp_path):
    """A rate that destroys the network after the first epoch: the best weights are those of before."""
    told = [*CONSTANT, *DESTROYED, "trainer.max_epochs=3", "callbacks.best=AbsRel"]
    run = train(folder(frames, tmp_path, *told))
    scores = [float(row["val/AbsRel"]) for row in rows(run) if row.get("val/AbsRel")]
    assert scores.index(min(scores)) < len(scores) - 1
    best = torch.load(run.best, weights_only=True)
    assert best["callbacks"]["BestCheckpoint"]["best"] == pytest.approx(min(scores))
    tested = next(iter(read_scores(run.path / "scores.json").values()))
    assert tested["AbsRel"] == pytest.approx(min(scores), rel=0.01)  # validation has some of the test frames
    assert scores[-1] > 1.05 * min(scores)
    loaded = load(run.path).net.state_dict()
    assert all(torch.equal(value, best["state_dict"][f"net.{name}"]) for name, value in loaded.items())


def test_training_ends_early(frames, tmp_path):
    told = [*CONSTANT, *DESTROYED, "trainer.max_epochs=9", "callbacks.early_stopping=2"]
    run = train(folder(frames, tmp_path, *told))
    scores = [float(row["val/AbsRel"]) for row in rows(run) if row.get("val/AbsRel")]
    best = scores.index(min(scores))
    assert best == len(scores) - 3
    assert len(scores) < 9


def test_an_average_is_what_is_kept(frames, tmp_path):
    run = train(folder(frames, tmp_path, *CONSTANT, "callbacks.average=0.9"))
    state = torch.load(run.checkpoint, weights_only=True)
    name = next(name for name in state["state_dict"] if name.endswith("weight"))
    assert state["callbacks"]["AverageWeights"]["latest_update_step"] == 6
    assert not torch.equal(state["state_dict"][name], state["current_model_state"][name])
    loaded = load(run.path).net.state_dict()
    assert torch.equal(loaded[name.removeprefix("net.")], state["state_dict"][name])


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["callbacks.average=0.9", "callbacks.best=AbsRel", "callbacks.early_stopping=1"])
@pytest.mark.parametrize(("hook", "call"), [("on_train_batch_end", 5), ("on_validation_batch_end", 2)])
def test_interrupted_and_continued_they_are_the_same(frames, tmp_path, extra, hook, call):
    whole = train(folder(frames, tmp_path / "whole", *CONSTANT, extra))
    run = interrupted(folder(frames, tmp_path / "cut", *CONSTANT, extra), hook, call, "kill", Killed)
    assert_same(train(run), whole)


@pytest.mark.parametrize("asked", ["callbacks.best=Bogus", "callbacks.early_stopping=-1", "callbacks.average=2"])
def test_wrong_values_get_a_sentence(frames, tmp_path, asked):
    with pytest.raises(UserError, match=asked.partition("=")[0]):
        train(folder(frames, tmp_path, *CONSTANT, asked))


def test_factors_on_the_rates_of_parts(frames, tmp_path):
    told = [*TINY_RUN, *TINY_NET, f"data.root={frames}", f"output={tmp_path}"]
    told += ["optim.factors={encoder:0,decoder.*:10}"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        task = build_task(compose("config", overrides=told))
    assert [group["lr"] for group in task.parameter_groups()] == pytest.approx([5e-3])
    assert not any(parameter.requires_grad for parameter in task.net.encoder.parameters())
    assert groups_by_name(task.net, 1.0, {"decoder.*.weight": 10, "decoder": 2})[0]["lr"] in (2, 10)
    with pytest.raises(UserError, match="matches no parameter of the network; try one of decoder, encoder"):
        groups_by_name(task.net, 1.0, {"encodr": 1})


def test_hash_of_weights(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    assert weights_hash(file) == "ba7816bf8f01cfea"
    assert RunFolder(tmp_path).weights == tmp_path / "checkpoints" / "last.ckpt"


def test_weights_that_are_no_file_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.safetensors")
    with pytest.raises(UserError, match="is not a file but a named pipe"):
        network_weights(tmp_path / "net.safetensors")
