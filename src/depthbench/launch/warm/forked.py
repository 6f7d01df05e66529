"""Turn a fork into the process of a job, as if a new interpreter had started it."""

import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

from depthbench.launch.leaving import leave
from depthbench.launch.parent_death import die_with_parent
from depthbench.launch.warm.group import run_group
from depthbench.launch.warm.inherited import own_temporary_folders
from depthbench.runs.folder import RunFolder

# Variables that a job may have otherwise than the server: they are read when they are needed, or obeyed below.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
FREE = ("CUDA_VISIBLE_DEVICES", *THREADS)


def become_job(request: Mapping[str, Any], log: int, server: int) -> NoReturn:
    """Run a job in this fork, and end it.

    Args:
        request: ``folder``, ``environment``, ``directory`` of the job.
        log: the file descriptor of its output.
        server: the process id of the server, with which the job ends.
    """
    status = 1
    try:
        os.setsid()
        _redirect(log)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["directory"])
        die_with_parent(server)
        own_temporary_folders()
        _as_new()
        status = _work(RunFolder(request["folder"]))
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    leave(status)


def _redirect(log: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)


def _as_new() -> None:
    """Give this fork the fresh state of a new interpreter: its own random state, and threads as its variables say."""
    # Here and not above: the sweep imports this module's list of variables, and torch takes seconds to import.
    import numpy as np
    import torch

    np.random.seed()  # noqa: NPY002 (Python's own generator renews itself in a fork, numpy's does not)
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if told.isdecimal() and int(told) > 0:
        torch.set_num_threads(int(told))


def _work(folder: RunFolder) -> int:
    from depthbench.launch import worker
    from depthbench.launch.execute import execute

    sys.argv = [worker.__file__, str(folder.path)]
    processes = _devices(folder)
    return execute(folder) if processes == 1 else run_group(processes, lambda: execute(folder))


def _devices(folder: RunFolder) -> int:
    """Processes that the job needs; asked in a fork that ends, since a look at GPUs may leave CUDA in this process."""
    from depthbench.training.devices import device_count

    if folder.config.trainer.devices != "auto" or folder.config.trainer.accelerator == "cpu":
        return device_count(folder.config)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(device_count(folder.config))
        finally:
            os._exit(1)
    return max(1, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
