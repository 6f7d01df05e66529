"""A run that chose its precision by the machine keeps it where it goes on and where it is evaluated."""

import pytest
import torch

from depthbench.evaluation import run_network
from depthbench.training import trainer as training
from depthbench.training.callbacks import Stopped
from depthbench.training.loading import load_task
from tests.commands import make_frames
from tests.training.interrupted import folder, interrupted, train

AUTO = ["loss=l1", "trainer.max_epochs=2", "data.test_frames=2"]
SENTENCE = "Goes on in bf16-mixed, in which it began on another machine; this one would begin in 32-true."


def chooses(monkeypatch, precision):
    """A machine on which ``auto`` is this."""
    for module in (training, run_network):
        monkeypatch.setattr(module, "faster_precision", lambda net, device: precision)


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A run that was interrupted on a processor with AMX and is now on one without."""
    frames = make_frames(tmp_path / "frames", train=13, test=2)
    run = folder(frames, tmp_path / "runs", *AUTO, "trainer.precision=auto")
    chooses(monkeypatch, "bf16-mixed")
    interrupted(run, "on_train_batch_end", 3, "SIGTERM", Stopped)
    chooses(monkeypatch, "32-true")
    return run


def test_it_goes_on_and_is_evaluated_as_it_began(begun, capfd):
    train(begun)
    printed = capfd.readouterr().out
    assert SENTENCE in printed.splitlines()
    assert "On 1 x CPU, bf16-mixed;" in printed
    assert load_task(begun).trained_in == "bf16-mixed"
    network = run_network.Network(begun, begun.config, torch.device("cpu"))
    with network._precision():
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
