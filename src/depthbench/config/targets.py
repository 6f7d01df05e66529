"""From configuration to objects: ``_target_`` names a class, the keys beside it are its arguments."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from omegaconf import OmegaConf

from depthbench.config.aliases import renew_targets
from depthbench.config.kinds import COMPONENTS, Kind, check_package, find
from depthbench.config.plugins import opened
from depthbench.errors import UserError

# Beside `_target_`: positional arguments, and whether a partial is wanted. Hydra's `_convert_` may only ask for the
# usual way: lists and dictionaries arrive as such.
_SPECIAL = ("_target_", "_args_", "_partial_", "_convert_")


def instantiate(config: Any, also: Kind | None = None, /, **arguments: Any) -> Any:
    """Make the object that ``_target_`` names, with all that is nested in it.

    The configuration is resolved once, so the checked objects are the made ones.

    Args:
        config: with ``_target_``, or a list or dictionary of such.
        also: a kind that is allowed beside :data:`depthbench.config.kinds.COMPONENTS`.
        **arguments: further arguments of the outermost object, as they are.

    Raises:
        UserError: if a target is not of a known kind, does not exist, or refuses its arguments, or if something in the
            configuration is left to resolve.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    check_resolved(plain)
    plain = renew_targets(plain)
    opened()  # the packages of the user
    kinds = COMPONENTS if also is None else (*COMPONENTS, also)
    classes = {target: find(target, kinds) for target in targets_in(plain)}
    return _make(plain, classes, arguments)


def targets_in(node: Any) -> Iterable[str]:
    """Every ``_target_`` of a plain configuration."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield str(node["_target_"])
        node = list(node.values())
    if isinstance(node, list | tuple):
        for value in node:
            yield from targets_in(value)


def check_packages(config: Any) -> None:
    """Refuse classes of packages that are not open here, without an import; those made by resolving are left out.

    Raises:
        UserError: with the way to open the package.
    """
    opened()
    plain = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    for target in targets_in(renew_targets(plain)):
        if "${" not in target and target != "???":
            check_package(target)


def check_resolved(node: Any, place: str = "") -> None:
    """Refuse a tree in which an interpolation is left: as text it is harmless, resolved later it could be anything.

    Raises:
        UserError: if a key or a value holds ``${``.
    """
    if isinstance(node, dict):
        for key, value in node.items():
            check_resolved(key, place)
            check_resolved(value, f"{place}.{key}".lstrip("."))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            check_resolved(value, f"{place}[{index}]")
    elif isinstance(node, str) and "${" in node:
        raise UserError(f"{place or 'The configuration'} holds {node!r}, which is not resolved here; write its value.")


def _make(node: Any, classes: dict[str, type], arguments: dict[str, Any]) -> Any:
    if isinstance(node, list | tuple):
        return [_make(value, classes, {}) for value in node]
    if not isinstance(node, dict):
        return node
    made = {key: _make(value, classes, {}) for key, value in node.items() if key not in _SPECIAL}
    if "_target_" not in node:
        return made
    if unknown := [key for key in made if not isinstance(key, str) or key.startswith("_")]:
        raise UserError(f"{unknown[0]} of {node['_target_']} is not an argument that a configuration may give.")
    if str(node.get("_convert_", "all")) != "all":
        raise UserError(f"_convert_: {node['_convert_']} of {node['_target_']} is not supported; leave it out.")
    return _call(node, classes, {**made, **arguments})


def _call(node: dict[str, Any], classes: dict[str, type], named: dict[str, Any]) -> Any:
    target = str(node["_target_"])
    positional = _make(node.get("_args_") or [], classes, {})
    if not isinstance(positional, list):
        raise UserError(f"_args_ of {target} is not a list.")
    if node.get("_partial_", False):
        return partial(classes[target], *positional, **named)
    try:
        return classes[target](*positional, **named)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise UserError(f"{target} refuses its arguments: {error}.") from error
