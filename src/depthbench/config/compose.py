"""The places of the YAMLs, and the composition of a configuration from them and from a user's words."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from depthbench.config.plugins import opened
from depthbench.config.published import register_published
from depthbench.errors import UserError

# A key of Hydra's, and a value without characters special to its grammar or a shell: brackets, commas, quotes.
_PLAIN = re.compile(r"([+~]*[\w./@:-]+)=([^\[\]{},'\"$\\\n]+)")


def config_dir() -> Path:
    """The folder ``conf``: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


_added: list[Path] = []  # by --config-dir and hydra.searchpath
_by_path: dict[tuple[str, str], Path] = {}  # YAMLs by group and name


def config_folders() -> list[Path]:
    """Every folder in which YAMLs are looked for: the house's, the plugins', and the command line's."""
    return [config_dir(), *(plugin.conf for plugin in opened() if plugin.conf is not None), *_added]


def add_folder(folder: str | Path) -> None:
    """Look for YAMLs in one more folder, as ``--config-dir`` asks.

    Raises:
        UserError: if it is not a folder.
    """
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise UserError(f"--config-dir={folder} is not a folder; give one with YAMLs, such as {folder}/loss/mine.yaml.")
    if path not in _added:
        _added.append(path)


def add_option(group: str, file: Path) -> str:
    """Make a YAML that lies anywhere an option of a group; its name there.

    Raises:
        UserError: if it can't be read, or the group has another option of this name.
    """
    name, path = file.stem, file.expanduser().absolute()
    known = option_file(group, name)
    if known is not None and known != path:
        raise UserError(f"{group}={file} has the name of {known}; rename it.")
    if known is None:
        try:
            found = FileConfigSource("path", str(path.parent)).load_config(path.name)
        except (OSError, ValueError, YAMLError, HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{file} can't be read as a configuration ({' '.join(str(error).split())}).") from None
        package = found.header.get("package")
        ConfigStore.instance().store(name, found.config, group, package, provider=str(path))
        _by_path[group, name] = path
    return name


def option_file(group: str, name: str) -> Path | None:
    """The YAML of an option of a group; None if there is none."""
    files = [folder / group / f"{name}.yaml" for folder in config_folders()]
    return next((file for file in files if file.is_file()), _by_path.get((group, name)))


NOT_STUDIES = ("claims.yaml", "results.yaml")  # beside the studies of a paper


def group_options(group: str) -> list[str]:
    """The names of a group's YAML files; of a paper's folder without claims, kept results and the parts of studies."""
    found = {name for of, name in _by_path if of == group}
    for folder in (top / group for top in config_folders()):
        files = [*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]
        found |= {file.relative_to(folder).with_suffix("").as_posix() for file in files if file.name not in NOT_STUDIES}
    return sorted(found)


def names_of(group: str) -> list[str]:
    """The YAML files of a group, none of a folder in it."""
    return [name for name in group_options(group) if "/" not in name]


def is_group(key: str) -> bool:
    """Whether a key chooses one of several YAML files."""
    return any((folder / key).is_dir() for folder in config_folders())


class OwnFolders(SearchPathPlugin):
    """Hydra's search path in every command: after ``conf`` the folders of the user."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append them.

        Raises:
            UserError: if two folders have the same option, of which only the first would ever be read.
        """
        if not any(one.provider == "main" and _is_ours(one.path) for one in search_path.get_path()):
            return
        folders = config_folders()
        check_alike(folders)
        for folder in folders[1:]:
            search_path.append("own", f"file://{folder}")


def _is_ours(path: str | None) -> bool:
    return path is not None and Path(path.removeprefix("file://")) == config_dir()


Plugins.instance().register(OwnFolders)


def check_alike(folders: Sequence[Path]) -> None:
    """Refuse YAMLs that hide one another.

    Raises:
        UserError: naming both.
    """
    seen: dict[str, Path] = {}
    for folder in folders if len(folders) > 1 else []:
        for file in sorted(folder.rglob("*.yaml")):
            name = file.relative_to(folder).as_posix()
            other = seen.setdefault(name, file)
            if other.resolve() != file.resolve():
                raise UserError(f"{file} has the name of {other}, which is read before it; rename it.")


@contextmanager
def composing() -> Iterator[None]:
    """Within it, Hydra's ``compose`` reads ``conf`` and the user's own folders."""
    outer = GlobalHydra.instance().hydra  # of a composition under way; None without one
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def readable(overrides: Sequence[str]) -> list[str]:
    """Overrides as Hydra's grammar reads them: a path or another plain text that it can't read is put into quotes.

    ``data.root=~/x``, ``data.root=my data (v2)`` and ``weights=epoch=3.ckpt`` mean one thing only. Brackets and commas
    may mean a list or a sweep, so a value that has them is left alone unless it is the path of something that exists.
    Published protocols that they choose become options.
    """
    register_published(config_dir(), overrides)
    parser = OverridesParser.create()
    return [_readable(override, parser) for override in overrides]


def _readable(override: str, parser: OverridesParser) -> str:
    try:
        parser.parse_override(override)
    except HydraException:
        key, _, value = override.partition("=")
        path = os.path.expanduser(value)  # noqa: PTH111 (a text stays as it is, with its last slash)
        plain = _PLAIN.fullmatch(override)
        # A lone quote can't be closed any more, so `'` inside of a path is escaped.
        if plain or (value and "\n" not in value and not path.endswith("\\") and Path(path).exists()):
            return f"{key}='{_escaped(path)}'"
    return override


def _escaped(text: str) -> str:
    return text.replace("'", "\\'")
