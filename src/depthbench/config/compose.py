"""Where the YAMLs are, and how a configuration is composed from them and from what a user types."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from depthbench.errors import UserError

# A key of Hydra's, and a value without what its grammar or a shell gives a meaning: brackets, commas, quotes.
_PLAIN = re.compile(r"([+~]*[\w./@:-]+)=([^\[\]{},'\"$\\\n]+)")


def config_dir() -> Path:
    """The folder ``conf``: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


def group_options(group: str) -> list[str]:
    """The names of a group's YAML files; of a paper's folder without its claims and the parts of its studies."""
    folder = config_dir() / group
    files = [*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in files if file.name != "claims.yaml")


def is_group(key: str) -> bool:
    """Whether a key chooses one of several YAML files."""
    return (config_dir() / key).is_dir()


@contextmanager
def composing(extra: str | Path | None = None) -> Iterator[None]:
    """Within it, Hydra's ``compose`` reads ``conf`` and, before it, the folder of ``--config-dir``.

    Args:
        extra: that folder.

    Raises:
        UserError: if it is not a folder.
    """
    if extra is not None and not Path(extra).is_dir():
        raise UserError(f"--config-dir={extra} is not a folder; give one with YAMLs, such as {extra}/loss/mine.yaml.")
    outer = GlobalHydra.instance().hydra  # of whoever is composing already; None where nobody is
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            if extra is not None:  # as Hydra's own command line adds it
                path = create_config_search_path(str(config_dir()))
                path.prepend("command-line", f"file://{Path(extra).absolute()}", SearchPathQuery(provider="schema"))
                GlobalHydra.instance().clear()
                Hydra.create_main_hydra2("depthbench", path)
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def readable(overrides: Sequence[str]) -> list[str]:
    """Overrides as Hydra's grammar reads them: a path or another plain text that it can't read is put into quotes.

    ``data.root=~/x``, ``data.root=my data (v2)`` and ``weights=epoch=3.ckpt`` mean one thing only. Brackets and commas
    may mean a list or a sweep, so a value that has them is left alone unless it is the path of something that exists.
    """
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
