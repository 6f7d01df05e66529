"""Processes to torture: forked from one that has imported everything, so that a tiny run costs a second, not ten."""

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from depthbench.launch.warm.inherited import own_temporary_folders
from tests.torture import composed

# Imported by commands beyond what a sweep's server imports for its jobs.
MODULES = (
    "depthbench.run",
    "depthbench.evaluation.evaluate",
    "depthbench.inference.predict",
    "depthbench.report.__main__",
    "depthbench.report.write.page",
    "depthbench.prepare.cache_writer",
    "depthbench.launch.agent",
    "torch.distributed.run",
    "timm",
    "cv2",
    "h5py",
)
KEPT: set[int] = set()  # file descriptors of the torture's own that forks keep


def warm() -> None:
    """Import what victims need; start no thread, for forks have none but the one that forked."""
    import torch

    from depthbench.launch.warm.server import import_all

    torch.set_num_threads(1)
    composed.remember()
    import_all()
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def fork(work: Callable[[], Any], log: Path | None = None, new_session: bool = True) -> int:
    """Run ``work`` in a process of its own (group), its output appended to a file; returns its id.

    Its exit status is that of a command: what SystemExit says, 1 and a traceback for any other exception.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if new_session:
            os.setsid()
        if log is not None:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        work()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code & 255)


def command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, kept: Path | None = None
) -> None:
    """Run ``depthbench run ARGUMENTS`` within a fork; its compositions are left in a file if one is named."""
    from depthbench import run

    os.chdir(folder)
    os.environ |= {"WANDB_MODE": "offline", **(environment or {})}
    sys.argv = ["depthbench", *arguments]
    fork_workers()
    try:
        run.main()
    finally:
        if kept is not None:
            composed.hand_over(kept)


class Forked:
    """Like :class:`subprocess.Popen`, for ``python -m depthbench.launch...``: a fork instead of a new interpreter."""

    def __init__(
        self,
        args: Sequence[str],
        env: Mapping[str, str] | None = None,
        stdout: Any = None,
        start_new_session: bool = False,
        pass_fds: Sequence[int] = (),
        **ignored: Any,
    ) -> None:
        self.args, self.returncode = args, None
        place = list(args).index("-m")

        def work() -> None:
            if stdout is not None:
                os.dup2(stdout if isinstance(stdout, int) else stdout.fileno(), 1)
                os.dup2(1, 2)
            kept = {0, 1, 2, *pass_fds, *KEPT}
            for handle in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
                if handle not in kept:
                    with contextlib.suppress(OSError):
                        os.close(handle)
            if env is not None:
                os.environ.clear()
                os.environ.update(env)
            own_temporary_folders()  # jobs leave as an interpreter does, which removes those that it knows
            sys.argv = list(args[place + 1 :])
            importlib.import_module(args[place + 1]).main()

        self.pid = fork(work, new_session=start_new_session)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout or 1e9)
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork_workers() -> None:
    """Here and in all forks of this process, jobs' processes and ranks are forks, too."""
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler

    from depthbench.launch import processes
    from depthbench.launch.warm import client

    known = {name: getattr(subprocess, name) for name in subprocess.__all__}
    processes.subprocess = client.subprocess = SimpleNamespace(**known | {"Popen": Forked})
    subprocess_handler.Popen = Forked
