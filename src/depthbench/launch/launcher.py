"""Hydra's launcher for one machine: one job after another, or several at once, each forked from one process."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Literal

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, run_job, setup_globals
from omegaconf import open_dict

from depthbench.cores import threads_of_each
from depthbench.errors import UserError
from depthbench.launch.job import stopping_all
from depthbench.launch.turns import TURN
from depthbench.launch.warm.client import WarmServer
from depthbench.runs.plan import jobs_at_once

# Hydra takes launchers from the package of this name alone.
TARGET = "hydra_plugins.depthbench.LocalLauncher"


class LocalLauncher(BasicLauncher):
    """Runs the jobs of a sweep on this machine.

    Args:
        n_jobs: how many at once; see :func:`~depthbench.runs.plan.jobs_at_once`.

    Raises:
        UserError: if it is none of these.
    """

    def __init__(self, n_jobs: int | Literal["auto"] = 1) -> None:
        super().__init__()
        if n_jobs != "auto" and (not isinstance(n_jobs, int) or n_jobs == 0 or n_jobs < -1):
            raise UserError(
                f"hydra.launcher.n_jobs={n_jobs} must be auto, -1 (one per core), or a number of 1 or more."
            )
        self.n_jobs = n_jobs

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """See Hydra."""
        assert self.config is not None
        if "launch" not in self.config:  # a command without trainings, such as `prepare nyu-raw`
            return super().launch(job_overrides, initial_job_idx)
        if self.config.launch.warm:
            WarmServer.start()
        at_once = min(jobs_at_once(self.config), len(job_overrides))
        if at_once <= 1 and self.n_jobs == 1:
            return super().launch(job_overrides, initial_job_idx)
        return self._together(job_overrides, initial_job_idx, max(1, at_once))

    def _together(self, job_overrides: Sequence[Sequence[str]], first: int, at_once: int) -> Sequence[JobReturn]:
        setup_globals()
        with _kept(), ThreadPoolExecutor(at_once) as pool:
            os.environ.setdefault("OMP_NUM_THREADS", threads_of_each(at_once))
            environment, over = dict(os.environ), threading.Event()
            jobs = [
                pool.submit(_unless, over, self._one, list(overrides), first + number, environment)
                for number, overrides in enumerate(job_overrides)
            ]
            try:
                ended, _ = wait(jobs, return_when=FIRST_EXCEPTION)
                errors = [job.exception() for job in ended]
                for error in errors:
                    if error is not None and not isinstance(error, CancelledError):
                        raise error
            except BaseException:
                over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                with stopping_all():
                    pool.shutdown()
                raise
        return [job.result() for job in jobs]

    def _one(self, overrides: list[str], number: int, environment: dict[str, str]) -> JobReturn:
        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        with TURN:
            os.environ.clear()  # of variables that `hydra.job.env_set` of a waiting job has set
            os.environ.update(environment)
            config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            return run_job(
                hydra_context=self.hydra_context,
                task_function=self.task_function,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                configure_logging=False,
            )


def _unless(over: threading.Event, start: Callable[..., JobReturn], *arguments: Any) -> JobReturn:
    """Start a job unless the sweep is over. One that ends it says so itself: its thread takes the next job at once."""
    if over.is_set():
        raise CancelledError
    try:
        return start(*arguments)
    except BaseException:
        over.set()
        raise


@contextmanager
def _kept() -> Iterator[None]:
    """Hydra's configuration and the environment as they were, whatever order the jobs end in."""
    environment, config = dict(os.environ), HydraConfig.instance().cfg
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        HydraConfig.instance().cfg = config


def register() -> None:
    """Make the launcher known to Hydra, as its default and as the former way to run several jobs at once.

    These two names can't be YAMLs of ours: an ``override`` of the default in ``config.yaml`` would win over that of a
    study, and the content of joblib's plugin under its name would be merged into ours.
    """
    Plugins.instance().class_name_to_class[TARGET] = LocalLauncher
    for name, number in (("basic", 1), ("joblib", "auto")):
        node = {"_target_": TARGET, "n_jobs": number}
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="depthbench")
