"""The components that a plugin's YAMLs describe, and the checks of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from depthbench.config.compose import composing, group_options
from depthbench.config.kinds import CALLBACKS, DATA_MODULES, LOGGERS
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.plugins import open_plugins, opened
from depthbench.config.targets import check_packages, instantiate
from depthbench.errors import UserError
from depthbench.protocols import protocol_from
from depthbench.testing.checks import Checks
from depthbench.testing.data import AugmentationChecks, DataChecks
from depthbench.testing.losses import LossChecks
from depthbench.testing.networks import NetworkChecks
from depthbench.testing.scores import MetricChecks, ProtocolChecks

_NODES = {"callbacks": CALLBACKS, "logger": LOGGERS}


class ConfigurationChecks(Checks):
    """Checks of components whose only contract is a usable configuration.

    Args:
        group: of the option.
        config: the whole configuration with it.
    """

    def __init__(self, group: str, config: DictConfig) -> None:
        self.group, self.config = group, config

    def check_its_configuration_can_be_used(self) -> None:
        """Every class that it names is there, may be named, and takes its arguments."""
        check_packages(self.config)
        kind = _NODES.get(self.group)
        nodes: Any = OmegaConf.to_container(self.config[self.group], resolve=True) if kind else {}
        for node in nodes.values():
            if kind and isinstance(node, dict) and "_target_" in node:
                instantiate({**node, "_partial_": True}, kind)


def components_of(plugin: str | Path) -> list[tuple[str, str]]:
    """Group and name of each YAML of a plugin, which is opened by it.

    Args:
        plugin: a path or a module, as in ``plugins=[...]``.

    Raises:
        UserError: if it can't be opened, or has no YAML.
    """
    before = {one.name for one in opened()}
    open_plugins(plugin)
    path = Path(plugin).expanduser().absolute()
    ours = [one for one in opened() if one.name not in before or _lies(path, one.files) or one.name == str(plugin)]
    found = []
    for conf in (one.conf for one in ours if one.conf is not None):
        files = (file.relative_to(conf).with_suffix("") for file in conf.rglob("*.yaml"))
        found += sorted((str(file.parts[0]), "/".join(file.parts[1:])) for file in files if len(file.parts) > 1)
    if not found:
        raise UserError(f"The plugin {plugin} has no YAML in a folder conf, so no component to check.")
    return found


def _lies(path: Path, files: Sequence[Path]) -> bool:
    return any(file == path or path in file.parents for file in files)


def component_checks(plugin: str | Path, group: str, name: str, overrides: Sequence[str] = ()) -> Checks:
    """The checks of one component of a plugin.

    Args:
        plugin: a path or a module, as in ``plugins=[...]``.
        group: ``loss``, ``model``, ``data``, ``augment``, ``structure``, ``protocol``, or any other of ``conf``.
        name: of its YAML.
        overrides: further ones of the configuration, such as ``data.root=...``.

    Raises:
        UserError: if there is no such component, or it can't be made.
    """
    open_plugins(plugin)
    try:
        with composing():
            chosen = _chosen(group, name)
            if name not in group_options(group):
                compose("config", chosen)  # says which there are
            config = compose("config", [*chosen, *overrides])
            if OmegaConf.select(config, "model.encoder.pretrained") is True:
                config.model.encoder.pretrained = False  # weights would be downloaded
            return _made(group, config)
    except MISTAKES as error:
        raise UserError(explain(error)) from None


def _chosen(group: str, name: str) -> list[str]:
    return [f"+structure@checked={name}"] if group == "structure" else [f"{group}={name}"]


def _made(group: str, config: DictConfig) -> Checks:
    if group == "loss":
        return LossChecks(instantiate(config.loss))
    if group == "model":
        return NetworkChecks(instantiate(config.model))
    if group == "data":
        module = instantiate(config.data, DATA_MODULES)
        parts = {"train": module.train, "val": module.val, "test": module.test}
        return DataChecks({name: part for name, part in parts.items() if part is not None})
    if group == "augment":
        return AugmentationChecks(instantiate(config.augment))
    if group == "structure":
        return MetricChecks(instantiate(config.checked))
    if group == "protocol":
        return ProtocolChecks(protocol_from(config.protocol))
    return ConfigurationChecks(group, config)
