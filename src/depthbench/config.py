"""From configuration to objects: where the YAMLs are, which code they may name, and what a run is called."""

import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf

from depthbench import __version__
from depthbench.errors import UserError

# A YAML is data that people exchange: it may name classes of these packages and nothing else.
ALLOWED = (
    "depthbench",
    "albumentations",
    "pytorch_lightning",
    "torch.nn",
    "torch.optim",
    "torchmetrics",
)

# What can't change a result, and so is not part of a run's identity.
NOT_IDENTITY = ("output", "logger", "launch", "hydra")


def config_dir() -> Path:
    """The folder ``conf``: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


def instantiate(config: Any, **arguments: Any) -> Any:
    """Make the object that ``_target_`` names, with all that is nested in it.

    Raises:
        UserError: if a target is outside the allow-list, does not exist, or refuses its arguments.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    for target in _targets(plain):
        _check_target(target)
    try:
        if not arguments:
            return hydra_instantiate(plain, _convert_="all")
        # Objects are given to the finished partial: on the way through Hydra, dataclasses would become configurations.
        return hydra_instantiate({**plain, "_partial_": True}, _convert_="all")(**arguments)
    except (InstantiationException, TypeError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise cause from None
        if isinstance(cause, TypeError) and "argument" in str(cause):
            raise UserError(f"{plain.get('_target_', 'A component')} refuses its arguments: {cause}.") from error
        raise cause from error


def _targets(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield str(node["_target_"])
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _check_target(target: str) -> None:
    allowed = UserError(f"_target_: {target} is not allowed; a configuration may name only {', '.join(ALLOWED)}.")
    if not _within(target):
        raise allowed
    try:
        found = get_object(target)
    except (ImportError, ValueError) as error:
        raise UserError(f"_target_: {target} does not exist ({error}).") from None
    # The path may lead through an allowed module to somebody else's function (depthbench.run.subprocess.run).
    if not _within(getattr(found, "__module__", "")):
        raise allowed


def _within(path: str) -> bool:
    return any(path == package or path.startswith(package + ".") for package in ALLOWED)


def identity(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration without what can't change a result, and the version of the code."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return {"version": __version__, **{key: value for key, value in plain.items() if key not in NOT_IDENTITY}}


def fingerprint(config: DictConfig) -> str:
    """Eight hexadecimal digits that name the identity of a run."""
    text = yaml.safe_dump(identity(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def nearest(word: str, options: Iterable[str]) -> str:
    """``did you mean a or b?``, or the options if nothing is near."""
    options = sorted(options)
    near = difflib.get_close_matches(word, options, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"choose one of {', '.join(options)}." if options else ""
