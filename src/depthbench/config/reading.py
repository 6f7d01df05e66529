"""Reading the config.yaml of a run folder, which anybody may have sent: plain data within limits, or a sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from depthbench.config.aliases import renew_config, silent
from depthbench.config.targets import check_resolved
from depthbench.errors import UserError, reason_of
from depthbench.input_files import read_text

MAX_BYTES = 1_000_000  # a configuration has about 5,000
MAX_DEPTH = 50  # and is about 6 deep

_Loader: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
# As OmegaConf reads numbers and dates: 1e-3 is a number, 2026-01-01 is text.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def read_config(path: Path) -> dict[str, Any]:
    """The configuration in a file, as plain data under today's names.

    Nothing in it is resolved: a run folder's configuration was resolved when the folder was made.

    Raises:
        UserError: if the file is missing, damaged, too large or too deep, has aliases (which can stand for more than
            any memory holds) or an interpolation, or is not a configuration.
    """
    if not path.is_file():
        raise UserError(f"{path.parent} is not a run folder: it has no {path.name}.")
    with _told_yaml(path):
        content = parse(read_text(path, MAX_BYTES))
        check_resolved(content)
        return renew_config(content, silent)


def read_yaml(path: Path) -> Any:
    """Plain data of a YAML file: a mapping, a list or a single value.

    Raises:
        UserError: if it is no regular file, damaged, too large or too deep, or has aliases.
    """
    with _told_yaml(path):
        return _loaded(read_text(path, MAX_BYTES))


@contextmanager
def _told_yaml(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} is not readable YAML ({reason_of(error, path)}); repair it, or leave that run out."
        ) from None


def parse(text: str) -> dict[str, Any]:
    """Plain data of a YAML text.

    Raises:
        UserError: if it is nested too deeply, has aliases, or is not a mapping of plain data.
        yaml.YAMLError: if it is not YAML.
    """
    content = _loaded(text)
    if not isinstance(content, dict):
        raise UserError(f"it holds {_kind(content)} where keys with values are expected")
    return content


def _loaded(text: str) -> Any:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise UserError("it has an alias, *" + str(event.anchor))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UserError(f"it is nested more than {MAX_DEPTH} deep")
    content = yaml.load(text, Loader=_Loader)
    check_plain(content)
    return content


def check_plain(node: Any, place: str = "", depth: int = 0) -> None:
    """Refuse anything but plain data: numbers, text, truth values and None in lists and dictionaries.

    Raises:
        UserError: naming the place.
    """
    if depth > MAX_DEPTH:
        raise UserError(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(node, dict):
        for key, value in node.items():
            if not isinstance(key, str | int):
                raise UserError(f"{place or 'it'} has {_kind(key)} for a key")
            check_plain(value, f"{place}.{key}".lstrip("."), depth + 1)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            check_plain(value, f"{place}[{index}]", depth + 1)
    elif not (node is None or isinstance(node, bool | int | float | str)):
        raise UserError(f"{place} holds {_kind(node)}, which is not plain data")


def _kind(node: Any) -> str:
    return "nothing" if node is None else f"a {type(node).__name__}"
