"""Callbacks and loggers from their nodes in the configuration."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.config.compose import config_dir
from depthbench.config.kinds import CALLBACKS, LOGGERS
from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder

# A number in the place of a node is this argument of it: callbacks.panels=8.
SHORT = {"panels": "count"}


def callback_nodes(chosen: DictConfig) -> dict[str, dict[str, Any]]:
    """The nodes of ``conf/callbacks/default.yaml`` under those of a configuration, by name.

    A node that is ``null``, ``false`` or 0 is left out; one that is ``true`` is as in the default. What has no
    ``_target_`` and is no node of the default are settings, which nodes refer to.
    """
    default = OmegaConf.load(config_dir() / "callbacks" / "default.yaml")
    names = {name for name, node in default.items() if OmegaConf.is_dict(node)}
    short = {key: value for key, value in chosen.items() if key in names and not OmegaConf.is_dict(value)}
    others = {key: value for key, value in chosen.items() if key not in short}
    given = {key: {SHORT[str(key)]: value} for key, value in short.items() if type(value) is int and key in SHORT}
    merged = OmegaConf.merge({"callbacks": default}, {"callbacks": others}, {"callbacks": given})
    plain = OmegaConf.to_container(merged, resolve=True)
    assert isinstance(plain, dict)
    off = {key for key, value in short.items() if not value}
    return {
        str(key): node for key, node in plain["callbacks"].items() if isinstance(node, dict) and node and key not in off
    }


def logger_nodes(chosen: DictConfig) -> dict[str, dict[str, Any]]:
    """The nodes of the chosen loggers by name; the rest of the group are settings, which nodes refer to."""
    plain = OmegaConf.to_container(chosen, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): node for key, node in plain.items() if isinstance(node, dict)}


_KINDS = {"callbacks": CALLBACKS, "logger": LOGGERS}


def make(group: str, nodes: Mapping[str, dict[str, Any]], folder: RunFolder) -> dict[str, Any]:
    """The objects by name; ``{folder}``, ``{name}`` and ``{id}`` in their arguments are those of the run.

    Raises:
        UserError: if a node has no ``_target_``, needs a package that is not installed, or refuses its arguments.
    """
    run = folder.run
    known = {"{folder}": str(folder.path), "{name}": str(run.get("name")), "{id}": str(run.get("wandb_id"))}
    made = {}
    for name, node in nodes.items():
        if "_target_" not in node:
            key = f"{group}.{name}"
            raise UserError(f"{key} has no _target_; append {key}._target_=... or {key}=null.")
        try:
            made[name] = instantiate(_filled(node, known), _KINDS[group])
        except ImportError as error:
            raise UserError(f"{group}.{name} needs a package that is not installed: {error}.") from None
    return made


def _filled(node: Any, known: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, known) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, known) for value in node]
    if isinstance(node, str):
        for token, value in known.items():
            node = node.replace(token, value)
    return node
