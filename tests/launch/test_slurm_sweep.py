"""A sweep on SLURM, with a queue of our own in the place of SLURM's: what is sent, what is waited for."""

import signal

import pytest
from omegaconf import OmegaConf

from depthbench.errors import UserError
from depthbench.launch import slurm_job, slurm_sweep
from depthbench.launch.slurm import parse_queue
from depthbench.runs.folder import RunFolder


@pytest.fixture
def folders(tmp_path):
    made = []
    for name in "abcde":
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        (folder.path / "config.yaml").write_text(OmegaConf.to_yaml({"trainer": {"num_nodes": 1}}))
        folder.write_json("status.json", {"state": "waiting"})
        made.append(folder)
    return made


@pytest.fixture
def queues(monkeypatch):
    """The answers of SLURM, one after the other; the last stays."""
    answers = []
    monkeypatch.setattr(slurm_sweep, "queue", lambda: answers.pop(0) if len(answers) > 1 else answers[0])
    monkeypatch.setattr(slurm_sweep, "POLL", 0)
    return answers


def sender(sent):
    def send(packs):
        sent.append(packs)
        return [f"{len(sent)}_{index}" for index in range(len(packs))]

    return send


def test_the_queue_is_read_by_job():
    assert parse_queue("") == {}
    assert parse_queue("12 RUNNING\n13_0 PENDING\n13_11 COMPLETING\n") == {
        "12": "RUNNING",
        "13_0": "PENDING",
        "13_11": "COMPLETING",
    }


def test_jobs_are_sent_once_and_in_packs(folders, queues, capsys):
    queues.append({})
    sent = []
    jobs = slurm_sweep.send_missing(folders, 2, sender(sent))
    names = [[folder.path.name for folder in pack] for pack in ([folders[0], folders[1]], folders[2:4], folders[4:])]
    assert [[path.rpartition("/")[2] for path in pack] for pack in sent[0]] == names
    assert [job for _, job in jobs] == ["1_0", "1_0", "1_1", "1_1", "1_2"]
    queues[:] = [{"1_0": "RUNNING", "1_2": "PENDING"}]  # one of three has ended
    again = slurm_sweep.send_missing(folders, 2, sender(sent))
    assert [[path.rpartition("/")[2] for path in pack] for pack in sent[1]] == [["c", "d"]]
    assert {folder.path.name: job for folder, job in again} == {
        "a": "1_0",
        "b": "1_0",
        "c": "2_0",
        "d": "2_0",
        "e": "1_2",
    }
    assert "3 of them are in SLURM's queue already: 2 running, 1 pending" in capsys.readouterr().out


def test_nothing_is_sent_where_slurm_does_not_say_what_it_has(folders, queues):
    queues.append(None)
    with pytest.raises(UserError, match="squeue --me"):
        slurm_sweep.send_missing(folders, 1, sender([]))


def test_arrays_are_as_long_as_slurm_takes(folders, queues, monkeypatch):
    queues.append({})
    monkeypatch.setattr(slurm_sweep, "ARRAY", 2)
    sent = []
    slurm_sweep.send_missing(folders, 1, sender(sent))
    assert list(map(len, sent)) == [2, 2, 1]


def test_it_waits_while_a_job_is_queued_again_and_slurm_is_silent(folders, queues):
    here = {"1_0": "RUNNING"}
    queues += [here, {}, {}, None, None, None, here, {}, {}, here, {}, {}, {}, {"never": "asked"}]
    slurm_sweep.wait([(folders[0], "1_0")], fail_fast=False)
    assert queues == [{"never": "asked"}]


def test_a_job_that_is_done_is_not_waited_for(folders, queues):
    queues += [{"1_0": "RUNNING"}, {"second": "look"}, {}]
    folders[0].write_json("DONE", {})
    slurm_sweep.wait([(folders[0], "1_0")], fail_fast=False)
    assert {"second": "look"} in queues


def test_the_first_failure_ends_a_sweep_that_asks_for_it(folders, queues, monkeypatch):
    cancelled = []
    monkeypatch.setattr(slurm_sweep, "cancel", cancelled.extend)
    queues.append({})
    folders[0].update_status(state="failed")  # at an earlier start
    jobs = slurm_sweep.send_missing(folders[:2], 1, sender([]))
    running = {"1_0": "RUNNING", "1_1": "RUNNING"}
    queues[:] = [running]
    answers = iter([running, running])

    def fail_at_the_third_look():
        answer = next(answers, None)
        if answer is None:
            folders[1].update_status(state="failed")
        return running

    monkeypatch.setattr(slurm_sweep, "queue", fail_at_the_third_look)
    with pytest.raises(SystemExit):
        slurm_sweep.wait(jobs, fail_fast=True)
    assert cancelled == ["1_0", "1_1"]
    assert next(answers, None) is None


def test_nodes_that_do_not_fit_the_jobs(folders):
    slurm_sweep.check_nodes(folders, 1, 1, 4)
    with pytest.raises(UserError, match=r"trainer.num_nodes=1, and hydra\.launcher\.nodes=2"):
        slurm_sweep.check_nodes(folders, 2, 1, 1)
    with pytest.raises(UserError, match="tasks_per_node=4"):
        slurm_sweep.check_nodes(folders, 1, 4, 1)


def test_submitit_gets_its_own_names():
    params = {"submitit_folder": "f", "timeout_min": 5, "partition": "gpu", "max_num_timeout": 3, "nodes": 2}
    assert slurm_sweep.submitit_names(params) == {
        "timeout_min": 5,
        "nodes": 2,
        "slurm_partition": "gpu",
        "slurm_additional_parameters": {"requeue": True},
    }


@pytest.mark.parametrize(
    ("ends", "restarts", "queued"),
    [
        ("done", 0, False),
        ("failed", 0, False),
        ("SIGUSR2", 0, True),  # the time limit
        ("SIGUSR2", 3, False),  # too often
        ("SIGTERM", 0, False),  # SLURM queues it again, or it was cancelled
        ("node lost", 0, True),
        ("node lost at once", 0, False),
    ],
)
def test_which_jobs_queue_themselves_again(folders, monkeypatch, ends, restarts, queued):
    folder, calls = folders[0], []
    folder.update_status(state="failed")  # at an earlier start

    def run_job(folder, timeout):
        if ends == "done":
            folder.write_json("DONE", {})
        elif ends == "failed":
            folder.update_status(state="failed")
        elif ends.startswith("SIG"):
            signal.raise_signal(getattr(signal, ends))
        elif ends == "node lost":
            folder.update_status(state="interrupted")
            folder.checkpoint.parent.mkdir()
            folder.checkpoint.write_bytes(b"")
        else:
            folder.update_status(state="interrupted")

    monkeypatch.setattr(slurm_job, "run_job", run_job)
    monkeypatch.setattr(slurm_job, "requeue_this_job", lambda: calls.append(True))
    monkeypatch.setenv("SLURM_PROCID", "0")
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    if ends in ("done", "failed"):
        slurm_job.run_pack([str(folder.path)], None, 3)
    else:
        with pytest.raises(SystemExit, match="75"):
            slurm_job.run_pack([str(folder.path)], None, 3)
    assert bool(calls) == queued
