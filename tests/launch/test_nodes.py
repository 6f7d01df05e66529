"""Jobs over several nodes: which node this is, and why nodes refuse to work together."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from depthbench.errors import UserError
from depthbench.launch.meeting import Refused, meet
from depthbench.launch.nodes import Node, this_node
from depthbench.runs.folder import RunFolder
from tests.commands import TINY, finish, make_frames, run, runs, start, status
from tests.training.interrupted import assert_same

STEP = {
    "SLURM_JOB_ID": "15003",
    "SLURM_STEP_ID": "1",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_NODEID": "1",
}
ABOUT = {"run": "a-1234", "code": "1.0"}


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_one_node_needs_nothing():
    assert this_node(1, STEP) is None
    assert this_node(1, {"NODE_RANK": "5"}) is None


def test_a_node_of_a_step_of_slurm():
    node = this_node(2, STEP)
    assert node == Node(1, 2, "gpu07", 15000 + 3 + 997)
    assert this_node(2, node.variables) == node
    first = this_node(2, {**STEP, "SLURM_NODEID": "0"})
    assert (first.rank, first.port) == (0, node.port)
    assert this_node(2, {**STEP, "MASTER_PORT": "4000", "MASTER_ADDR": "ib7"}) == Node(1, 2, "ib7", 4000)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "was started alone.*srun --nodes=2.*NODE_RANK=0"),
        ({**STEP, "SLURM_STEP_NUM_NODES": "1"}, "was started alone"),  # a shell in a job, srun --pty
        ({**STEP, "SLURM_STEP_NUM_NODES": "3"}, "on 3 nodes; make both the same"),
        ({**STEP, "SLURM_STEP_NUM_TASKS": "8"}, "--ntasks-per-node=1"),
        ({"NODE_RANK": "0"}, "MASTER_ADDR"),
        ({"NODE_RANK": "2", "MASTER_ADDR": "a"}, "nodes 0 to 1"),
        ({"NODE_RANK": "one", "MASTER_ADDR": "a"}, "NODE_RANK=one is not a number"),
    ],
)
def test_a_process_that_is_not_one_of_the_nodes(environment, said):
    with pytest.raises(UserError, match=said):
        this_node(2, environment)


def meeting(*nodes, patience=5.0):
    """Let nodes meet, each (rank, about, refuse), and return the outcome of each."""
    port, count = free_port(), len(nodes) if len(nodes) > 1 else 2

    def come(rank, about, refuse=""):
        try:
            return meet(Node(rank, count, "127.0.0.1", port), about, patience, refuse)
        except UserError as error:
            return error

    with ThreadPoolExecutor(len(nodes)) as pool:
        return [future.result() for future in [pool.submit(come, *node) for node in nodes]]


def test_nodes_meet():
    assert not [error for error in meeting(*((rank, ABOUT) for rank in (2, 0, 1))) if isinstance(error, UserError)]


def test_other_code_is_told_on_all_nodes():
    first, second, third = meeting((0, ABOUT), (1, {**ABOUT, "code": "1.1"}), (2, ABOUT))
    assert str(first) == str(second) == str(third)
    assert "differ in their code: 1.0 on " in str(first)
    assert "1.1 on " in str(first)
    assert "(node 1)" in str(first)


def test_a_node_that_does_not_come_is_named():
    (alone,) = meeting((0, ABOUT), patience=0.5)
    assert "Of 2 nodes, 1 came" in str(alone)
    assert "missing: number 1" in str(alone)


def test_a_first_node_that_does_not_come():
    (alone,) = meeting((1, ABOUT), patience=0.5)
    assert "The first node doesn't answer at 127.0.0.1:" in str(alone)


def test_all_hear_that_the_folder_is_worked_in():
    first, second = meeting((0, ABOUT, "Somebody works there."), (1, ABOUT))
    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert str(first) == str(second) == "Somebody works there."


def test_nodes_of_two_runs_on_one_port_do_not_mix():
    first, lost = meeting((0, ABOUT), (1, {**ABOUT, "run": "b-9999"}), patience=3)
    assert "a-1234, and here it is b-9999" in str(lost)
    assert "missing: number 1" in str(first)


def test_a_port_that_is_taken():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        with pytest.raises(
            UserError, match=r"Port \d+ of this machine, the meeting point of the nodes, is in use.*MASTER_PORT"
        ):
            meet(Node(0, 2, "127.0.0.1", other.getsockname()[1]), ABOUT, 5)


def test_a_first_node_of_a_name_that_nobody_knows():
    with pytest.raises(UserError, match=r"can't listen on nobody\.invalid:29500, the meeting point"):
        meet(Node(0, 2, "nobody.invalid", 29500), ABOUT, 60)


@pytest.mark.slow
@pytest.mark.processes
def test_two_nodes_by_hand_are_one_run_equal_to_two_devices_of_one_node(tmp_path):
    make_frames(tmp_path / "frames")
    settings = [*TINY, f"data.root={tmp_path / 'frames'}", "trainer.max_epochs=2", "trainer.deterministic=true"]
    meet_at = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    told = [*settings, "trainer.num_nodes=2"]
    nodes = [start(tmp_path, *told, fresh=True, **meet_at, NODE_RANK=str(rank)) for rank in (1, 0)]
    later, first = (finish(node, timeout=900) for node in nodes)
    assert "full: AbsRel" in first
    assert "AbsRel" not in later.replace("validation AbsRel", "")
    (two,) = runs(tmp_path).values()
    assert status(two)["state"] == "done"
    run(tmp_path, *settings, "trainer.devices=2", timeout=900, fresh=True)
    (one,) = set(runs(tmp_path).values()) - {two}
    assert_same(RunFolder(two), RunFolder(one))
