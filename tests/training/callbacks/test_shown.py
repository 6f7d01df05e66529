"""What is shown: panels in the protocol's range, validation scores in a terminal, one count of steps."""

import numpy as np
import pytorch_lightning as pl

from depthbench.data import DataModule
from depthbench.palette import colorize
from depthbench.training.callbacks import LossWeights, Panels, ProgressBar, StatusReporter, status_reporter
from depthbench.training.callbacks.panels import panel
from depthbench.training.loggers import MetricsTable
from depthbench.training.trainer import build_task, build_trainer
from tests.tasks.test_tasks import Frames, composed


class Shown(pl.loggers.Logger):
    """A logger that keeps the pictures."""

    name, version = "shown", ""

    def __init__(self):
        super().__init__()
        self.pictures = {}

    def log_hyperparams(self, *arguments, **settings):
        pass

    def log_metrics(self, metrics, step=None):
        pass

    def log_image(self, key, images, step, caption):
        self.pictures[key] = (images, step, caption)


def test_panels_are_colored_in_the_range_of_the_protocol(tmp_path):
    for protocol, far in (("garg", 80.0), ("full", 10.0)):
        config = composed("loss=l1", f"protocol={protocol}", "protocol.region=full", "trainer.max_epochs=1")
        task, shown = build_task(config), Shown()
        data = DataModule(Frames(4), Frames(4), Frames(4), batch_size=4)
        trainer = build_trainer(config, task, tmp_path, [Panels(count=1, every=1)], [shown])
        trainer.fit(task, datamodule=data)
        ((picture,), step, names) = shown.pictures["panels/val"]
        assert (step, names) == (0, ["0"])
        truth = Frames(4).depths[0, 0].half().float().numpy()
        expected = colorize(np.where(truth > 0, truth, np.nan).astype(float), far, "turbo_r")
        np.testing.assert_array_equal(picture[: len(truth), 96:192], expected)
        assert (picture[len(truth) :, :96] == 255).all()  # under the picture; the bars are under depth and error
        assert len(np.unique(picture[len(truth) :, 96:288].reshape(-1, 3), axis=0)) > 50


def test_far_depth_and_large_errors_keep_their_colors():
    image = np.zeros((1, 3, 3), np.uint8)
    truth, prediction = np.array([[20.0, 40.0, 70.0]]), np.array([[21.0, 44.0, 60.0]])
    colors = panel(image, truth, prediction, far=80.0).reshape(4, 3, 3)
    for view in colors[1:]:
        assert len(np.unique(view, axis=0)) == 3


def test_a_terminal_shows_validation_scores_and_no_id(tmp_path, monkeypatch):
    seen, lines = [], []
    bar = ProgressBar()
    get = bar.get_metrics
    monkeypatch.setattr(bar, "get_metrics", lambda *args: seen.append(get(*args)) or seen[-1])
    monkeypatch.setattr(bar, "print", lambda line: lines.append(line))
    config = composed("loss=l1", "trainer.max_epochs=2")
    task = build_task(config)
    reporter = StatusReporter(lambda **fields: None, 4)
    trainer = build_trainer(config, task, tmp_path, [reporter, bar], [MetricsTable(tmp_path)], log_every=1)
    trainer.fit(task, datamodule=DataModule(Frames(4), Frames(4), Frames(4), batch_size=4))
    assert not any("v_num" in metrics for metrics in seen)
    assert {"train/loss", "val/AbsRel"} <= set(seen[-1])
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("validation AbsRel 0." in line for line in lines)


def test_steps_are_those_of_the_network_in_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr(status_reporter, "INTERVAL", 0)
    told = ["loss=mehrzadeh2020_adversarial", "model.space._target_=depthbench.models.MetricDepth"]
    config = composed(*told, "trainer.max_steps=3", "trainer.max_epochs=9")
    task, table = build_task(config), MetricsTable(tmp_path)
    callbacks = [LossWeights(1), StatusReporter(lambda **fields: None, 4)]
    trainer = build_trainer(config, task, tmp_path, callbacks, [table], log_every=1)
    trainer.fit(task, datamodule=DataModule(Frames(8), Frames(4), Frames(4), batch_size=4))
    assert task.total_steps() == 3
    for column, steps in (
        ("train/loss", [0, 1, 2]),
        ("speed/images_per_second", [0, 1, 2]),
        ("terms/depth", [1]),
        ("val/AbsRel", [1]),
    ):
        assert [row["step"] for row in table.rows if column in row] == steps, column
