"""A job over several nodes: which of them this one is, and where they meet before torchrun joins them."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from depthbench.errors import UserError

PORT = 29500  # torchrun's
# Below the ports that systems give to outgoing connections, above the ports of services.
FIRST_PORT, PORTS = 15000, 15000


class Node(NamedTuple):
    """One of the nodes of a job.

    Attributes:
        rank: its number, from 0.
        nodes: how many there are.
        host: name or address of the first.
        port: on which the first listens.
    """

    rank: int
    nodes: int
    host: str
    port: int

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables by which :func:`this_node` finds the node again in a process that this one starts."""
        return {"NODE_RANK": str(self.rank), "MASTER_ADDR": self.host, "MASTER_PORT": str(self.port)}


def this_node(count: int, environment: Mapping[str, str] | None = None) -> Node | None:
    """The node of a job that this process is on; None for a job on one node.

    ``NODE_RANK`` and ``MASTER_ADDR`` (``MASTER_PORT``) say so where a person starts one process per machine, the
    variables of the step where ``srun`` does.

    Args:
        count: nodes that the configuration asks for.
        environment: variables; by default this process's.

    Raises:
        UserError: if this process was not started as one of so many.

    Example:
        >>> this_node(2, {"NODE_RANK": "1", "MASTER_ADDR": "first"})
        Node(rank=1, nodes=2, host='first', port=29500)
    """
    environment = os.environ if environment is None else environment
    if count == 1:
        return None
    if "NODE_RANK" in environment:
        return _by_hand(count, environment)
    if int(environment.get("SLURM_STEP_NUM_NODES", "1")) > 1:
        return _in_step(count, environment)
    raise UserError(
        f"trainer.num_nodes={count}, but this process was started alone. With SLURM: srun --nodes={count} "
        "--ntasks-per-node=1 depthbench run ...; without it, the same command on every machine, after "
        f"NODE_RANK=0 (1, ... {count - 1}) MASTER_ADDR=FIRST_MACHINE."
    )


def _by_hand(count: int, environment: Mapping[str, str]) -> Node:
    rank, port = _number("NODE_RANK", environment), _number("MASTER_PORT", environment, PORT)
    if rank >= count:
        raise UserError(f"NODE_RANK={rank}, but trainer.num_nodes={count} has the nodes 0 to {count - 1}.")
    if "MASTER_ADDR" not in environment:
        raise UserError("NODE_RANK is set, but the nodes have no meeting point; set MASTER_ADDR=FIRST_MACHINE, too.")
    return Node(rank, count, environment["MASTER_ADDR"], port)


def _in_step(count: int, environment: Mapping[str, str]) -> Node:
    nodes, tasks = (int(environment[f"SLURM_STEP_NUM_{what}"]) for what in ("NODES", "TASKS"))
    if nodes != count:
        raise UserError(f"trainer.num_nodes={count}, but srun started this on {nodes} nodes; make both the same.")
    if tasks != nodes:
        raise UserError(
            f"srun started {tasks} processes on {nodes} nodes, and a run needs one on each, which starts one per "
            "device itself: srun --ntasks-per-node=1."
        )
    # Here and not above: it imports torch.
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    host = SLURMEnvironment.resolve_root_node_address(environment["SLURM_STEP_NODELIST"])
    # A requeued job has the number that it had; jobs of other numbers may share its first node.
    port = FIRST_PORT + (int(environment["SLURM_JOB_ID"]) + 997 * int(environment["SLURM_STEP_ID"])) % PORTS
    node = Node(int(environment["SLURM_NODEID"]), nodes, environment.get("MASTER_ADDR", host), port)
    return node._replace(port=_number("MASTER_PORT", environment, port))


def _number(name: str, environment: Mapping[str, str], default: int | None = None) -> int:
    text = environment.get(name, default)
    if not str(text).isdecimal():
        raise UserError(f"{name}={text} is not a number.")
    return int(str(text))
