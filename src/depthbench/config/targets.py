"""From configuration to objects: where the YAMLs are, which code they may name, and what a run is called."""

from collections.abc import Iterable
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import OmegaConf

from depthbench.config.aliases import renew_targets
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


def instantiate(config: Any, **arguments: Any) -> Any:
    """Make the object that ``_target_`` names, with all that is nested in it.

    Raises:
        UserError: if a target is outside the allow-list, does not exist, or refuses its arguments.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    plain = renew_targets(plain)
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
