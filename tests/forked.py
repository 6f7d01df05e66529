"""Processes of tests that are forked from one that has imported everything, as a sweep's jobs are.

An interpreter that imports torch, Lightning and timm takes ten seconds; a fork takes a tenth of one. Tests of what is
imported, and one test of each way to start, begin interpreters of their own.
"""

import gc
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import SimpleNamespace

from depthbench.launch.warm.group import rank_environment
from depthbench.launch.warm.server import EARLY, LATE
from depthbench.training.signals import SIGNALS

COMMANDS = ("depthbench.run", "depthbench.launch.warm.client", "depthbench.launch.warm.server")


@cache
def forkserver() -> ForkServerContext:
    """One per test process. Its imports begin with the first process that is started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*EARLY, *LATE, *COMMANDS])
    return context


def started(target, *arguments, **variables):
    """A process that calls a function under these variables of the environment."""
    environment = {**os.environ, **variables}
    process = forkserver().Process(target=_begin, args=(environment, target, arguments), daemon=False)
    with_one_thread = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the server, should this be its first process
    try:
        process.start()
    finally:
        if with_one_thread is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = with_one_thread
    return process


def _begin(environment, target, arguments):
    gc.freeze()  # what was imported is neither looked through nor copied by collections
    os.environ.clear()
    os.environ.update(environment)
    multiprocessing.current_process().name = "MainProcess"  # as in an interpreter of its own
    target(*arguments)


def on_two_processes(place, work, *arguments, seconds=900):
    """Return the values of ``work(rank, *arguments)`` on both processes of a group; fail with the error of one of them.

    Args:
        place: a folder for what they return.
        work: a function that can be imported; its group is there, by gloo.
        arguments: of it.
        seconds: that they may take.
    """
    import torch

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    both = [started(_rank, rank, str(place), work, arguments, **rank_environment(rank, 2, port)) for rank in (0, 1)]
    for one in both:
        one.join(seconds)
    codes = [one.exitcode for one in both]
    for one in both:
        one.kill()
    assert codes == [0, 0], "".join(file.read_text() for file in sorted(place.glob("failed*")))
    return [torch.load(place / f"returned{rank}.pt", weights_only=False) for rank in (0, 1)]


def _rank(rank, place, work, arguments):
    import torch

    torch.set_num_threads(1)
    try:
        torch.distributed.init_process_group("gloo")
        torch.save(work(rank, *arguments), f"{place}/returned{rank}.pt")
        torch.distributed.destroy_process_group()
    except BaseException as error:
        Path(place, f"failed{rank}").write_text("".join(traceback.format_exception(error)))
        os._exit(1)


class Command:
    """``python -m depthbench.run`` in a process, with the methods of :class:`subprocess.Popen` that tests need."""

    def __init__(self, folder, arguments, variables):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            self._output = Path(file.name)
        self._process = started(_command, str(folder), arguments, str(self._output), **variables)
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        self._process.join(0)
        return self.returncode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("depthbench.run", timeout)
        return self.returncode

    def communicate(self, timeout=None):
        self.wait(timeout)
        told = self._output.read_text()
        self._output.unlink()
        return told, None

    def send_signal(self, number):
        os.kill(self.pid, number)

    def terminate(self):
        self._process.terminate()

    def kill(self):
        self._process.kill()


def _command(folder, arguments, output):
    from depthbench import run
    from depthbench.launch.warm import client

    os.chdir(folder)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    # multiprocessing has put nothing in the place of a terminal.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.argv = [run.__file__, *arguments]
    names = {name: getattr(subprocess, name) for name in ("DEVNULL", "STDOUT", "TimeoutExpired")}
    client.subprocess = SimpleNamespace(Popen=_ForkedServer, **names)
    run.command()


class _ForkedServer:
    """The server of a sweep's jobs as a fork of the sweep, which has imported everything already."""

    def __init__(self, command, env, pass_fds, stdout, **_):
        self.pid = os.fork()
        self._status = None
        if self.pid == 0:
            _become_server(command[-1], env, pass_fds[0], stdout.fileno())

    def wait(self, timeout=None):
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


def _become_server(argument, environment, control, output):
    from depthbench.launch.warm import server

    try:
        os.setsid()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # Whatever the sweep has opened must end with it.
        for descriptor in {int(file.name) for file in Path("/proc/self/fd").iterdir()} - {0, 1, 2, control}:
            with suppress(OSError):  # that of the listing
                os.close(descriptor)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [server.__file__, argument]
        server.main()
    except BaseException:
        traceback.print_exc()
    os._exit(1)
