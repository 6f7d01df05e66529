"""A sweep's side: its server, and the jobs that it asks for."""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ClassVar

from depthbench.launch.warm.forked import FREE


class NoServer(Exception):
    """There is no process to fork from; the message says why."""


def other_variables(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Variables that differ and may have been read while everything was imported."""
    names = {*before, *now} - set(FREE)
    return sorted(name for name in names if before.get(name) != now.get(name))


class WarmServer:
    """The server of this sweep; one for all its jobs. It ends with the sweep, however that ends."""

    current: ClassVar["WarmServer | None"] = None
    command: ClassVar[list[str]] = [sys.executable, "-m", "depthbench.launch.warm.server"]

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._turn = threading.Lock()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the server)
        self.control, theirs = socket.socketpair()
        # BLAS would start its threads when it is imported, and a process with threads can't be forked safely.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        with theirs:
            self.process = subprocess.Popen(
                [*self.command, str(theirs.fileno())],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @classmethod
    def start(cls) -> None:
        """Fork the further jobs of this process, where the system can do it."""
        if cls.current is None and sys.platform == "linux" and hasattr(os, "pidfd_open"):
            cls.current = cls()

    @classmethod
    def stop(cls) -> None:
        """Let the server go; it ends by itself."""
        if cls.current is not None:
            cls.current.control.close()
            cls.current._said.close()
            cls.current.process.wait()
            cls.current = None

    def begin(self, folder: Path, environment: Mapping[str, str], log: IO[bytes]) -> "ForkedProcess":
        """Fork a job.

        Raises:
            NoServer: if the server has ended or refuses, or if the job's environment is another than the server's.
        """
        if different := other_variables(self.environment, environment):
            raise NoServer(f"its environment has another {', '.join(different)}")
        request = {"folder": str(folder), "environment": dict(environment), "directory": str(Path.cwd())}
        own, theirs = socket.socketpair()
        try:
            with theirs, self._turn:
                socket.send_fds(self.control, [b"J"], [theirs.fileno(), log.fileno()])
            own.sendall(json.dumps(request).encode() + b"\n")
            return ForkedProcess(own)
        except (OSError, NoServer) as error:
            own.close()
            raise NoServer(str(error) if isinstance(error, NoServer) else self._lost()) from None

    def _lost(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().splitlines()[-1:]
        return ": ".join(["the process that has imported everything is gone", *last])


class ForkedProcess:
    """A job that the server forked; see :class:`~depthbench.launch.processes.JobProcess`.

    Raises:
        NoServer: if the server refuses or is gone.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._status: int | None = None
        answer = self._read(None)
        if answer is None or "refused" in answer:
            raise NoServer(answer["refused"]) if answer else OSError
        self.pid: int = answer["pid"]
        try:
            self._pidfd: int | None = os.pidfd_open(self.pid)
        except ProcessLookupError:  # ended already
            self._pidfd = None

    def wait(self, timeout: float | None = None) -> int:
        """See :class:`JobProcess`.

        Raises:
            NoServer: if the server was killed. The job has been asked to stop with it, and has ended.
        """
        if self._status is None:
            answer = self._read(timeout)
            if answer is None:
                self._gone(timeout)
                self._close()
                raise NoServer("the process that has imported everything was killed")
            self._status = answer["status"]
            self._close()
        return self._status

    def terminate(self) -> None:
        """See :class:`JobProcess`."""
        self._say(b"T")

    def kill_group(self) -> None:
        """See :class:`JobProcess`."""
        self._say(b"K")

    def _say(self, message: bytes) -> None:
        with suppress(OSError):  # it has ended
            self._connection.sendall(message)

    def _read(self, timeout: float | None) -> dict[str, Any] | None:
        """The server's next sentence; None if there will be none."""
        while b"\n" not in self._received:
            self._ready(self._connection.fileno(), timeout)
            try:
                part = self._connection.recv(4096)
            except OSError:
                part = b""
            if not part:
                return None
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _gone(self, timeout: float | None) -> None:
        if self._pidfd is not None:
            self._ready(self._pidfd, timeout)

    def _ready(self, descriptor: int, timeout: float | None) -> None:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        if not waiting.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired("job", timeout or 0.0)

    def _close(self) -> None:
        self._connection.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
