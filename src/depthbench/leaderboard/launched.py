"""The launcher (``hydra/launcher``) that fills the cells of a leaderboard, read without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from depthbench.config.compose import composing, names_of, readable
from depthbench.config.mistakes import nearest
from depthbench.cores import cores
from depthbench.errors import UserError

LOCAL = {"basic": 1, "joblib": None}  # without a YAML of their own; None: one per GPU
SLURM = "submitit_slurm"
GROUP = "hydra/launcher"


@dataclass(frozen=True)
class Launched:
    """The launcher of the processes of a leaderboard.

    Attributes:
        jobs: at once on this machine; None for one per GPU.
        slurm: settings of submitit by its names, where they are jobs of SLURM instead.
    """

    jobs: int | None = 1
    slurm: Mapping[str, Any] | None = None


def read_launched(name: str | None, settings: Sequence[str], jobs: str | None) -> Launched:
    """The launcher of a command line.

    Args:
        name: ``launcher=``; None for processes of this machine.
        settings: further words, ``launcher.KEY=VALUE``.
        jobs: ``jobs=``.

    Raises:
        UserError: for a launcher that does not exist, a setting that it has not, or words that don't go together.
    """
    if name is None:
        if settings:
            raise UserError(
                f"{settings[0]} is a setting of a launcher; append launcher=NAME (of {', '.join(_known())})."
            )
        return Launched(_jobs(jobs or "1"))
    if name not in _known():
        raise UserError(f"launcher={name} does not exist; {nearest(name, _known())}")
    if name in LOCAL and not settings:
        return Launched(_jobs(jobs) if jobs else LOCAL[name])
    found = _composed(name, settings)
    if "n_jobs" in found:
        number = found["n_jobs"]
        return Launched(_jobs(jobs or str(cores() if number == -1 else number)))
    if jobs:
        raise UserError(f"jobs={jobs} is of one machine; with launcher={name} give launcher.array_parallelism={jobs}.")
    return Launched(slurm=found)


def _known() -> list[str]:
    return sorted({*names_of(GROUP), *LOCAL, SLURM})


def _composed(name: str, settings: Sequence[str]) -> dict[str, Any]:
    """The settings of a launcher, as a sweep has them."""
    from depthbench.launch.launcher import register

    register()
    words = [f"{GROUP}={name}", *(word.replace("launcher.", "hydra.launcher.", 1) for word in settings)]
    try:
        with composing():
            if name not in ("basic", "joblib", "local", "parallel") and SLURM not in _stored():
                raise UserError(f"launcher={name} needs submitit: pip install 'depthbench[launchers]'.")
            config = compose("config", ["hydra.job.name=leaderboard", *readable(words)], return_hydra_config=True)
        found = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"launcher={name}: {' '.join(str(error).split())}.") from None
    assert isinstance(found, dict)
    own = ("_target_", "jobs_per_node", "submitit_folder")
    return {str(key): value for key, value in found.items() if key not in own}


def _stored() -> set[str]:
    return {file.removesuffix(".yaml") for file in ConfigStore.instance().list(GROUP)}


def _jobs(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"jobs={text} must be a number of 1 or more, or auto (one per GPU).")
    return int(text)
