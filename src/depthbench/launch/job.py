"""Start the process (group) of a job, and wait for its end."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import IO

from omegaconf import OmegaConf

from depthbench.launch.devices import reserved
from depthbench.launch.exit_codes import BUSY
from depthbench.launch.nodes import Node, this_node
from depthbench.launch.parent_death import die_with_parent
from depthbench.launch.processes import FreshProcess, JobProcess, environment_alone
from depthbench.launch.turns import elsewhere, one_of_several
from depthbench.launch.warm.client import NoServer, WarmServer
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import visible_gpus
from depthbench.training.signals import SIGNALS

GRACE = 60.0  # seconds that a job has to save a checkpoint when it is stopped

# Jobs of this process that run now, and whether they shall end.
_running: set[JobProcess] = set()
_stopping = threading.Event()


def run_job(folder: RunFolder, timeout: float | None = None, log: IO[bytes] | None = None) -> int:
    """Run a job in a process group of its own; skip it if it is done.

    Args:
        folder: the run folder.
        timeout: seconds after which the job is stopped and counted as failed.
        log: where its output goes; by default ``log.txt`` in the folder (``log.1.txt`` on the second of several nodes).

    Returns:
        The exit status of its process; if it is not 0, the folder's status says why.
    """
    if folder.done:
        return 0
    if multiprocessing.current_process().name != "MainProcess":  # joblib's, which would begin the next job alone
        die_with_parent(os.getppid())
    gpus = visible_gpus()
    node = this_node(folder.config.trainer.num_nodes)
    environment = environment_alone() | (node.variables if node else {})
    count, places = _wanted(folder, len(gpus)), folder.config.get("launch", {}).get("jobs_per_gpu", 1)
    with elsewhere(), reserved(folder.path.parent, gpus, count, places=places) as own:
        if own:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(own)
        return _run(folder, node, environment, timeout, log)


def _wanted(folder: RunFolder, gpus: int) -> int:
    """GPUs that a job's configuration asks for."""
    trainer = folder.config.trainer
    if trainer.accelerator == "cpu":
        return 0
    if OmegaConf.is_list(trainer.devices):
        return gpus  # chosen by number: the job must see them all
    if trainer.devices == "auto":
        return min(1, gpus) if one_of_several() else gpus
    return int(trainer.devices)


def _run(
    folder: RunFolder, node: Node | None, environment: Mapping[str, str], timeout: float | None, log: IO[bytes] | None
) -> int:
    later = node is not None and node.rank > 0  # the first node keeps the status
    name = f"log.{node.rank}.txt" if node and later else "log.txt"
    with nullcontext(log) if log else (folder.path / name).open("ab") as output:
        code = _supervise(folder, environment, output, timeout)
        while code == BUSY and not folder.done:  # another sweep runs the same job: its result is ours
            time.sleep(2)
            code = _supervise(folder, environment, output, timeout)
    if later:
        return code
    if not folder.done and folder.status["state"] not in ("failed", "interrupted", "pruned"):
        folder.update_status(state="failed", reason=f"its process ended with status {code}; see log.txt")
    return 0 if folder.done else code or 1


def _supervise(folder: RunFolder, environment: Mapping[str, str], log: IO[bytes], timeout: float | None) -> int:
    server = WarmServer.current
    if server is not None and folder.config.trainer.num_nodes == 1:
        try:
            return _wait(server.begin(folder.path, environment, log), timeout, folder)
        except NoServer as error:
            log.write(f"This job imports everything itself: {error}.\n".encode())
            log.flush()
            if folder.done:
                return 0
    return _wait(FreshProcess("depthbench.launch.worker", [str(folder.path)], environment, log), timeout, folder)


def _wait(process: JobProcess, timeout: float | None, folder: RunFolder) -> int:
    with _known(process):
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = stop(process)
            folder.update_status(state="failed", reason=f"stopped after launch.timeout={timeout:g} seconds")
            return code
        except NoServer:
            raise
        except BaseException:  # Ctrl-C or SIGTERM here: the job saves a checkpoint before the sweep ends
            stop(process)
            raise
    if code < 0:
        reason = f"its process was killed by {signal.Signals(-code).name}"
        folder.update_status(state="interrupted" if -code in SIGNALS else "failed", reason=reason)
    return code


@contextmanager
def _known(process: JobProcess) -> Iterator[None]:
    _running.add(process)
    try:
        if _stopping.is_set():
            process.terminate()
        yield
    finally:
        _running.discard(process)


def stop(process: JobProcess) -> int:
    """Ask the job to stop and kill its process group after a grace period; returns the exit status."""
    try:
        process.terminate()
        try:
            return process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill_group()
            return process.wait()
    except NoServer:  # it has stopped the job as it ended
        return -signal.SIGTERM


@contextmanager
def stopping_all() -> Iterator[None]:
    """Ask all jobs of this process to stop, and kill those that still run after the grace period."""
    _stopping.set()
    try:
        for process in list(_running):
            process.terminate()
        end = time.monotonic() + GRACE
        while _running and time.monotonic() < end:
            time.sleep(0.1)
        for process in list(_running):
            process.kill_group()
        yield
    finally:
        _stopping.clear()
