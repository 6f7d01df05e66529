"""The nodes of a job meet before torchrun joins them, and say in a sentence why they can't work together."""

import json
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from torch.distributed import DistError, Store, TCPStore  # type: ignore[attr-defined]

from depthbench.errors import UserError
from depthbench.launch.nodes import Node

FAREWELL = 10.0  # seconds that the first waits until all have read why they can't go on
POLL = 0.2  # seconds between looks
RUN, VERDICT = "run", "verdict"


class Refused(UserError):
    """The first node says why the job doesn't begin."""


def meet(node: Node, about: Mapping[str, str], patience: float, refuse: str = "") -> Store:
    """Wait until all nodes are there and compare their code and configuration.

    Args:
        node: this one.
        about: the run, code and devices of this node, by their names in sentences; must be equal on all.
        patience: seconds to wait for the others.
        refuse: on the first node, a sentence if the job can't begin; all raise it.

    Returns:
        The store over which they met. While it is kept, torchrun in this process uses it, too.

    Raises:
        Refused: on all nodes, if `refuse` says so.
        UserError: on all nodes that can know, if one doesn't come, is another run's, or has other code.
    """
    mine = {"machine": platform.node(), **about}
    if node.rank == 0:
        store = _listen(node, patience)
        store.set(RUN, about["run"])
        verdict = refuse or _compare(store, node, mine, patience)
        store.set(VERDICT, json.dumps([verdict, bool(refuse)]))
        if verdict:
            came = [rank for rank in range(1, node.nodes) if store.check([f"node/{rank}"])]
            _wait(store, [f"read/{rank}" for rank in came], FAREWELL)
        refused = bool(refuse)
    else:
        store = _call(node, patience)
        _check_run(store, node, about["run"])
        store.set(f"node/{node.rank}", json.dumps(mine))
        if not _wait(store, [VERDICT], patience + FAREWELL):
            raise UserError(f"The first node, {node.host}:{node.port}, answered and then stopped; see its output.")
        verdict, refused = json.loads(store.get(VERDICT))
        store.set(f"read/{node.rank}", "")
    if verdict:
        raise Refused(verdict) if refused else UserError(verdict)
    return store


def _listen(node: Node, patience: float) -> Store:
    try:
        socket.getaddrinfo(node.host, node.port)  # the store tries names that nobody knows for as long as it may
        return TCPStore(
            node.host, node.port, None, True, timedelta(seconds=patience), wait_for_workers=False, multi_tenant=True
        )
    except (OSError, DistError) as error:
        if "EADDRINUSE" in str(error):
            raise UserError(
                f"Port {node.port} of this machine, the meeting point of the nodes, is in use; set another on all "
                "nodes: "
                "MASTER_PORT=NUMBER."
            ) from None
        raise UserError(
            f"This machine can't listen on {node.host}:{node.port}, the meeting point of the nodes "
            f"({_first_line(error)}); set MASTER_ADDR to the name of the machine with NODE_RANK=0."
        ) from None


def _call(node: Node, patience: float) -> Store:
    """Connect once the first node listens; asked before it does, the store's own client writes its stack to the log."""
    end = time.monotonic() + patience
    while True:
        try:
            socket.create_connection((node.host, node.port), timeout=5).close()
            return TCPStore(node.host, node.port, None, False, timedelta(seconds=patience), wait_for_workers=False)
        except (OSError, DistError) as error:
            if time.monotonic() > end:
                raise UserError(
                    f"The first node doesn't answer at {node.host}:{node.port} within launch.patience={patience:g} "
                    f"seconds ({_first_line(error)}). Check that its process runs, that MASTER_ADDR is its name, and "
                    "that the port is open."
                ) from None
        time.sleep(POLL)


def _compare(store: Store, node: Node, mine: Mapping[str, str], patience: float) -> str:
    """The reason why the nodes can't work together; empty if they can."""
    end = time.monotonic() + patience
    absent = [
        str(rank)
        for rank in range(1, node.nodes)
        if not _wait(store, [f"node/{rank}"], max(0.1, end - time.monotonic()))
    ]
    if absent:
        return (
            f"Of {node.nodes} nodes, {node.nodes - len(absent)} came to {node.host}:{node.port} within "
            f"launch.patience={patience:.0f} seconds; missing: number {', '.join(absent)} (the first is 0)."
        )
    for rank in range(1, node.nodes):
        other = json.loads(store.get(f"node/{rank}"))
        for what in sorted(mine.keys() - {"machine"}):
            if other.get(what) != mine[what]:
                return (
                    f"The nodes differ in their {what}: {mine[what]} on {mine['machine']} (node 0), {other.get(what)} "
                    f"on {other['machine']} (node {rank}); make them the same."
                )
    return ""


def _check_run(store: Store, node: Node, run: str) -> None:
    """Another job's first node may answer: it must not learn of this one."""
    first = store.get(RUN).decode() if _wait(store, [RUN], FAREWELL) else "not one of depthbench"
    if first != run:
        raise UserError(
            f"At {node.host}:{node.port} the nodes of another run meet: {first}, and here it is {run}. Start all nodes "
            "by the same command with the same version, or choose another port: MASTER_PORT=NUMBER, on all nodes."
        )


def _wait(store: Store, keys: Sequence[str], seconds: float) -> bool:
    """Whether all keys are there in time; the first node may be gone."""
    end = time.monotonic() + seconds
    with suppress(DistError):
        while not store.check(list(keys)):
            if time.monotonic() > end:
                return False
            time.sleep(POLL)
        return True
    return False


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
