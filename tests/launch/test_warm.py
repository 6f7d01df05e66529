"""Jobs that are forked from one process: each as alone as in an interpreter of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from depthbench.launch import job
from depthbench.launch.exit_codes import INTERRUPTED
from depthbench.launch.warm import forked
from depthbench.launch.warm.client import NoServer, WarmServer
from depthbench.runs.folder import RunFolder
from tests.commands import wait_for

LIGHT = [sys.executable, str(Path(__file__).parent / "light_server.py")]


@pytest.fixture
def server(monkeypatch, request):
    for name, value in getattr(request, "param", {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(WarmServer, "command", LIGHT)
    WarmServer.start()
    yield WarmServer.current
    WarmServer.stop()


def begin(server, folder, **environment):
    folder.mkdir(exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        return server.begin(folder, {**server.environment, **environment}, log)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_job_has_its_own_files_environment_session_and_status(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = begin(server, tmp_path / "saving")
    folder = tmp_path / "tell"
    process = begin(server, folder, CUDA_VISIBLE_DEVICES="5")
    assert process.wait(60) == 3
    assert process.wait() == 3
    assert sorted((folder / "log.txt").read_text().split("\n")) == ["", "to stderr", "to stdout"]
    found = json.loads((folder / "found.json").read_text())
    assert found["environment"] == {**server.environment, "CUDA_VISIBLE_DEVICES": "5"}
    assert found["cwd"] == str(tmp_path)
    assert found["leader"]
    assert found["handler"]
    files = [file for file in found["files"] if not file.startswith(f"/proc/{process.pid}/")]
    assert files == sorted(["/dev/null", str(folder / "log.txt"), str(folder / "log.txt")])
    wait_for((tmp_path / "saving" / "ready").exists)
    other.terminate()
    assert other.wait(60) == INTERRUPTED


def test_a_killed_job_spares_the_others_and_says_by_which_signal(tmp_path, server):
    first, second = (begin(server, tmp_path / f"saving-{name}") for name in "ab")
    wait_for(lambda: len(list(tmp_path.glob("*/ready"))) == 2)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait(60) == -signal.SIGKILL
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.2)
    second.terminate()
    assert second.wait(60) == INTERRUPTED


def test_who_does_not_stop_is_killed_with_its_children(tmp_path, server, monkeypatch):
    monkeypatch.setattr(job, "GRACE", 0.3)
    process = begin(server, tmp_path / "stubborn")
    wait_for((tmp_path / "stubborn" / "ready").exists)
    assert job.stop(process) == -signal.SIGKILL
    wait_for(lambda: not alive(int((tmp_path / "stubborn" / "child").read_text())))


def test_a_job_that_loses_its_sweep_saves_and_ends(tmp_path, server):
    process = begin(server, tmp_path / "saving")
    wait_for((tmp_path / "saving" / "ready").exists)
    process._connection.close()  # as when the sweep is killed
    wait_for(lambda: not alive(process.pid))
    assert (tmp_path / "saving" / "saved").exists()
    assert begin(server, tmp_path / "tell").wait(60) == 3, "the server goes on"


def test_a_job_that_loses_its_server_saves_and_ends_before_it_is_started_again(tmp_path, server):
    process = begin(server, tmp_path / "saving")
    wait_for((tmp_path / "saving" / "ready").exists)
    server.process.kill()
    with pytest.raises(NoServer, match="was killed"):
        process.wait(60)
    assert (tmp_path / "saving" / "saved").exists()
    assert not alive(process.pid)
    with pytest.raises(NoServer, match="is gone"):
        begin(server, tmp_path / "tell")


def test_the_server_ends_with_its_sweep(tmp_path, server):
    begin(server, tmp_path / "saving")._connection.close()
    server.control.close()
    assert server.process.wait(60) == 0


@pytest.mark.parametrize("server", [{"LIGHT_SERVER_THREAD": "1"}], indirect=True)
def test_a_server_with_threads_forks_nothing(tmp_path, server):
    with pytest.raises(NoServer, match="threads"):
        begin(server, tmp_path / "tell")


def test_a_job_with_other_variables_imports_everything_itself(tmp_path, server, monkeypatch):
    with pytest.raises(NoServer, match="another MY_FLAGS"):
        begin(server, tmp_path / "tell", MY_FLAGS="1")
    started = []
    monkeypatch.setattr(job, "FreshProcess", lambda module, words, *_: started.append(Path(words[0])) or Ended())
    folder = RunFolder(tmp_path / "tell")
    (folder.path / "config.yaml").write_text("trainer: {num_nodes: 1}")
    with (folder.path / "log.txt").open("ab") as log:
        assert job._supervise(folder, {**server.environment, "MY_FLAGS": "1"}, log, None) == 0
    assert started == [folder.path]
    assert "imports everything itself: its environment has another MY_FLAGS." in (folder.path / "log.txt").read_text()


class Ended:
    def wait(self, timeout=None):
        return 0


def test_temporary_folders_of_a_package_are_each_jobs_own(tmp_path, server):
    folders = [tmp_path / f"pictures-{number}" for number in range(3)]
    assert [begin(server, folder).wait(60) for folder in folders] == [0, 0, 0], (
        folders[1].joinpath("log.txt").read_text()
    )
    places = {Path((folder / "place").read_text()) for folder in folders}
    assert len(places) == 3
    assert not any(place.exists() for place in places)
    (kept,) = {Path(str(place).rpartition("-")[0]) for place in places}
    assert kept.exists()
    WarmServer.stop()
    assert not kept.exists()


def test_a_group_knows_its_ranks_and_ends_together(tmp_path, server):
    assert begin(server, tmp_path / "group").wait(60) == 0
    told = [json.loads((tmp_path / "group" / f"rank_{rank}.json").read_text()) for rank in range(2)]
    assert [one["RANK"] for one in told] == [one["LOCAL_RANK"] for one in told] == ["0", "1"]
    assert {one["WORLD_SIZE"] for one in told} == {"2"}
    assert len({one["MASTER_PORT"] for one in told}) == len({one["TORCHELASTIC_RUN_ID"] for one in told}) == 1
    assert begin(server, tmp_path / "group-failing").wait(60) == 7
    process = begin(server, tmp_path / "group-waiting")
    wait_for(lambda: len(list(tmp_path.glob("group-waiting/ready_*"))) == 2)
    process.terminate()
    assert process.wait(60) == INTERRUPTED


def test_a_fork_gets_a_random_state_and_threads_of_its_own(monkeypatch):
    threads, state = torch.get_num_threads(), np.random.get_state()  # noqa: NPY002
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
        forked._as_new()
        assert torch.get_num_threads() == 3
        first = np.random.get_state()[1]  # noqa: NPY002
        forked._as_new()
        assert not np.array_equal(first, np.random.get_state()[1])  # noqa: NPY002
    finally:
        torch.set_num_threads(threads)
        np.random.set_state(state)  # noqa: NPY002
