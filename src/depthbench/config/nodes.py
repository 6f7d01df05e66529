"""Callbacks and loggers in a configuration: nodes by name, and the short forms that stand for them."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.config.compose import config_dir

# A plain value in the place of a node is this argument of it: callbacks.panels=8, callbacks.best=AbsRel.
SHORT = {"panels": "count", "best": "score", "early_stopping": "patience", "average": "decay"}
# Nodes that are left out as long as this argument of theirs is null.
SWITCHED = ("best", "early_stopping", "average")


def callback_nodes(chosen: DictConfig) -> dict[str, dict[str, Any]]:
    """The nodes of ``conf/callbacks/default.yaml`` under the configuration's own, by name.

    A node that is ``null``, ``false`` or 0 is left out; one that is ``true`` is as in the default. An entry without
    ``_target_`` that is no node of the default is a setting, which nodes refer to.
    """
    default = OmegaConf.load(config_dir() / "callbacks" / "default.yaml")
    names = {name for name, node in default.items() if OmegaConf.is_dict(node)}
    short = {key: value for key, value in chosen.items() if key in names and not OmegaConf.is_dict(value)}
    others = {key: value for key, value in chosen.items() if key not in short}
    given = {
        key: {SHORT[str(key)]: value}
        for key, value in short.items()
        if key in SHORT and isinstance(value, int | float | str) and not isinstance(value, bool)
    }
    merged = OmegaConf.merge({"callbacks": default}, {"callbacks": others}, {"callbacks": given})
    plain = OmegaConf.to_container(merged, resolve=True)
    assert isinstance(plain, dict)
    off = {key for key, value in short.items() if not value}
    return {
        str(key): node
        for key, node in plain["callbacks"].items()
        if isinstance(node, dict) and node and key not in off and not _switched_off(str(key), node)
    }


def _switched_off(name: str, node: dict[str, Any]) -> bool:
    return name in SWITCHED and node.get(SHORT[name]) is None


def logger_nodes(chosen: DictConfig) -> dict[str, dict[str, Any]]:
    """The nodes of the chosen loggers by name; the rest of the group are settings, which nodes refer to."""
    plain = OmegaConf.to_container(chosen, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): node for key, node in plain.items() if isinstance(node, dict)}


def long_form(callbacks: dict[str, Any]) -> dict[str, Any]:
    """Plain callbacks whose switched nodes are written in full, so that two spellings are one configuration."""
    short = [name for name in SWITCHED if name in callbacks and not isinstance(callbacks[name], dict | None)]
    if not short:
        return callbacks
    full = callback_nodes(OmegaConf.create(callbacks))
    return {**callbacks, **{name: full[name] for name in short if name in full}}
