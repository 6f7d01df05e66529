"""TensorBoard and trackio, where they are installed, and the sentence where they are not."""

import importlib
import sys

import numpy as np
import pytest

from depthbench.errors import UserError
from depthbench.runs.results import read_scores
from depthbench.training.callbacks import status_reporter
from depthbench.training.loggers import MetricsTable, TensorBoard, Trackio
from depthbench.training.loggers.trackio import flat
from depthbench.training.trainer import train_and_test
from tests.commands import make_frames
from tests.training.interrupted import Killed, folder, interrupted, train

TWO_EPOCHS = ["data.split=8", "trainer.max_epochs=2", "data.test_frames=2", "loss=l1"]
SHORT = ["data.split=8", "trainer.max_epochs=1", "data.test_frames=2", "loss=l1"]


def trained(tmp_path, *overrides):
    run = folder(make_frames(tmp_path / "frames", train=8, test=2), tmp_path / "runs", *SHORT, *overrides)
    train_and_test(run, progress_bar=False)
    return run


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="needs the package tensorboard, which is not installed")
    accumulators = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    run = trained(tmp_path, "logger=tensorboard")
    events = accumulators.EventAccumulator(str(run.path / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert {"train/loss", "train/loss_epoch", "val/AbsRel", "test/full/RMSE", "lr-AdamW"} <= set(
        events.Tags()["scalars"]
    )
    assert [event.step for event in events.Scalars("train/loss")] == [1]
    score = read_scores(run.path / "scores.json")["full"]["AbsRel"]
    assert events.Scalars("test/full/AbsRel")[0].value == pytest.approx(score)
    assert {"panels/test/0", "panels/test/1"} <= set(events.Tags()["images"])
    assert (run.path / "metrics.csv").is_file()


@pytest.mark.parametrize(("hook", "call"), [("on_train_batch_end", 4), ("on_test_end", 1)])
def test_tensorboard_repeats_no_step_of_a_continued_run(hook, call, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="needs the package tensorboard, which is not installed")
    accumulators = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(status_reporter, "INTERVAL", 0)
    run = folder(
        make_frames(tmp_path / "frames", train=8, test=2), tmp_path / "runs", *TWO_EPOCHS, "logger=tensorboard"
    )
    interrupted(run, hook, call, "kill", Killed)
    train(run)
    events = accumulators.EventAccumulator(str(run.path / "tensorboard")).Reload()
    table = MetricsTable(run.path)
    for name in set(table.columns) - {"epoch", "step"}:
        wanted = [(int(row["step"]), float(row[name])) for row in table.rows if row.get(name) not in (None, "")]
        found = [(event.step, event.value) for event in events.Scalars(name)]
        assert found == [(step, pytest.approx(value)) for step, value in wanted], name
    assert len(events.Tags()["scalars"]) > 10


def test_the_first_forgotten_step_is_hidden_and_its_kept_numbers_are_shown_anew(tmp_path, monkeypatch):
    """A stand-in serves for the writer where the package is not installed."""
    writers = []

    class Writer:
        def __init__(self, **told):
            self.told, self.scalars = told, []
            writers.append(self)

        def add_scalar(self, key, value, step):
            self.scalars.append((key, value, step))

        def close(self):
            self.told["closed"] = True

        flush = close

    logger = object.__new__(TensorBoard)
    monkeypatch.setattr(TensorBoard, "experiment", property(lambda self: self._made()))
    logger._kwargs, logger._prefix, logger._experiment = {}, "", Writer()

    def made():
        logger._experiment = logger._experiment or Writer(**logger._kwargs)
        return logger._experiment

    logger._made = made
    logger.keep([{"step": "3", "a": "0.5"}, {"step": "4", "a": "", "b": "2.5"}], [{"step": "4", "a": "1"}])
    first, second = writers
    assert first.told == {"closed": True}
    assert second.told["purge_step"] == 4
    assert second.scalars == [("b", 2.5, 4)]
    logger.keep([{"step": "3"}], [])
    assert len(writers) == 2, "nothing is forgotten"


def test_trackio(tmp_path, monkeypatch):
    pytest.importorskip("trackio", reason="needs the package trackio, which is not installed")
    for module in [name for name in sys.modules if name == "trackio" or name.startswith("trackio.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    run = trained(tmp_path, "logger=trackio", "logger.project=mine")
    api = importlib.import_module("trackio").Api()
    (found,) = list(api.runs("mine"))
    assert found.name == run.run["wandb_id"]
    logged = importlib.import_module("trackio.sqlite_storage").SQLiteStorage.get_logs("mine", found.name)
    by_name = {key: (row["step"], value) for row in logged for key, value in row.items()}
    assert by_name["train/loss"][0] == 1
    assert by_name["test/full/AbsRel"][1] == pytest.approx(read_scores(run.path / "scores.json")["full"]["AbsRel"])
    assert {"panels/test/0", "panels/test/1"} <= set(by_name), sorted(by_name)


@pytest.mark.parametrize("name", ["tensorboard", "trackio"])
def test_a_missing_package_gets_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    for place in ("pytorch_lightning.loggers.tensorboard", "lightning_fabric.loggers.tensorboard"):
        for flag in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
            monkeypatch.setattr(f"{place}.{flag}", False, raising=False)
    with pytest.raises(UserError, match=f"logger.*{name}"):
        trained(tmp_path, f"logger={name}")


def test_pictures_and_numbers_go_to_trackio_by_the_networks_step(monkeypatch):
    """A stand-in for the package notes the calls that it gets."""
    calls = []

    class Run:
        def log(self, metrics, step):
            calls.append((metrics, step))

        def finish(self):
            calls.append("finish")

    class Stand:
        Image = staticmethod(lambda image, caption: (image.shape, caption))

        @staticmethod
        def init(project, **arguments):
            calls.append((project, arguments))
            return Run()

    monkeypatch.setitem(sys.modules, "trackio", Stand)
    logger = Trackio("mine", "1234", space_id="me/space")
    logger.log_hyperparams({"data": {"size": [4, 5], "root": "x"}})
    logger.log_metrics({"a": 1.0}, 7)
    logger.log_image("p", [np.zeros((2, 3, 3), np.uint8)], step=8, caption=["f"])
    logger.finalize("success")
    (project, told), *rest = calls
    assert project == "mine"
    assert told["config"] == {"data.size": "[4, 5]", "data.root": "x"}
    assert (told["name"], told["resume"], told["space_id"]) == ("1234", "allow", "me/space")
    assert rest == [({"a": 1.0}, 7), ({"p/0": ((2, 3, 3), "f")}, 8), "finish"]
    assert flat({"a": {"b": 1}}) == {"a.b": 1}
