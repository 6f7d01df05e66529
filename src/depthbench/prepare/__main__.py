"""``depthbench prepare COMMAND ...``. See ``--help``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from depthbench.cli import GOES_ON, asks_for_help, command_line, exit_status
from depthbench.config.mistakes import nearest
from depthbench.errors import UserError
from depthbench.runs.folder import Busy


class Subcommand(NamedTuple):
    """A module of this package with ``HELP`` and ``main(arguments: list[str]) -> None``, and its description.

    It is imported when asked for, because some need torch, which takes seconds; ``alone``: also without arguments.
    """

    module: str
    does: str
    alone: bool = False


COMMANDS = {
    "nyu-raw": Subcommand("nyu_raw", "raw NYUv2 scenes to aligned pairs"),
    "check": Subcommand("check", "checks a data set and lists its faults"),
    "cache": Subcommand("cache", "a resized copy of a data set, for fast training and small disks"),
    "manifest": Subcommand("manifest", "which frames a choice of data holds: list, number, hash"),
    "fetch": Subcommand("fetch", "where to get a data set, and its download where that may be automatic", alone=True),
}

HELP = """Make data ready:  depthbench prepare COMMAND ...

{commands}

`depthbench prepare COMMAND --help` says more."""


def help_text() -> str:
    """One line per command."""
    width = max(map(len, COMMANDS))
    return HELP.format(commands="\n".join(f"  {name:<{width}}  {command.does}" for name, command in COMMANDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    name, *rest = command_line(arguments) or ["--help"]
    if asks_for_help([name]):
        print(help_text())
        return 0
    return exit_status(lambda: run_subcommand(name, rest), GOES_ON, [Busy])


def run_subcommand(name: str, arguments: list[str]) -> None:
    """Run a command, or print its help.

    Raises:
        UserError: if there is no such command.
    """
    if name not in COMMANDS:
        raise UserError(f"There is no command {name}; {nearest(name, COMMANDS)}")
    command = COMMANDS[name]
    module = import_module(f"depthbench.prepare.{command.module}")
    if asks_for_help(arguments) or not (arguments or command.alone):
        print(module.HELP)
    else:
        module.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
