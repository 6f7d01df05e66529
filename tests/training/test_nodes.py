"""Callbacks and loggers are nodes of the configuration: changed, left out, added by a line."""

import pytest
from hydra import compose, initialize_config_dir
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor
from pytorch_lightning.loggers import CSVLogger

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder
from depthbench.training.callbacks import LastCheckpoint, LossWeights, Panels, Profiles
from depthbench.training.loggers import MetricsTable, WandB
from depthbench.training.trainer import build_callbacks, build_loggers, train_and_test
from tests.commands import TINY_NET, make_frames
from tests.training.interrupted import folder, rows


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def made(tmp_path, *overrides):
    run = RunFolder(tmp_path)
    run.write_json("run.json", {"name": "loss=l1", "wandb_id": "1234-ab"})
    return {type(callback): callback for callback in build_callbacks(run, composed(*overrides), progress_bar=False)}


def test_the_default_nodes(tmp_path):
    callbacks = made(tmp_path)
    assert (callbacks[Panels].count, callbacks[Panels].every) == (4, 5)
    assert callbacks[LastCheckpoint].every == 1
    assert callbacks[LossWeights].periods_per_epoch == 4
    assert {Profiles, LearningRateMonitor} <= set(callbacks)


def test_arguments_are_changed_by_their_names_and_by_short_keys(tmp_path):
    named = made(
        tmp_path,
        "callbacks.panels.count=8",
        "callbacks.panels.every=2",
        "callbacks.checkpoint.every=3",
        "callbacks.loss_weights.periods_per_epoch=2",
    )
    short = made(
        tmp_path,
        "callbacks.panels=8",
        "callbacks.panels_every=2",
        "callbacks.checkpoint_every=3",
        "callbacks.progress_bar=false",
    )
    for callbacks in (named, short):
        assert (callbacks[Panels].count, callbacks[Panels].every) == (8, 2)
        assert callbacks[LastCheckpoint].every == 3
    assert named[LossWeights].periods_per_epoch == 2


@pytest.mark.parametrize("off", ["null", "false", "0"])
def test_a_node_is_left_out(tmp_path, off):
    assert Panels not in made(tmp_path, f"callbacks.panels={off}")
    assert Profiles not in made(tmp_path, f"callbacks.profiles={off}")


def test_the_callbacks_of_an_older_run_folder(tmp_path):
    config = composed()
    config.callbacks = {"panels": 6, "panels_every": 3, "checkpoint_every": 2, "progress_bar": True}
    RunFolder(tmp_path).write_json("run.json", {})
    callbacks = {type(callback): callback for callback in build_callbacks(RunFolder(tmp_path), config, False)}
    assert (callbacks[Panels].count, callbacks[Panels].every, callbacks[LastCheckpoint].every) == (6, 3, 2)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["callbacks.checkpoint=null"], "needs callbacks.checkpoint"),
        (["+callbacks.stop.monitor=val/AbsRel"], "callbacks.stop has no _target_"),
        (["callbacks.panels.count=-1"], "at least 1"),
        (["callbacks.checkpoint.every=0"], "at least 1"),
        (["callbacks.loss_weights.periods_per_epoch=0"], "at least 1"),
        (["+callbacks.stop._target_=os.system"], "not allowed"),
    ],
)
def test_mistakes_get_a_sentence(tmp_path, overrides, sentence):
    with pytest.raises(UserError, match=sentence):
        made(tmp_path, *overrides)


def test_early_stopping_joins_by_two_words_and_ends_the_training(tmp_path):
    stop = ["+callbacks.stop._target_=pytorch_lightning.callbacks.EarlyStopping", "+callbacks.stop.monitor=val/AbsRel"]
    stop += ["+callbacks.stop.patience=1", "+callbacks.stop.min_delta=10", "trainer.max_epochs=9"]
    assert made(tmp_path, *stop)[EarlyStopping].monitor == "val/AbsRel"
    run = folder(make_frames(tmp_path / "frames", train=4), tmp_path / "runs", *TINY_NET, *stop, "data.split=4")
    train_and_test(run, progress_bar=False)
    assert run.done
    epochs = [row["epoch"] for row in rows(run) if row["val/AbsRel"]]
    assert epochs == ["0", "1"]
    # Once over, it stays so: only the test is left.
    (run.path / "DONE").unlink()
    before = rows(run)
    train_and_test(run, progress_bar=False)
    assert rows(run) == before


def test_several_loggers_at_once(tmp_path):
    run = RunFolder(tmp_path)
    run.write_json("run.json", {"name": "loss=gan,seed=1", "wandb_id": "1234-ab", "choices": {"loss": "gan"}})
    told = ["logger=[csv,wandb]", "logger.mode=disabled", "logger.project=mine"]
    told += ["+logger.more._target_=pytorch_lightning.loggers.CSVLogger", "+logger.more.save_dir='{folder}/more'"]
    table, wandb, more = build_loggers(run, composed(*told))
    assert isinstance(table, MetricsTable)
    assert isinstance(wandb, WandB)
    assert isinstance(more, CSVLogger)
    assert more.save_dir == f"{tmp_path}/more"
    assert wandb.name == "mine"
    assert wandb.version == "1234-ab"
    assert [type(logger) for logger in build_loggers(run, composed("logger=csv"))] == [MetricsTable]


def test_short_trainings_have_their_loss_and_rate_in_the_table(tmp_path):
    run = folder(make_frames(tmp_path / "frames", train=8), tmp_path / "runs", "data.split=8", "loss=l1")
    train_and_test(run, progress_bar=False)
    table = rows(run)
    assert [row["epoch"] for row in table if row["train/loss"]] == ["0", "1", "2"]
    assert [row["step"] for row in table if row["train/loss"]] == ["1", "3", "5"]
    assert [row["step"] for row in table if row["lr-AdamW"]] == ["1", "3", "5"]
    assert [(row["epoch"], row["step"]) for row in table if row["train/loss_epoch"]] == [
        ("0", "1"), ("1", "3"), ("2", "5"),
    ]  # fmt: skip


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps(tmp_path):
    frames = make_frames(tmp_path / "frames", train=12)
    told = ["loss=l1", "trainer.max_epochs=1", "+trainer.log_every_n_steps=1"]
    run = folder(frames, tmp_path / "runs", "data.split=12", *told)
    train_and_test(run, progress_bar=False)
    losses = [float(row["train/loss"]) for row in rows(run) if row["train/loss"]]
    (mean,) = [float(row["train/loss_epoch"]) for row in rows(run) if row["train/loss_epoch"]]
    assert len(losses) == 3
    assert mean == pytest.approx(sum(losses) / 3, rel=1e-6)


@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_half_precision_throughout_is_refused_before_the_training(tmp_path, precision):
    run = folder(make_frames(tmp_path / "frames", train=4), tmp_path, f"trainer.precision={precision}", "data.split=4")
    with pytest.raises(UserError, match=f"{precision} keeps the weights"):
        train_and_test(run, progress_bar=False)
    assert not (run.path / "metrics.csv").exists()
