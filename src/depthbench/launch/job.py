"""Start the process (group) of a job, and wait for what becomes of it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from typing import IO

from omegaconf import OmegaConf

from depthbench.launch.devices import reserved, visible_gpus
from depthbench.launch.exit_codes import BUSY
from depthbench.launch.nodes import this_node
from depthbench.launch.parent_death import die_with_parent
from depthbench.runs.folder import RunFolder
from depthbench.training.signals import SIGNALS

GRACE = 60.0  # seconds that a job has to save a checkpoint when it is stopped
VARIABLES_OF_A_GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


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
    with reserved(folder.path.parent, gpus, _wanted(folder, len(gpus))) as own:
        return _run(folder, own, timeout, log)


def _wanted(folder: RunFolder, gpus: int) -> int:
    """GPUs that a job's configuration asks for."""
    trainer = folder.config.trainer
    if trainer.accelerator == "cpu":
        return 0
    if OmegaConf.is_list(trainer.devices):
        return gpus  # chosen by number: the job must see them all
    return gpus if trainer.devices == "auto" else int(trainer.devices)


def _run(folder: RunFolder, gpus: list[str], timeout: float | None, log: IO[bytes] | None) -> int:
    node = this_node(folder.config.trainer.num_nodes)
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES_OF_A_GROUP}
    environment |= node.variables if node else {}
    later = node is not None and node.rank > 0  # the first node keeps the status
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    command = [sys.executable, "-m", "depthbench.launch.worker", str(folder.path), str(os.getpid())]
    name = f"log.{node.rank}.txt" if node and later else "log.txt"
    with nullcontext(log) if log else (folder.path / name).open("ab") as output:
        code = _supervise(command, environment, output, timeout, folder)
        while code == BUSY and not folder.done:  # another sweep runs the same job: its result is ours
            time.sleep(2)
            code = _supervise(command, environment, output, timeout, folder)
    if later:
        return code
    if not folder.done and folder.status["state"] not in ("failed", "interrupted"):
        folder.update_status(state="failed", reason=f"its process ended with status {code}; see log.txt")
    return 0 if folder.done else code or 1


def _supervise(
    command: list[str], environment: dict[str, str], log: IO[bytes], timeout: float | None, folder: RunFolder
) -> int:
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        stop(process)
        folder.update_status(state="failed", reason=f"stopped after launch.timeout={timeout:g} seconds")
        return process.returncode
    except BaseException:  # Ctrl-C or SIGTERM here: the job saves a checkpoint before the sweep ends
        stop(process)
        raise
    if code < 0:
        reason = f"its process was killed by {signal.Signals(-code).name}"
        folder.update_status(state="interrupted" if -code in SIGNALS else "failed", reason=reason)
    return code


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the job to stop, and after a grace period make the whole group."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
