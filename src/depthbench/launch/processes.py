"""A job's process as its supervisor sees it, whichever way it was started."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Protocol

VARIABLES_OF_A_GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


def environment_alone() -> dict[str, str]:
    """The environment of a process that belongs to no group yet, whatever started this one."""
    return {key: value for key, value in os.environ.items() if key not in VARIABLES_OF_A_GROUP}


class JobProcess(Protocol):
    """A process that leads a process group of its own."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, or minus the signal that killed it.

        Raises:
            subprocess.TimeoutExpired: if it runs longer.
        """

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill_group(self) -> None:
        """End it and all processes that it started, at once."""


class FreshProcess:
    """A job in a new interpreter, which imports everything itself.

    Args:
        module: that is run.
        arguments: of it; the number of this process, with which it ends, is added.
        environment: of the process.
        log: where its output goes.
    """

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> None:
        command = [sys.executable, "-m", module, *arguments, str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, timeout: float | None = None) -> int:
        """See :class:`JobProcess`."""
        return self._process.wait(timeout)

    def terminate(self) -> None:
        """See :class:`JobProcess`."""
        self._process.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        """See :class:`JobProcess`."""
        os.killpg(self._process.pid, signal.SIGKILL)
