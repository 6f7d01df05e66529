"""Several jobs at once on this machine, where something ends them: Ctrl-C, a signal, a failure, a lost sweep."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import finish, status, wait_for

SWEEP = [sys.executable, str(Path(__file__).parent / "light_sweep.py"), "-m"]


@pytest.fixture
def sweep(tmp_path):
    """Start a sweep of which two jobs run at once, and wait until they do."""
    begun = []

    def start(*kinds, settings=()):
        seeds = ",".join(str(seed) for seed in range(len(kinds)))
        options = [f"seed={seeds}", "hydra/launcher=parallel", "hydra.launcher.n_jobs=2", *settings]
        environment = {**os.environ, "LIGHT_JOBS": json.dumps(kinds)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        begun.append(subprocess.Popen([*SWEEP, *options], cwd=tmp_path, env=environment, **pipes))
        wait_for(lambda: len(list(tmp_path.glob("runs/*/ready"))) >= 2 or begun[-1].poll() is not None)
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait()


def states(place):
    """The state of each seed's run."""
    return [status(folder)["state"] for folder in sorted(place.glob("runs/seed-*"))]


def pids(place):
    return [status(folder.parent)["pid"] for folder in sorted(place.glob("runs/*/ready"))]


def gone(numbers):
    return not any(Path(f"/proc/{number}").exists() for number in numbers)


def test_ctrl_c_saves_the_jobs_that_run_and_starts_no_other(tmp_path, sweep):
    process = sweep("save", "save", "end", "end")
    running = pids(tmp_path)
    process.send_signal(signal.SIGINT)
    output = finish(process, code=130, timeout=60)
    assert states(tmp_path) == ["interrupted", "interrupted", "waiting", "waiting"]
    assert len(list(tmp_path.glob("runs/*/saved"))) == 2
    assert gone(running)
    assert "2 waiting, 2 interrupted." in output
    assert "the same command goes on from here" in output
    assert "Traceback" not in output


def test_a_killed_job_fails_alone(tmp_path, sweep):
    process = sweep("save", "end", "end")
    killed = status(next(tmp_path.glob("runs/seed-0-*")))["pid"]
    os.kill(killed, signal.SIGKILL)
    output = finish(process, code=1, timeout=60)
    assert states(tmp_path) == ["failed", "done", "done"]
    assert "its process was killed by SIGKILL" in output
    assert "1 failed, 2 done." in output


def test_the_first_failure_ends_a_sweep_that_shall_fail_fast(tmp_path, sweep):
    process = sweep("save", "fail", "end", settings=["launch.fail_fast=true"])
    output = finish(process, code=1, timeout=60)
    assert states(tmp_path) == ["interrupted", "failed", "waiting"]
    assert "No such picture." in output
    assert "1 waiting, 1 interrupted, 1 failed." in output


def test_jobs_whose_sweep_is_killed_save_and_end_and_no_other_starts(tmp_path, sweep):
    process = sweep("save", "save", "end")
    running = pids(tmp_path)
    process.kill()
    process.wait()
    wait_for(lambda: gone(running))
    assert states(tmp_path) == ["interrupted", "interrupted", "waiting"]
    assert len(list(tmp_path.glob("runs/*/saved"))) == 2
