"""Callbacks and loggers made from their nodes in the configuration."""

from collections.abc import Mapping
from typing import Any

from depthbench.config.kinds import CALLBACKS, LOGGERS
from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder

_KINDS = {"callbacks": CALLBACKS, "logger": LOGGERS}


def make(group: str, nodes: Mapping[str, dict[str, Any]], folder: RunFolder) -> dict[str, Any]:
    """The objects by name; ``{folder}``, ``{name}`` and ``{id}`` in their arguments stand for the run's.

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
