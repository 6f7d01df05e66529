"""One forked process per device of one machine, with the environment that torchrun gives its processes."""

import os
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from depthbench.cores import threads_of_each
from depthbench.launch.leaving import leave
from depthbench.launch.parent_death import die_with_parent
from depthbench.launch.warm.inherited import own_temporary_folders

GRACE = 30  # seconds that the others of a group have to end when one has failed; torchrun's
# torchrun's agent stops its processes for these.
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def rank_environment(rank: int, processes: int, port: int) -> dict[str, str]:
    """The variables by which torch and Lightning know a process of a group on one machine."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "GROUP_RANK": "0",
        "GROUP_WORLD_SIZE": "1",
        "ROLE_RANK": str(rank),
        "ROLE_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": f"warm-{os.getpid()}",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": "0",
        "TORCHELASTIC_USE_AGENT_STORE": "False",  # the first process keeps the store
    }


class RankGroup:
    """The processes of a job and their outcomes.

    Args:
        processes: how many.
        work: of each; returns its exit status.
    """

    def __init__(self, processes: int, work: Callable[[], int]) -> None:
        self.processes, self.work = processes, work
        self.running: list[int] = []
        self.stopping = False

    def run(self) -> int:
        """Start them and wait for all; the exit status of the first that fails, which ends the others."""
        os.environ.setdefault("OMP_NUM_THREADS", threads_of_each(self.processes))
        kept: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in PASSED_ON}
        for number in PASSED_ON:
            if kept[number] is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._pass_on)
        kept[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._end)
        with socket.socket() as reserved:
            # Bound and never listening: nobody else is given the port before the first process takes it.
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind(("127.0.0.1", 0))
            for rank in range(self.processes):
                self._start(rank_environment(rank, self.processes, reserved.getsockname()[1]), kept)
            return self._wait()

    def _start(self, variables: Mapping[str, str], kept: Mapping[signal.Signals, Any]) -> None:
        leader = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # a process is known before a signal is passed on
        pid = os.fork()
        if pid == 0:
            for number, handler in kept.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            status = 1
            try:
                die_with_parent(leader)
                os.environ.update(variables)
                own_temporary_folders()
                _limit_threads()
                status = self.work()
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
            except BaseException:
                traceback.print_exc()
            leave(status)
        self.running.append(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        if self.stopping:
            self._send(signal.SIGTERM)

    def _wait(self) -> int:
        first = 0
        while self.running:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            assert ended is not None
            self.running.remove(ended.si_pid)  # first, so that no signal is sent to a number that is free again
            code = os.waitstatus_to_exitcode(os.waitpid(ended.si_pid, 0)[1])
            if code and not first:
                first = code
                self._send(signal.SIGTERM)
                signal.alarm(GRACE)
        signal.alarm(0)
        return first if first >= 0 else 128 - first

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        self._send(signal.SIGTERM)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for pid in self.running:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _limit_threads() -> None:
    # Here and not above: the sweep imports this module, and torch takes seconds to import.
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"].partition(",")[0]))


def run_group(processes: int, work: Callable[[], int]) -> int:
    """See :class:`RankGroup`."""
    return RankGroup(processes, work).run()
