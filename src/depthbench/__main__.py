"""One command for all: ``depthbench COMMAND ...``, or ``python -m depthbench COMMAND ...``."""

import sys
from collections.abc import Sequence
from importlib import import_module

from depthbench import __version__
from depthbench.cli import COMMANDS, READER_GONE, asks_for_help, reader_is_gone
from depthbench.config.mistakes import nearest

HELP = """A bench for monocular depth estimation:  depthbench COMMAND ...

{commands}

`depthbench COMMAND --help` says more; `depthbench --version` tells the version."""


def help_text() -> str:
    """One line per command."""
    width = max(map(len, COMMANDS))
    return HELP.format(commands="\n".join(f"  {name:<{width}}  {command.does}" for name, command in COMMANDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand the arguments to a command.

    Returns:
        Its exit status, 2 where there is no such command, or 141 where nobody reads the output to its end.
    """
    try:
        status = _command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        if reader_is_gone():
            return READER_GONE
        raise
    return status


def _command(arguments: Sequence[str] | None) -> int:
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name == "--version":
        print(f"depthbench {__version__}")
        return 0
    if asks_for_help([name]):
        print(help_text())
        return 0
    if name not in COMMANDS:
        print(_unknown(name), file=sys.stderr)
        return 2
    sys.argv = [f"depthbench {name}", *rest]  # Hydra and argparse look there
    status: int | None = import_module(COMMANDS[name].module).main(rest)
    return status or 0


def _unknown(name: str) -> str:
    if "=" in name or name.startswith(("-", "~")):
        return f"A command comes first: depthbench run {name} ..., or one of {', '.join(COMMANDS)}."
    return f"There is no command {name}; {nearest(name, COMMANDS)}"


if __name__ == "__main__":
    sys.exit(main())
