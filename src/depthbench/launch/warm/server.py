"""The process that has imported everything and forks a job whenever it is asked for one: ``python -m ... FD``.

It stays clean: no thread, no CUDA context, no seed, no signal handler; whatever a job does happens in its fork.
"""

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from depthbench.launch.leaving import leave
from depthbench.launch.warm.forked import become_job
from depthbench.runs.machine import code_hash, code_version

# What W&B imports when a run begins. First: its models look through all modules there are, after torch for seconds.
EARLY = (
    *("wandb.sdk.launch", "wandb.wandb_run", "requests"),
    *(f"opentelemetry.exporter.otlp.proto.http.{name}_exporter" for name in ("_log", "metric")),
)
# Imports of a job's first steps beyond its modules: optimizers wrap themselves by `torch._dynamo`.
LATE = ("torch._dynamo", "depthbench.launch.worker", "depthbench.launch.execute")
PACKAGES = ("config", "data", "losses", "metrics", "models", "protocols", "rooms", "runs", "tasks", "training")


def import_all() -> None:
    """Import the modules of jobs, and our own package whole: its files may change on the disk while a sweep runs."""
    code_version(), code_hash()  # of the imported code; jobs record both
    for name in EARLY:
        with suppress(ImportError):  # another version of W&B, whose jobs import it themselves
            importlib.import_module(name)
    for name in PACKAGES:
        package = importlib.import_module(f"depthbench.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)


def threads() -> int:
    """Number of threads of this process."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 (counted before each job)


@dataclass
class _Job:
    pid: int
    connection: socket.socket
    pidfd: int


class Server:
    """Forks jobs and reports their ends to the sweep.

    Each request on ``control`` brings a connection of the job's own and the file for its output. A job whose
    connection closes has lost its sweep: it is asked to stop, and saves. The server ends when ``control`` is closed
    and its last job has ended.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control: socket.socket | None = control
        self.selector = selectors.PollSelector()  # not epoll: a fork would share its registrations
        self.selector.register(control, selectors.EVENT_READ, self._request)
        self.jobs: dict[int, _Job] = {}

    def serve(self) -> None:
        """Serve until the sweep is gone and all jobs have ended."""
        while self.control is not None or self.jobs:
            for key, _ in self.selector.select():
                key.data()

    def _request(self) -> None:
        assert self.control is not None
        message, received, _, _ = socket.recv_fds(self.control, 1, 2)
        if not message:
            self.selector.unregister(self.control)
            self.control.close()
            self.control = None
            return
        connection, log = socket.socket(fileno=received[0]), received[1]
        try:
            with connection.makefile("rb") as lines:
                request = json.loads(lines.readline())
        except (OSError, ValueError):  # its sweep has just ended
            connection.close()
        else:
            self._begin(connection, log, request)
        os.close(log)

    def _begin(self, connection: socket.socket, log: int, request: dict[str, Any]) -> None:
        if threads() > 1:
            _tell(connection, refused="the process that has imported everything has got threads")
            connection.close()
            return
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._forget(connection)
            become_job(request, log, server)
        job = _Job(pid, connection, os.pidfd_open(pid))
        self.jobs[pid] = job
        self.selector.register(job.pidfd, selectors.EVENT_READ, lambda: self._ended(job))
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._asked(job))
        _tell(connection, pid=pid)

    def _forget(self, connection: socket.socket) -> None:
        """Close the server's connections in a fork, so that each ends with the two processes that it joins."""
        connection.close()
        if self.control is not None:
            self.control.close()
        for job in self.jobs.values():
            job.connection.close()
            os.close(job.pidfd)
        self.selector.close()

    def _asked(self, job: _Job) -> None:
        """A signal for the job, or the end of its sweep."""
        try:
            message = job.connection.recv(1)
        except OSError:
            message = b""
        if not message:
            self.selector.unregister(job.connection)
        # It has not been waited for, so its number is still its own.
        with suppress(ProcessLookupError):
            if message == b"K":
                os.killpg(job.pid, signal.SIGKILL)
            else:
                os.kill(job.pid, signal.SIGTERM)

    def _ended(self, job: _Job) -> None:
        _, status = os.waitpid(job.pid, 0)
        self.selector.unregister(job.pidfd)
        os.close(job.pidfd)
        with suppress(KeyError):  # its sweep is gone
            self.selector.unregister(job.connection)
        _tell(job.connection, status=os.waitstatus_to_exitcode(status))
        job.connection.close()
        del self.jobs[job.pid]


def _tell(connection: socket.socket, **fields: Any) -> None:
    with suppress(OSError):  # nobody listens any more
        connection.sendall(json.dumps(fields).encode() + b"\n")


def main() -> None:
    """Entry point: the number of the socket on which jobs are asked for."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    import_all()
    gc.collect()
    gc.freeze()  # forks then share these objects' memory, and their collections skip them
    Server(control).serve()
    leave(0)


if __name__ == "__main__":
    main()
