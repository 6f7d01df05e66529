"""Protocols by name, from their files and from configurations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import config_dir, group_options, option_file
from depthbench.config.mistakes import nearest
from depthbench.config.published import check_locked, every_member, member_names
from depthbench.config.reading import read_yaml
from depthbench.config.targets import instantiate
from depthbench.errors import UserError, reason_of
from depthbench.protocols.protocol import EvalProtocol


def load_protocol(name_or_path: str | Path, **changes: Any) -> EvalProtocol:
    """A protocol by name, of ``conf/protocol`` or published, or one of your own by the path of its YAML.

    Args:
        name_or_path: a name such as ``eigen`` or ``marigold_nyu_affine_depth``, or a path that ends in ``.yaml``.
        **changes: fields of :class:`EvalProtocol` with other values; published ones need another ``name`` then.

    Raises:
        UserError: if there is no such protocol, or it has no such field or value.

    Example:
        >>> from depthbench.protocols import load_protocol
        >>> eigen = load_protocol("eigen")
        >>> eigen.region, eigen.max_depth, eigen.version
        ('eigen', 10.0, 1)
        >>> load_protocol("eigen", flip_average=True).flip_average
        True
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        name = str(name_or_path)
        (option,) = renew_overrides([f"protocol={name}"])
        found = option_file("protocol", option.partition("=")[2])
        if found is None:
            return protocol_from({**_published(name), **changes})
        path = found
    try:
        settings = read_yaml(path)
    except UserError as error:
        raise UserError(f"{path} can't be read as a protocol ({reason_of(error, path)}).") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path} holds no protocol; begin it with _target_: depthbench.protocols.EvalProtocol.")
    try:
        return protocol_from({**settings, **changes})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _published(name: str) -> dict[str, Any]:
    """Fields of a published protocol; raises :class:`UserError` if there is none of this name."""
    known = every_member(config_dir())
    if name in known:
        return known[name]
    members = member_names(config_dir(), name)
    if members:
        raise UserError(f"protocol={name} is {len(members)} protocols; name one of {', '.join(members)}.")
    raise UserError(f"protocol={name} does not exist; {nearest(name, [*group_options('protocol'), *known])}")


def protocol_from(settings: Mapping[str, Any]) -> EvalProtocol:
    """The protocol that a configuration describes; without a version it has that of the shipped one of its name.

    Raises:
        UserError: if it describes none.
    """
    plain: Any = OmegaConf.to_container(settings, resolve=True) if OmegaConf.is_config(settings) else settings
    shipped = option_file("protocol", str(plain.get("name")))
    if "version" not in plain and shipped is not None:
        plain = {**plain, "version": read_yaml(shipped).get("version", 1)}
    check_locked(config_dir(), plain)
    found = instantiate(plain)
    if not isinstance(found, EvalProtocol):
        raise UserError(f"{plain.get('_target_')} is not a protocol; give depthbench.protocols.EvalProtocol.")
    return found
