"""Sweeps as users start, break and restart them (every way in which Hydra, Lightning and W&B break together)."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from depthbench.runs.results import read_scores
from tests.commands import TEST_FRAMES, TINY, make_frames, run, runs, start, status, wait_for

pytestmark = pytest.mark.processes


@pytest.fixture
def place(tmp_path):
    make_frames(tmp_path / "frames")
    return tmp_path


def settings(place):
    return [*TINY, f"data.root={place / 'frames'}", "trainer.max_epochs=2"]


def images(folder):
    return read_scores(folder / "scores.json")["full"]["images"]


def test_mixed_device_counts_a_failing_process_and_a_second_start(place):
    """Ranks do not replay the sweep, write one folder, count 15 frames; a failed job spares the others."""
    broken = place / "frames" / "train" / "rgb_00006.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    # Of two evenly spaced frames, one per process, the second is broken; the one of a single process is not.
    tiny = [setting for setting in settings(place) if "split" not in setting]
    sweep = ["-m", "data.split=2,1", "trainer.devices=${data.split}", "loss=gan", *tiny]

    output = run(place, *sweep, code=1)

    assert "2 jobs, 0 of them done already" in output
    folders = runs(place)
    assert len(folders) == 2
    (two,) = (folder for name, folder in folders.items() if "data.split=2" in name)
    (one,) = set(folders.values()) - {two}
    assert status(two)["state"] == "failed"
    assert "rgb_00006.png" in status(two)["reason"]
    assert not (two / "DONE").exists()
    assert "rgb_00006.png" in output  # the reason is told at the end
    assert status(one)["state"] == "done"
    log = (one / "log.txt").read_bytes()

    broken.write_bytes(whole)
    assert "2 jobs, 1 of them done already" in run(place, *sweep)
    assert set(runs(place).values()) == {one, two}
    for folder in (one, two):
        assert status(folder)["state"] == "done"
        assert images(folder) == TEST_FRAMES
        rows = (folder / "per_image.csv").read_text().splitlines()[1:]
        assert len({row.split(",")[1] for row in rows}) == len(rows) == TEST_FRAMES
        with np.load(folder / "profiles.npz") as profiles:
            assert len(set(profiles["name"])) == len(profiles["name"]) == TEST_FRAMES
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert (one / "log.txt").read_bytes() == log

    logs = {folder: (folder / "log.txt").read_bytes() for folder in (one, two)}
    assert "2 jobs, 2 of them done already" in run(place, *sweep)
    assert all((folder / "log.txt").read_bytes() == log for folder, log in logs.items())  # no process was started


def test_killed_in_the_middle_of_a_sweep_it_goes_on(place):
    """SIGKILL of the sweep: its job ends too, and a second start continues from the job's checkpoint."""
    sweep = ["-m", "seed=0,1", *TINY, f"data.root={place / 'frames'}", "trainer.max_epochs=400"]
    process = start(place, *sweep, fresh=True)
    wait_for(lambda: list(place.glob("runs/*/checkpoints/last.ckpt")))
    process.kill()
    process.wait()
    (first,) = place.glob("runs/*/checkpoints")
    pid = status(first.parent)["pid"]
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    stopped = torch.load(first / "last.ckpt", weights_only=True)["epoch"]
    assert stopped < 399

    process = start(place, *sweep, fresh=True)
    wait_for(
        lambda: torch.load(first / "last.ckpt", weights_only=True)["epoch"] > stopped + 4
    )  # far enough that losses are logged again
    process.terminate()
    process.wait()
    wait_for(lambda: status(first.parent)["state"] == "interrupted")
    assert "Continuing" in (first.parent / "log.txt").read_text()
    with (first.parent / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == sorted(set(steps))  # what came after the checkpoint was dropped before it was repeated
