"""Adversarial and staged training on two processes: one signal stops both, and both go on with what was theirs."""

import pytest
import torch

from depthbench.errors import UserError
from depthbench.training.callbacks import Stopped
from tests.commands import make_frames
from tests.training.interrupted import assert_same, folder, interrupted, train
from tests.training.test_resume import ADVERSARIAL, STAGED
from tests.training.two_processes import on_two_processes

DDP = ["trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=4", "data.val_frames=9", "data.test_batch_size=2"]
KINDS = {"adversarial": ADVERSARIAL, "staged": [*STAGED, "trainer.max_epochs=2"]}
# Of nine validation frames in batches of two, the first process has three batches and the second two.
INTERRUPTIONS = [("on_train_batch_end", 5), ("on_validation_batch_start", 2)]


def disturbed(place, rank, kind):
    """An uninterrupted run, and for each interruption a run whose first process alone is asked to stop."""
    told = [*KINDS[kind], *DDP]
    whole = shared(place, "whole", rank, told)
    train(whole)
    for hook, call in INTERRUPTIONS:
        run = shared(place, hook, rank, told)
        interrupted(run, hook, call, "SIGTERM" if rank == 0 else "nothing", Stopped)
        torch.distributed.barrier()
        train(run)
        torch.distributed.barrier()
        assert_same(whole, run)


def shared(place, name, rank, told):
    """The folder of a run, made by the first process."""
    if rank == 0:
        folder(place / "frames", place / name, *told)
    torch.distributed.barrier()
    return folder(place / "frames", place / name, *told)


@pytest.mark.processes
@pytest.mark.parametrize("kind", ["adversarial", pytest.param("staged", marks=pytest.mark.slow)])
def test_both_stop_and_go_on(kind, tmp_path):
    make_frames(tmp_path / "frames", train=13)
    on_two_processes(disturbed, tmp_path, kind)
    if kind == "adversarial":
        (path,) = (tmp_path / "whole").glob("*/checkpoints/last.ckpt")
        states = torch.load(path, weights_only=True)["process_states"]
        assert states["world"] == 2
        first, second = (state["buffer"]["images"] for state in states["states"])
        assert len(first) == len(second) == 3
        assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        refused(tmp_path, path)


def refused(place, path):
    """One process can't continue a run of two processes with buffers."""
    run = folder(place / "frames", place / "alone", *ADVERSARIAL)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["callbacks"]["LastCheckpoint"] |= {"finished": False, "rows": 0}
    run.checkpoint.parent.mkdir()
    torch.save(checkpoint, run.checkpoint)
    with pytest.raises(UserError, match=r"was on 2 devices.*append trainer\.devices=2"):
        train(run)
