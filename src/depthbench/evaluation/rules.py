"""By which rules: the protocols and the metrics of structure that a command line asks for."""

import sys
from typing import Any

from hydra import compose
from omegaconf import DictConfig, ListConfig, OmegaConf

from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import config_dir, names_of, option_file
from depthbench.config.mistakes import nearest
from depthbench.config.published import every_member, member_names, published, register_published
from depthbench.errors import UserError
from depthbench.evaluation.inputs import Input


def asked_protocols(chosen: str | None, overrides: list[str], inputs: list[Input]) -> dict[str, dict[str, Any]]:
    """Configurations of protocols by name; without a choice the one under which the inputs were trained.

    Raises:
        UserError: if there is no such protocol, a published one shall be changed, or inputs have different ones.
    """
    if chosen is None:
        configs = [_plain(one.config.protocol) for one in inputs]
        if any(config != configs[0] for config in configs):
            told = " and ".join(dict.fromkeys(str(config["name"]) for config in configs))
            raise UserError(
                f"The runs were not scored by the same rules ({told}); choose some for all: append protocol=..."
            )
        return {configs[0]["name"]: configs[0]}
    changes = [item for item in overrides if item.lstrip("+~").startswith("protocol.")]
    names = _every_protocol(bool(changes)) if chosen == "all" else chosen.split(",")
    changed = [config for name in dict.fromkeys(names) for config in _named_protocols(name, changes)]
    found = {config["name"]: config for config in changed}
    if len(found) < len(changed):
        raise UserError(
            f"protocol.name={next(iter(found))} would give {len(changed)} protocols one name; leave it out, or "
            "choose one protocol."
        )
    return found


def _every_protocol(changed: bool) -> list[str]:
    """Every option. Published protocols are left out if fields are changed, and a sentence says so."""
    families = list(published(config_dir()))
    if changed:
        print(f"Left out: {', '.join(families)} are published, so their fields can't be changed.", file=sys.stderr)
    return names_of("protocol") + ([] if changed else families)


def _named_protocols(name: str, changes: list[str]) -> list[dict[str, Any]]:
    """The protocol of a name, or all protocols of a publication or of one of its sets."""
    members = member_names(config_dir(), name)
    if not members and (changes or name not in every_member(config_dir())):
        register_published(config_dir(), [f"protocol={name}"])
        _check_name(name)
        return [_plain(compose("evaluate", [f"protocol={name}", *changes]).protocol)]
    if members and changes:
        raise UserError(
            f"protocol={name} is published, so its fields can't be changed; change one of {', '.join(members[:3])} "
            "... under a name of your own (protocol.name=mine)."
        )
    return [every_member(config_dir())[one] for one in members or [name]]


def _check_name(name: str) -> None:
    """Refuse an unknown name and offer the nearest, published protocols included, which Hydra does not know."""
    (option,) = renew_overrides([f"protocol={name}"])
    known = [*names_of("protocol"), *published(config_dir()), *every_member(config_dir())]
    if option.partition("=")[2] not in known and option_file("protocol", option.partition("=")[2]) is None:
        near = nearest(name, known)
        told = near if near.startswith("did") else nearest(name, known[: -len(every_member(config_dir()))])
        raise UserError(f"protocol={name} does not exist; {told}")


def by_family(chosen: str | None) -> frozenset[str]:
    """Protocols that were named as a group; members that don't fit the data are left out."""
    names = list(published(config_dir())) if chosen == "all" else str(chosen or "").split(",")
    return frozenset(member for name in names for member in member_names(config_dir(), name))


def asked_structure(chosen: str | None) -> dict[str, dict[str, Any]]:
    """Configurations of metrics of whole images by name.

    Raises:
        UserError: if there is no such metric.
    """
    known = names_of("structure")
    names = known if chosen == "all" else [] if chosen in (None, "", "null") else str(chosen).split(",")
    for name in names:
        if name not in known:
            raise UserError(f"structure={name} does not exist; {nearest(name, [*known, 'all'])}")
    files = {name: option_file("structure", name) for name in names}
    return {name: _plain(OmegaConf.load(file)) for name, file in files.items() if file is not None}


def _plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return plain
