"""One job of SLURM: one or several jobs of a sweep, saved and queued again before their time is over."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from depthbench.launch.exit_codes import INTERRUPTED
from depthbench.launch.job import run_job
from depthbench.launch.slurm import requeue_this_job, restarts
from depthbench.launch.stop_signals import stoppable
from depthbench.runs.folder import RunFolder

# SLURM sends one of these before a time limit, as it was asked to when the job was sent. At a preemption, `scancel` and
# `scontrol requeue` it sends SIGTERM, and queues the job again by itself where that is meant.
BEFORE_LIMIT = (signal.SIGUSR1, signal.SIGUSR2)


def run_pack(paths: Sequence[str], timeout: float | None, most_restarts: int) -> None:
    """Run jobs of a sweep, side by side; submitit calls this on each node of a job.

    Args:
        paths: their run folders.
        timeout: seconds after which a job is stopped and counted as failed.
        most_restarts: how often this may queue itself again.

    Raises:
        SystemExit: if a job is to go on later, after it has saved: submitit then writes no result, and a command that
            waits for this job of SLURM sees by the queue whether it comes again.
    """
    folders, begun = [RunFolder(path) for path in paths], time.time()
    with stoppable() as asked:
        try:
            _run(folders, timeout)
        except SystemExit:
            if not asked:
                raise
        waiting = [folder for folder in folders if not (folder.done or over_since(folder, begun))]
        if not waiting:
            return
        if _may_go_on(waiting, asked, begun) and restarts() < most_restarts and os.environ.get("SLURM_PROCID") == "0":
            print("Saved; SLURM queues this job again.", flush=True)
            requeue_this_job()
    raise SystemExit(INTERRUPTED)


def over_since(folder: RunFolder, begun: float, states: Sequence[str] = ("failed", "pruned")) -> bool:
    """Whether a job has failed (or is in another of these states), and not at an earlier start."""
    status = folder.status
    return status["state"] in states and float(status.get("updated", 0)) >= begun


def _may_go_on(folders: Sequence[RunFolder], asked: Sequence[int], begun: float) -> bool:
    """Whether the job is to be queued again, and SLURM won't do so by itself."""
    if asked:
        return asked[0] in BEFORE_LIMIT
    # A node was lost. Only a training that has come further since goes on: the next start may lose it, too.
    return any(folder.checkpoint.is_file() and folder.checkpoint.stat().st_mtime > begun for folder in folders)


def _run(folders: Sequence[RunFolder], timeout: float | None) -> None:
    if len(folders) == 1:
        run_job(folders[0], timeout)
        return
    context = multiprocessing.get_context("spawn")
    members = [context.Process(target=_run_member, args=(folder.path, timeout)) for folder in folders]
    for member in members:
        member.start()
    try:
        for member in members:
            member.join()
    except SystemExit:
        for member in members:
            member.terminate()
        for member in members:
            member.join()
        raise


def _run_member(path: Path, timeout: float | None) -> None:
    with stoppable():
        sys.exit(run_job(RunFolder(path), timeout))
