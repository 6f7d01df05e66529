"""Hydra looks for launchers here. ``hydra/launcher=submitit_slurm`` of a training sweep sends each job once and waits.

It is submitit's launcher with two more keys; :mod:`depthbench.launch.slurm_sweep` has the work.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.search_path_plugin import SearchPathPlugin

with suppress(ImportError):  # the extra `launchers` is not installed
    from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher

    @dataclass
    class SlurmSweepConf(SlurmQueueConf):  # type: ignore[misc]
        """submitit's settings; a job that comes to its time limit goes on in a new place in the queue."""

        _target_: str = "hydra_plugins.depthbench_slurm.SlurmSweepLauncher"
        max_num_timeout: int = 100  # how often a job may go on
        jobs_per_node: int = 1  # jobs of the sweep that share one of SLURM's, each with GPUs of its own

    class SlurmSweepLauncher(SlurmLauncher):  # type: ignore[misc]
        """Sends the jobs of a training sweep that are not in the queue, and waits for all."""

        def __init__(self, jobs_per_node: int = 1, **params: Any) -> None:
            super().__init__(**params)
            self.jobs_per_node = jobs_per_node

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Return when SLURM has none of the jobs any more."""
            # Here and not above: Hydra imports this file whenever it starts.
            from depthbench.runs.ledger import Ledger

            ledger = Ledger.current
            if ledger is None or ledger.searching:  # jobs without run folders, or a search, which needs their scores
                return super().launch(job_overrides, initial_job_idx)  # type: ignore[no-any-return]
            from depthbench.launch.slurm_sweep import run_sweep

            assert self.config is not None
            run_sweep(ledger.folders, self.params, self.jobs_per_node, self.config.launch)
            return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]

    class SlurmSettings(SearchPathPlugin):
        """Puts our settings in the place of submitit's: Hydra calls it when it has imported all plugins."""

        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            """The search path stays as it is."""
            ConfigStore.instance().store("submitit_slurm", SlurmSweepConf(), "hydra/launcher", provider="depthbench")
