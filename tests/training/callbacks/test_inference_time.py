"""How long a network takes: by a clock that the test moves; also how long a run takes."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from depthbench.data.frame import Frame, collate
from depthbench.training.callbacks import InferenceTime, StatusReporter, inference_time
from depthbench.training.callbacks import status_reporter as progress


class Clock:
    """A clock that stands still unless moved."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Net(pl.LightningModule):
    """Takes as long as it is told, pass by pass, and remembers what it was shown."""

    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds, self.seen = clock, iter(seconds), []

    def forward(self, image):
        self.clock.now += next(self.seconds)
        self.seen.append((image, self.training, torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
        return image[:, :1]

    def test_step(self, batch, batch_idx):
        return batch.image[:, :1]


def after_test(clock, seconds, monkeypatch, precision="32-true"):
    """The network after a test of three frames in batches of two, and what the callback reported."""
    monkeypatch.setattr(inference_time, "time", clock)
    frames = [Frame(torch.full((3, 6, 8), float(k)), torch.ones(1, 12, 16), None, f"{k}") for k in range(3)]
    net, reported = Net(clock, seconds), []
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    callback = InferenceTime(lambda **fields: reported.append(fields))
    trainer = pl.Trainer(accelerator="cpu", callbacks=[callback], precision=precision, **quiet)
    trainer.test(net, DataLoader(frames, batch_size=2, collate_fn=collate), verbose=False)
    return net, reported


@pytest.mark.parametrize(
    ("seconds", "median"),
    [
        ([9, 0.25], 0.25),  # a first pass that takes all of the time: still one that counts
        ([0.5, 1, 2, 3], 1.5),  # none begins when 3 seconds have passed
        ([0.25, *np.arange(1, 11) / 64, 0.5], 5.5 / 64),  # ten at most
    ],
)
def test_the_median_of_some_passes_after_a_first_one(monkeypatch, seconds, median):
    _, reported = after_test(Clock(), seconds, monkeypatch)
    assert reported == [{"seconds_per_image": median}]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_one_image_of_the_test_in_the_runs_precision(monkeypatch, precision):
    net, _ = after_test(Clock(), [1, 1, 1, 1], monkeypatch, precision)
    assert len(net.seen) == 3
    for image, *state in net.seen:
        assert state == [False, False, precision == "bf16-mixed"]
        assert torch.equal(image, torch.zeros(1, 3, 6, 8))


def test_a_continued_run_goes_on_counting(monkeypatch):
    """100 s to the checkpoint, 7 s that are lost, 30 s after it."""
    clock, reported = Clock(), {}
    monkeypatch.setattr(progress, "time", clock)
    first = StatusReporter(reported.update, batch_size=4)
    clock.now += 100
    checkpoint = first.state_dict()
    clock.now += 7
    second = StatusReporter(reported.update, batch_size=4)
    second.load_state_dict(checkpoint)
    clock.now += 30
    second.on_test_end(pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), Net(clock, []))
    assert reported == {"seconds": 130}
