"""The user's own code and YAMLs on a command line; every command reads them here, before anything else."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.config.compose import add_folder, add_option, is_group
from depthbench.config.plugins import module_place, open_for_processes, opened
from depthbench.errors import UserError

_FOLDER = ("--config-dir", "-cd")


def through_doors(arguments: Sequence[str]) -> list[str]:
    """Open the packages and folders that a command line names, and return the rest of it.

    ``plugins=[path or module]`` opens packages; ``--config-dir FOLDER`` and ``hydra.searchpath=[FOLDER]`` are folders
    with YAMLs; ``protocol=./mine.yaml``, also among several options, is the option ``mine`` afterwards.

    Raises:
        UserError: if something of this is not there, can't be read, or hides something else.
    """
    rest, plugins, waiting = [], list[str](), iter(arguments)
    for argument in waiting:
        key, equals, value = argument.partition("=")
        if key in _FOLDER:
            folder = value if equals else next(waiting, "")
            if not folder:
                raise UserError(f"{key} needs a folder: {key} FOLDER.")
            add_folder(folder)
        elif key.lstrip("+") == "plugins" and equals:
            plugins += _listed(value)
        elif key.lstrip("+") == "hydra.searchpath" and equals:
            for folder in _listed(value):
                add_folder(_folder(folder))
        else:
            rest.append(argument)
    open_for_processes(plugins)
    opened()
    return [_named(argument) for argument in rest]


def _folder(text: str) -> str:
    """The path in Hydra's ``file://FOLDER`` or ``pkg://module``."""
    found = module_place(text.removeprefix("pkg://")) if text.startswith("pkg://") else None
    return str(found) if found else text.removeprefix("file://")


def _listed(value: str) -> list[str]:
    """The parts of ``[a,b]``, ``a,b`` or ``a``; a path that exists may hold commas."""
    if Path(value).expanduser().exists():
        return [value]
    text = value.removeprefix("[").removesuffix("]")
    return [part for part in (piece.strip().strip("'\"") for piece in text.split(",")) if part]


def _named(argument: str) -> str:
    """An argument that chooses options of a group, with names in place of paths of YAMLs."""
    key, equals, value = argument.partition("=")
    group = key.lstrip("+~").partition("@")[0]
    if not equals or ".yaml" not in value or "." in group or not is_group(group):
        return argument
    parts = [part.strip("'\"") for part in value.split(",")]
    return f"{key}={','.join(add_option(group, Path(part)) if part.endswith('.yaml') else part for part in parts)}"
