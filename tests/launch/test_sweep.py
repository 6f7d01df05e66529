"""Sweeps as users start, break and restart them (every way in which Hydra, Lightning and W&B break together)."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands import TEST_FRAMES, TINY, make_frames, run, runs, start, status, wait_for
from tests.wandb_file import history, wandb_runs


@pytest.fixture
def place(tmp_path):
    make_frames(tmp_path / "frames")
    return tmp_path


def settings(place):
    return [*TINY, f"data.root={place / 'frames'}", "trainer.max_epochs=2"]


def images(folder):
    return json.loads((folder / "scores.json").read_text())["none"]["images"]


def test_mixed_device_counts_a_failing_process_and_a_second_start(place):
    """Ranks do not replay the sweep, write one folder, count 15 frames; a failed job spares the others."""
    broken = place / "frames" / "train" / "rgb_00003.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    # With 12 frames the broken one is read by one of the two processes; with 2 evenly spaced ones by none.
    tiny = [setting for setting in settings(place) if "split" not in setting]
    sweep = ["-m", "data.split=12,2", "trainer.devices=2,1", "loss=gan", *tiny]

    output = run(place, *sweep, code=1)

    assert output.startswith("4 jobs, 0 of them done already")
    folders = runs(place)
    assert len(folders) == 4
    for name, folder in folders.items():
        if "data.split=12" in name:
            assert status(folder)["state"] == "failed"
            assert "rgb_00003.png" in status(folder)["reason"]
            assert not (folder / "DONE").exists()
        else:
            assert status(folder)["state"] == "done"
            assert images(folder) == TEST_FRAMES
            rows = (folder / "per_image.csv").read_text().splitlines()[1:]
            assert len({row.split(",")[1] for row in rows}) == len(rows) == TEST_FRAMES
            with np.load(folder / "profiles.npz") as profiles:
                assert len(set(profiles["name"])) == len(profiles["name"]) == TEST_FRAMES
            torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert "rgb_00003.png" in output  # the reason is told at the end

    broken.write_bytes(whole)
    before = {folder: (folder / "DONE").stat().st_mtime for folder in folders.values() if (folder / "DONE").exists()}
    mended = ["-m", "data.split=12,2", "trainer.devices=2", "loss=gan", *tiny]
    assert run(place, *mended).startswith("2 jobs, 1 of them done already")
    folders = runs(place)
    assert {name for name, folder in folders.items() if not (folder / "DONE").exists()} == {
        name for name in folders if "data.split=12" in name and "trainer.devices=1" in name
    }
    assert all((folder / "DONE").stat().st_mtime == when for folder, when in before.items())

    logs = {folder: (folder / "log.txt").read_bytes() for folder in folders.values()}
    assert "2 jobs, 2 of them done already" in run(place, *mended)
    assert all((folder / "log.txt").read_bytes() == log for folder, log in logs.items())  # no process was started


def test_fail_fast_and_one_wandb_run_per_job(place):
    (place / "frames" / "train" / "rgb_00003.png").write_bytes(b"\x89PNG broken")
    sweep = [s for s in settings(place) if "logger" not in s and "split" not in s]
    run(place, "-m", "data.split=2,12,3", "logger=wandb", "launch.fail_fast=true", *sweep, code=1)
    folders = runs(place)
    by_state = {status(folder)["state"]: folder for folder in folders.values()}
    assert sorted(by_state) == ["done", "failed", "waiting"]
    assert not wandb_runs(by_state["waiting"])
    assert history(by_state["done"])[1] == 0
    assert history(by_state["failed"])[1] == 2
    first, second = (wandb_runs(by_state[state])[0].name for state in ("done", "failed"))
    assert first != second


def test_killed_in_the_middle_of_a_sweep_it_goes_on(place):
    """SIGKILL of the sweep: its job ends too, and a second start continues from the job's checkpoint."""
    sweep = ["-m", "seed=0,1", *TINY, f"data.root={place / 'frames'}", "trainer.max_epochs=400"]
    process = start(place, *sweep)
    wait_for(lambda: list(place.glob("runs/*/checkpoints/last.ckpt")))
    process.kill()
    process.wait()
    (first,) = place.glob("runs/*/checkpoints")
    pid = status(first.parent)["pid"]
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    stopped = torch.load(first / "last.ckpt", weights_only=True)["epoch"]
    assert stopped < 399

    process = start(place, *sweep)
    wait_for(lambda: torch.load(first / "last.ckpt", weights_only=True)["epoch"] > stopped)
    process.terminate()
    process.wait()
    wait_for(lambda: status(first.parent)["state"] == "interrupted")
    assert "Continuing" in (first.parent / "log.txt").read_text()
    with (first.parent / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == sorted(set(steps))  # what came after the checkpoint was dropped before it was repeated
