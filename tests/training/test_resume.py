"""An interrupted run ends with bit for bit the weights of an uninterrupted one (on the CPU)."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.runs.folder import RunFolder
from depthbench.training.callbacks import LastCheckpoint, Stopped
from depthbench.training.trainer import train_and_test
from tests.commands import TINY_NET, TINY_RUN, TINY_TWO_STREAM, make_frames


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"), train=13)


def folder(frames, output, *overrides):
    net = [] if overrides[0] == TINY_TWO_STREAM[0] else TINY_NET
    told = [*TINY_RUN, f"data.root={frames}", f"output={output}", "data.split=13", "trainer.max_epochs=3"]
    told += [*net, *overrides]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return RunFolder.create(compose("config", overrides=told), told, {})


def weights(run):
    return torch.load(run.checkpoint, weights_only=True)["state_dict"]


class StopAfter(LastCheckpoint):
    """Raise the flag that a signal would raise, after a number of steps."""

    def __init__(self, *args, steps, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = steps

    def on_train_batch_end(self, trainer, *args, **kwargs):
        self.steps -= 1
        self.asked = self.steps == 0
        super().on_train_batch_end(trainer, *args, **kwargs)


STAGED = [*TINY_TWO_STREAM, "loss=li2017_set", "data.size=[48,48]", "data.test_frames=2"]

# Stochastic depth and augmentation draw random numbers; of 13 frames, passes begin in the middle of a batch of 4.
CASES = {
    "epoch end": (3, ["loss=l1", "+model.encoder.options={drop_path_rate:0.5}"]),
    "mid-epoch": (5, ["loss=l1"]),
    "mid-epoch, adversarial": (4, ["loss=gan", "task.buffer_size=3", "data.size=[96,96]"]),
    "mid-period": (4, ["loss=lee2020"]),
    "first step": (1, ["loss=berhu"]),
    "staged, in the fusion": (2, STAGED),
    "staged, between two stages": (4, STAGED),
    "staged, in the combination": (6, STAGED),
    "staged, in the joint training": (8, STAGED),
}


def test_the_time_of_all_starts_is_in_the_marker(frames, tmp_path, monkeypatch):
    run = folder(frames, tmp_path, "loss=l1", "trainer.max_epochs=1")
    with monkeypatch.context() as patch:
        patch.setattr(
            "depthbench.training.trainer.LastCheckpoint",
            lambda path, every: StopAfter(path, every, steps=1),
        )
        with pytest.raises(Stopped):
            train_and_test(run, progress_bar=False)
    checkpoint = torch.load(run.checkpoint, weights_only=True)
    assert 0 < checkpoint["callbacks"]["StatusReporter"]["seconds"] < 1000
    checkpoint["callbacks"]["StatusReporter"]["seconds"] += 1000  # as if the first start had taken longer
    torch.save(checkpoint, run.checkpoint)
    train_and_test(run, progress_bar=False)
    assert 1000 < run.read_json("DONE")["seconds"] < 2000


SLOW = {"staged, in the fusion", "staged, in the combination"}


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in CASES])
def test_resumed_equals_uninterrupted(case, frames, tmp_path, monkeypatch):
    steps, overrides = CASES[case]
    whole = folder(frames, tmp_path / "whole", *overrides)
    train_and_test(whole, progress_bar=False)

    stopped = folder(frames, tmp_path / "stopped", *overrides)
    with monkeypatch.context() as patch:
        patch.setattr(
            "depthbench.training.trainer.LastCheckpoint",
            lambda path, every: StopAfter(path, every, steps=steps),
        )
        with pytest.raises(Stopped):
            train_and_test(stopped, progress_bar=False)
    assert torch.load(stopped.checkpoint, weights_only=True)["global_step"] > 0
    assert not stopped.done
    train_and_test(stopped, progress_bar=False)

    expected, resumed = weights(whole), weights(stopped)
    assert expected.keys() == resumed.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            # NaN stands for terms that were never defined, such as gradients of a 1x1 map.
            torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, equal_nan=True, msg=name)
    assert stopped.read_json("scores.json") == whole.read_json("scores.json")
