"""Runs that are interrupted in a hook, by a signal or as by SIGKILL, and what they leave."""

import csv
import os
import signal

import pytest
import torch
from hydra import compose, initialize_config_dir
from pytorch_lightning.callbacks import Callback

from depthbench.config.compose import config_dir
from depthbench.runs.folder import RunFolder
from depthbench.training import trainer as training
from tests.commands import TINY_NET, TINY_RUN, TINY_TWO_STREAM


class Killed(Exception):
    """A stand-in for SIGKILL: nothing of ours runs afterwards."""


class Interrupt(Callback):
    """Send a signal to this process, or end it, at the n-th call of a hook."""

    def __init__(self, hook, call, action):
        self.calls = 0

        def interrupt(*args, **kwargs):
            self.calls += 1
            if self.calls == call:
                if action == "nothing":
                    return
                if action == "kill":
                    raise Killed
                os.kill(os.getpid(), getattr(signal, action))

        setattr(self, hook, interrupt)


def folder(frames, output, *overrides):
    net = [] if TINY_TWO_STREAM[0] in overrides else TINY_NET
    told = [*TINY_RUN, f"data.root={frames}", f"output={output}", "data.val=test", "data.split=13"]
    told += ["trainer.max_epochs=3"]
    told += [*net, *overrides]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return RunFolder.create(compose("config", overrides=told), told, {})


def train(run):
    training.train_and_test(run, progress_bar=False)
    return run


def interrupted(run, hook, call, action, expected):
    """Train with an interruption; the state that the process leaves."""
    build = training.build_callbacks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "build_callbacks", lambda *args: [*build(*args), Interrupt(hook, call, action)])
        with pytest.raises(expected):
            train(run)
    assert not run.done
    return run


def rows(run):
    """The table without the times of this machine."""
    with (run.path / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if not k.startswith("speed/")} for row in csv.DictReader(file)]


def weights(run):
    return torch.load(run.checkpoint, weights_only=True)["state_dict"]


def assert_same(one, two):
    """Rows, scores and weights, to the last bit."""
    for number, (row, other) in enumerate(zip(rows(one), rows(two), strict=True)):
        assert row == other, number
    assert one.read_json("scores.json") == two.read_json("scores.json")
    wanted, found = weights(one), weights(two)
    assert wanted.keys() == found.keys()
    for name, value in wanted.items():
        if isinstance(value, torch.Tensor):
            # NaN stands for terms that were never defined, such as gradients of a 1x1 map.
            torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True, msg=name)
