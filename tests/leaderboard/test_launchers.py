"""A leaderboard by the launchers of sweeps, with a queue of our own in the place of SLURM's."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from depthbench.errors import UserError
from depthbench.launch import slurm_sweep
from depthbench.leaderboard import cell, fill, slurm_work
from depthbench.leaderboard.launched import Launched, read_launched
from depthbench.results.board import read_board

TYPED = ("protocol=full", "launcher=slurm_gpu", "launcher.partition=gpu")


@pytest.fixture
def slurm(monkeypatch):
    """Jobs that are sent and the queue; each job is done at once, unless the queue has it."""
    sent: list[list[str]] = []
    queue: dict[str, str] = {}
    looks: list[Callable[[], None]] = []  # what happens before the next looks at the queue

    def look():
        if looks:
            looks.pop(0)()
        return dict(queue)

    def submitted(settings, logs):
        assert settings["partition"] == "gpu"

        def send(orders):
            jobs = [f"{len(sent)}_{place}" for place in range(len(orders))]
            sent.append([Path(order).stem for order, _ in orders])
            for (order, log), job in zip(orders, jobs, strict=True):
                Path(log).touch()
                if job not in queue:
                    cell.main([order, "0"])
            return jobs

        return send

    monkeypatch.setattr(cell, "die_with_parent", lambda parent: None)
    monkeypatch.setattr(fill, "submitted", submitted)
    monkeypatch.setattr(slurm_work, "queue", look)
    monkeypatch.setattr(slurm_sweep, "POLL", 0)
    return sent, queue, looks


def test_cells_are_jobs_of_slurm_that_are_sent_once(place, evaluate, slurm):
    sent, queue, looks = slurm

    def stopped():
        raise KeyboardInterrupt

    queue |= {"0_1": "RUNNING"}
    looks += [lambda: None, lambda: None, stopped]
    code, out, _ = evaluate(*TYPED)  # stopped while one job runs
    assert code == 130
    assert len(sent[0]) == 6
    assert "Sent to SLURM: 0_0 to 0_5." in out
    assert "this ends them: scancel 0_1\n" in out
    counts = Counter(one.state for one in read_board(Path("board")).shown.values())
    assert sum(counts.values()) == 5

    def carried_out():
        order = Path("board") / "orders" / f"{sent[0][1]}.json"
        cell.main([str(order), "0"])
        queue.clear()

    looks += [lambda: None, lambda: None, carried_out]
    code, out, _ = evaluate(*TYPED)
    assert code == 0
    assert len(sent) == 1  # what the queue has is waited for
    assert Counter(one.state for one in read_board(Path("board")).shown.values()) == {"done": 4, "empty": 2}


def test_a_job_that_slurm_ended_is_a_failed_cell(place, evaluate, slurm, monkeypatch):
    sent, *_ = slurm
    monkeypatch.setattr(cell, "main", lambda words: 0)
    code, out, _ = evaluate(*TYPED, "models=[near=python:networks:depth]")
    assert code == 1
    assert "SLURM ended its job before it was done" in out
    evaluate(*TYPED, "models=[near=python:networks:depth]")
    assert len(sent) == 2  # tried again


def test_nothing_is_sent_where_slurm_does_not_answer(place, evaluate, slurm, monkeypatch):
    monkeypatch.setattr(slurm_work, "queue", lambda: None)
    code, _, err = evaluate(*TYPED)
    assert code == 2
    assert "squeue --me" in err


@pytest.mark.parametrize(
    ("name", "settings", "jobs", "wanted"),
    [
        (None, [], None, 1),
        (None, [], "auto", None),
        ("basic", [], None, 1),
        ("local", [], None, 1),
        ("parallel", [], None, None),
        ("joblib", [], "3", 3),
        ("parallel", ["launcher.n_jobs=4"], None, 4),
    ],
)
def test_launchers_of_this_machine(name, settings, jobs, wanted):
    assert read_launched(name, settings, jobs) == Launched(wanted)


def test_settings_are_those_of_submitit():
    found = read_launched("slurm_node", ["launcher.partition=gpu", "launcher.array_parallelism=8"], None).slurm
    given = slurm_sweep.submitit_names(found)
    assert (given["slurm_partition"], given["gpus_per_node"], given["slurm_array_parallelism"]) == ("gpu", 4, 8)
    assert given["slurm_additional_parameters"] == {"requeue": True, "exclusive": True}
    assert given["name"] == "leaderboard"
    json.dumps(given)


@pytest.mark.parametrize(
    ("name", "settings", "jobs", "told"),
    [
        ("slurm", [], None, "launcher=slurm does not exist; "),
        (
            None,
            ["launcher.partition=gpu"],
            None,
            "launcher.partition=gpu is a setting of a launcher; append launcher=NAME",
        ),
        ("slurm_gpu", [], "2", "give launcher.array_parallelism=2"),
        ("slurm_gpu", ["launcher.particion=gpu"], None, "launcher=slurm_gpu: .*particion"),
        ("parallel", [], "many", "jobs=many must be a number"),
    ],
)
def test_mistakes_are_sentences(name, settings, jobs, told):
    with pytest.raises(UserError, match=told):
        read_launched(name, settings, jobs)


@pytest.mark.slow
def test_submitit_carries_an_order_out_in_a_process(place, evaluate, here):
    """Submitit's executor for this machine starts the function as the one for SLURM does."""
    from submitit import AutoExecutor

    evaluate("protocol=full", "models=[near=python:networks:depth]")
    order, result = here[0], Path(json.loads(here[0].read_text())["result"])
    result.unlink()
    executor = AutoExecutor(folder="logs", cluster="local")
    executor.update_parameters(timeout_min=5)
    (job,) = executor.map_array(slurm_work.run_order, [str(order)], [str(Path("log.txt").absolute())])
    assert job.result() == 0, Path("log.txt").read_text()
    assert result.is_file()
    assert sys.modules["networks"]
