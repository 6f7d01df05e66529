"""The jobs of a sweep, composed, checked and listed before the first one starts."""

import math
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from depthbench.cli import duration
from depthbench.config.identity import paths, plain
from depthbench.config.needed_files import check_contents, check_root
from depthbench.config.values import check_kinds, check_values
from depthbench.cores import cores
from depthbench.errors import DamagedFrame, UserError
from depthbench.runs.checksums import read_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import visible_gpus

PATIENCE = 1.5  # seconds before the first line, and between lines four times as many


def plan_jobs(config: DictConfig) -> list[RunFolder]:
    """The run folders of all jobs that Hydra's basic sweeper will start, made where they are new.

    Raises:
        UserError: for a mistake in any job. Where the jobs run on this machine, missing data are one.
    """
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    params = parser.parse_overrides(
        [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    )
    check_kinds(config, params)
    told = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)  # each job resolves for itself
    assert isinstance(told, list)
    jobs = [
        job for batch in BasicSweeper.split_arguments([*params, *parser.parse_overrides(told)], None) for job in batch
    ]
    planned = []
    due = time.monotonic() + PATIENCE
    for number, job in enumerate(jobs):
        if time.monotonic() > due:
            print(f"{number} of {len(jobs)} jobs are checked.", flush=True)
            due = time.monotonic() + 4 * PATIENCE
        planned.append((*_composed(config, job), job))
    folders: list[RunFolder] = []
    opened: set[str] = set()
    places: dict[Path, dict[str, Any]] = {}
    for composed, choices, job in planned:  # no folder is made before all can be composed
        folder = RunFolder.create(composed, job, choices)
        folders.append(folder)
        if on_this_machine(config) and not folder.done:
            check_root(composed)
            with suppress(DamagedFrame):  # its job says so, and the others go on
                check_contents(composed, ["train", "test"], opened)
        lie = paths(plain(composed))
        if places.setdefault(folder.path, lie) != lie:
            raise UserError(
                "Two jobs of this sweep differ only in where their data lie, so they would be one run; name their "
                "data: append +data.name=NAME to each."
            )
    return list({folder.path: folder for folder in folders}.values())


def plan_job(config: DictConfig, job: list[str]) -> RunFolder:
    """The run folder of one job of a search, made where it is new."""
    composed, choices = _composed(config, job)
    return RunFolder.create(composed, job, choices)


def _composed(config: DictConfig, job: list[str]) -> tuple[DictConfig, dict[str, str | None]]:
    """The configuration of a job, and the option that it chooses in each group."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    composed = hydra.config_loader.load_sweep_config(config, job)
    choices = composed.hydra.runtime.choices
    with open_dict(composed):
        del composed["hydra"]
    check_values(composed)
    return composed, choices


def on_this_machine(config: DictConfig) -> bool:
    """Whether the sweep's launcher runs its jobs here."""
    return "submitit" not in str(config.hydra.launcher.get("_target_"))


def jobs_at_once(config: DictConfig) -> int:
    """Number of jobs that the launcher of a sweep runs at once on this machine.

    ``hydra.launcher.n_jobs`` is a number, -1 (one per core), or ``auto``: one per visible GPU times
    ``launch.jobs_per_gpu``, and one where there is no GPU or none is used.
    """
    number = config.hydra.launcher.get("n_jobs", 1)
    if number == "auto":
        gpus = 0 if config.trainer.accelerator == "cpu" else len(visible_gpus())
        return max(1, gpus * int(config.launch.jobs_per_gpu))
    return cores() if number == -1 else int(number)


def seconds_left(folders: Sequence[RunFolder], together: int) -> float | None:
    """Estimated time of the remaining jobs, from the finished ones; None if none is finished.

    Args:
        folders: of all jobs.
        together: how many run at once.
    """
    took = [read_done(folder.path).get("seconds") for folder in folders if folder.done]
    known = [float(seconds) for seconds in took if seconds is not None]
    left = len(folders) - len(took)
    return fmean(known) * math.ceil(left / together) if known and left else None


def announcement_of_sweep(folders: Sequence[RunFolder], config: DictConfig) -> list[str]:
    """The jobs to do, their estimated time, and the command for a cluster."""
    done = sum(folder.done for folder in folders)
    lines = [f"{len(folders)} jobs, {done} of them done already; run folders in {config.output}/:"]
    changed = [text for folder in folders if folder.done and (text := folder.other_code())]
    if changed:
        lines.append(f"{len(changed)} of those that are done were made by other code. {changed[0]}")
    lines += [f"  {folder.status['state']:>11}  {folder.path.name}" for folder in folders]
    together = min(jobs_at_once(config), max(1, len(folders) - done))
    if (seconds := seconds_left(folders, together)) is not None:
        lines.append(time_left(seconds, len(folders) - done, together))
    choices = config.hydra.runtime.choices
    if on_this_machine(config) and choices.get("scale") == "paper" and done < len(folders):
        if together > 1:
            lines.append(f"{together} jobs run at once.")
        lines.append(f"On a cluster: depthbench run {shlex.join([*sys.argv[1:], 'hydra/launcher=submitit_slurm'])}")
    return lines


def time_left(seconds: float, left: int, together: int) -> str:
    """A sentence for :func:`seconds_left`."""
    how = "one after another" if together == 1 else f"{together} at once"
    return f"The {left} that are left take about {duration(seconds)}, {how}, if they are like those that are done."
