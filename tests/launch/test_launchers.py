"""Other ways to run jobs: several at once, compiled, and the table that shows them."""

import pickle
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from depthbench.runs.folder import RunFolder
from depthbench.runs.ledger import Ledger
from depthbench.runs.results import read_scores
from tests.commands import TINY, make_frames, run, runs, start, status, wait_for


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [["joblib", "hydra.launcher.n_jobs=2"], ["submitit_local"]])
def test_other_launchers_run_jobs_at_once(tmp_path, launcher):
    make_frames(tmp_path / "frames")
    chosen = [f"hydra/launcher={launcher[0]}", *launcher[1:]]
    run(
        tmp_path,
        "-m",
        "seed=0,1,2",
        *TINY,
        f"data.root={tmp_path / 'frames'}",
        "trainer.max_epochs=1",
        *chosen,
        fresh=True,
    )
    assert len(runs(tmp_path)) == 3
    assert all((folder / "DONE").exists() for folder in runs(tmp_path).values())


@pytest.mark.slow
def test_nothing_goes_on_when_a_sweep_of_several_jobs_at_once_is_killed(tmp_path):
    make_frames(tmp_path / "frames")
    chosen = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.max_epochs=400"]
    process = start(tmp_path, "-m", "seed=0,1,2,3", *TINY, f"data.root={tmp_path / 'frames'}", *chosen, fresh=True)
    wait_for(lambda: len(list(tmp_path.glob("runs/*/checkpoints/last.ckpt"))) == 2)
    pids = [state["pid"] for state in map(status, runs(tmp_path).values()) if state["state"] == "running"]
    assert len(pids) == 2
    process.kill()
    process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    time.sleep(15)  # as long as a job needs to begin
    assert [status(folder)["state"] for folder in runs(tmp_path).values()].count("waiting") == 2


def test_launchers_can_send_the_ledger_along():
    ledger = Ledger()
    ledger.thread = threading.Thread()
    assert pickle.loads(pickle.dumps(ledger)).thread is None


@pytest.mark.slow
def test_every_switch_of_the_trainer(tmp_path):
    make_frames(tmp_path / "frames")
    switches = ["trainer.compile=true", "trainer.channels_last=true", "trainer.accumulate_grad_batches=2"]
    switches += ["trainer.gradient_clip_val=1", "trainer.precision=bf16-mixed", "trainer.max_epochs=2"]
    run(tmp_path, *TINY, f"data.root={tmp_path / 'frames'}", *switches, timeout=1500)  # compiling takes minutes
    (folder,) = runs(tmp_path).values()
    assert read_scores(folder / "scores.json")["full"]["images"] == 15


def test_the_table_shows_each_job(tmp_path):
    states = {
        "first": {"state": "done"},
        "second": {"state": "failed", "reason": "no such file"},
        "third": {"state": "waiting"},
    }
    ledger = Ledger()
    for name, state in states.items():
        (tmp_path / name).mkdir()
        folder = RunFolder(tmp_path / name)
        folder.write_json("status.json", state)
        ledger.folders.append(folder)
    ledger.folders[0].write_json("DONE", {"score": 0.1234, "seconds": 3})
    running = {"phase": "training", "step": 7, "steps": 90, "images_per_second": 41.6, "seconds_left": 63}
    (tmp_path / "fourth").mkdir()
    fourth = RunFolder(tmp_path / "fourth")
    fourth.write_json("status.json", {"state": "running", **running})
    ledger.folders.append(fourth)
    with fourth.lock():
        assert fourth.status["state"] == "running"
        with (console := Console(width=120)).capture() as captured:
            console.print(ledger.table())
        with console.capture() as small:
            console.print(ledger.table(rows=2))
    rows = captured.get().splitlines()
    assert rows[1].split() == ["first", "done", "0.123"]
    assert rows[2].split() == ["second", "failed"]
    assert rows[4].split() == ["fourth", "running", "7/90", "42", "63", "seconds"]
    names = [row.split()[0] for row in small.get().splitlines()[1:3]]
    assert names == ["second", "fourth"]  # what runs and what failed, in the order of the sweep
    assert small.get().splitlines()[3].strip() == "and 1 waiting, 1 done"
    # A run that says so without a process was interrupted.
    assert fourth.status["state"] == "interrupted"
    assert ledger.failures == 3


def test_long_names_leave_room_for_states(tmp_path):
    ledger = Ledger()
    typed = "__".join(f"data.choice_{place}-value" for place in range(8))
    for loss in ("l1", "eigen"):
        (tmp_path / f"loss-{loss}__{typed}").mkdir()
        ledger.folders.append(RunFolder(tmp_path / f"loss-{loss}__{typed}"))
        ledger.folders[-1].write_json("status.json", {"state": "failed", "reason": "no such file"})
    with (console := Console(width=80)).capture() as captured:
        console.print(ledger.table())
    assert [row.split() for row in captured.get().splitlines()[1:]] == [["loss-l1", "failed"], ["loss-eigen", "failed"]]
    ledger.folders.pop()  # a single job keeps its name, and the terminal cuts it
    with console.capture() as captured:
        console.print(ledger.table())
    name, state = captured.get().splitlines()[1].split()
    assert name.startswith("loss-l1__data.choice_0-value__")
    assert name.endswith("…")
    assert state == "failed"
