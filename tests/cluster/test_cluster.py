"""Runs on a real SLURM of two nodes: over nodes, in sweeps, preempted, queued again, at their time limit, lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from depthbench.results.board import read_board
from depthbench.runs.folder import RunFolder
from tests.cluster import slurm as cluster
from tests.cluster.conftest import ask
from tests.commands import TINY, command, finish, run, runs, start, status, wait_for
from tests.training.interrupted import assert_same

PATIENCE = 1500  # seconds: a process imports for 10 s on a quiet core, and no core is promised to be quiet
LONG = "trainer.max_epochs=60"
SLURM = "hydra/launcher=submitit_slurm"


def settings(place, *more):
    return [*TINY, f"data.root={place / 'frames'}", "data.workers=1", *more]


def whole(place, *more):
    """The same training, undisturbed, on two devices of one node: its results are the same to the last bit."""
    other = place / "undisturbed"
    other.mkdir()
    run(other, *settings(place, "trainer.devices=2", *more), timeout=PATIENCE, fresh=True)
    (folder,) = runs(other).values()
    return RunFolder(folder)


def only(place):
    (folder,) = runs(place).values()
    return RunFolder(folder)


def job_of(folder):
    return json.loads((folder / "slurm.json").read_text())["job"]


def saved(place, process):
    """Wait until the run of a sweep has a checkpoint, in the middle of its training."""

    def there():
        assert process.poll() is None, process.stdout.read()
        return list(place.glob("runs/*/checkpoints/last.ckpt"))

    wait_for(there, PATIENCE)


def supervised(job):
    """Whether a process of SLURM still watches over a step of a job."""
    titles = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            titles.append(path.read_bytes())
    return any(title.startswith(f"slurmstepd: [{job}.".encode()) for title in titles)


def soon(job):
    """A job that was queued again is held for two minutes; here it may start as soon as its first start has ended.

    Started earlier, it would be taken for failed: SLURM counts the exit status that its first batch script reports
    late as the one of the second. The two minutes are there against this.
    """
    wait_for(lambda: "PENDING" in ask("squeue", "--noheader", f"--jobs={job}", "--format=%T"), PATIENCE)
    wait_for(lambda: not supervised(job), PATIENCE)
    subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], check=False, timeout=60)


def test_srun_over_two_nodes_is_one_run(place):
    srun = ["srun", "--nodes=2", "--ntasks-per-node=1", *command(*settings(place, "trainer.num_nodes=2"))]
    told = subprocess.run(srun, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("full: AbsRel") == 1
    assert "On 2 x CPU" in told.stdout
    assert_same(whole(place), only(place))


def test_srun_with_two_tasks_on_a_node_is_refused(place):
    srun = ["srun", "--nodes=2", "--ntasks=4", "--overcommit", *command(*settings(place, "trainer.num_nodes=2"))]
    told = subprocess.run(srun, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert told.returncode != 0
    assert "srun --ntasks-per-node=1" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_sweep_is_an_array_that_is_sent_once(place):
    """Its waiting process is killed; started again, it finds its jobs in the queue. They share a node two by two."""
    sweep = ["-m", "seed=0,1,2,3", *settings(place, "trainer.max_epochs=30"), SLURM, "hydra.launcher.jobs_per_node=2"]
    process = start(place, *sweep, fresh=True)
    wait_for(lambda: len(list(place.glob("runs/*/slurm.json"))) == 4, PATIENCE)
    process.send_signal(signal.SIGKILL)
    process.wait()
    jobs = [job_of(folder) for folder in runs(place).values()]
    number = jobs[0].partition("_")[0]
    assert sorted(jobs) == [f"{number}_0"] * 2 + [f"{number}_1"] * 2
    told = run(place, *sweep, timeout=PATIENCE, fresh=True)
    assert "4 of them are in SLURM's queue already" in told or "done already" in told
    assert "Sent to SLURM" not in told
    assert "sacct" not in told
    assert [status(folder)["state"] for folder in runs(place).values()] == ["done"] * 4
    assert [job_of(folder) for folder in runs(place).values()] == jobs


def test_a_sweep_waits_for_a_job_that_is_queued_again(place):
    process = start(place, "-m", *settings(place, LONG), SLURM, fresh=True)
    saved(place, process)
    job = job_of(only(place).path)
    ask("scontrol", "requeue", job)
    soon(job)
    told = finish(process, timeout=PATIENCE)
    assert "1 done" in told
    assert "Restarts=1" in ask("scontrol", "show", "job", job)
    assert "Continuing" in (only(place).path / "log.txt").read_text()


def test_a_job_that_comes_to_its_time_limit_goes_on(place):
    """SLURM's signal before the limit, sent by hand: limits are whole minutes."""
    process = start(place, "-m", *settings(place, LONG), SLURM, fresh=True)
    saved(place, process)
    job = job_of(only(place).path)
    ask("scancel", "--signal=USR2", job)
    soon(job)
    assert "1 done" in finish(process, timeout=PATIENCE)
    assert "Restarts=1" in ask("scontrol", "show", "job", job)


def test_cells_of_a_leaderboard_are_jobs(place):
    """Its waiting process is killed; the same command finds the jobs in the queue, or their results."""
    shutil.copy(Path(__file__).parents[1] / "leaderboard" / "networks.py", place)
    models = "models=[near=python:networks:depth,far=python:networks:far]"
    data = ["data=nyu_labeled", f"data.root={place / 'frames'}", "data.scale=0.001", "data.test_frames=null"]
    typed = [sys.executable, "-m", "depthbench", "evaluate", models, *data, "protocol=full", "device=cpu"]
    typed += ["output=board", "launcher=submitit_slurm"]
    with (place / "first.txt").open("w") as said:
        process = subprocess.Popen(typed, cwd=place, stdout=said, stderr=subprocess.STDOUT)
    wait_for(lambda: "Sent to SLURM" in (place / "first.txt").read_text(), PATIENCE)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = subprocess.run(typed, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Sent to SLURM" not in again.stdout
    shown = read_board(place / "board").shown.values()
    assert [one.state for one in shown] == ["done"] * 2


def test_a_job_that_is_preempted_goes_on(place):
    whole_node = "+hydra.launcher.additional_parameters.exclusive=true"
    process = start(place, "-m", *settings(place, LONG), SLURM, whole_node, fresh=True)
    saved(place, process)
    job = job_of(only(place).path)
    urgent = subprocess.Popen(["srun", "--partition=urgent", "--nodes=2", "--exclusive", "sleep", "1"])
    soon(job)
    urgent.wait(PATIENCE)
    assert "1 done" in finish(process, timeout=PATIENCE)
    assert "Restarts=1" in ask("scontrol", "show", "job", job)


def test_a_job_that_is_cancelled_is_told(place):
    process = start(place, "-m", *settings(place, LONG), SLURM, fresh=True)
    saved(place, process)
    ask("scancel", job_of(only(place).path))
    assert "1 interrupted" in finish(process, code=1, timeout=PATIENCE)


def test_a_node_that_dies_costs_nothing(place, slurm):
    """All processes of the second node are killed, SLURM's too; the job is queued again, and ends as if undisturbed."""
    more = ["trainer.max_epochs=40"]
    process = start(
        place, "-m", *settings(place, "trainer.num_nodes=2", *more), SLURM, "hydra.launcher.nodes=2", fresh=True
    )
    saved(place, process)
    folder = only(place)
    job, second = job_of(folder.path), cluster.nodes()[1]
    try:
        kill_node(second)
        soon(job)
    finally:
        cluster.start_node(second, slurm)
    told = finish(process, timeout=PATIENCE)
    assert "1 done" in told
    assert "Continuing" in (folder.path / "log.txt").read_text()
    assert_same(whole(place, *more), folder)


def kill_node(name):
    """SIGKILL for a node's daemon and everything of its jobs: processes, and what holds them."""
    configuration = Path(os.environ["SLURM_CONF"])
    marks = {f"SLURMD_NODENAME={name}".encode(), f"SLURM_CONF={configuration}".encode()}
    doomed = {int((configuration.parent / f"slurmd.{name}.pid").read_text())}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marks <= set((process / "environ").read_bytes().split(b"\0")):
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                doomed.add(int(process.name))
                if Path(f"/proc/{parent}/comm").read_text().startswith("slurmstepd"):
                    doomed.add(parent)
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
