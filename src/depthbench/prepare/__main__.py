"""``python -m depthbench.prepare COMMAND ...``. See ``--help``."""

import sys
from collections.abc import Sequence
from importlib import import_module

from depthbench.cli import MISTAKES, explain
from depthbench.config import nearest
from depthbench.errors import UserError
from depthbench.run_folder import Busy

# Each is a module of this package with ``main(arguments: list[str]) -> None``; imported when asked for, because some
# need torch, which takes seconds.
COMMANDS = {
    "nyu-raw": ("nyu_raw", "raw NYUv2 scenes to aligned pairs"),
    "check": ("check", "looks at a data set and says what is wrong with it"),
    "cache": ("cache", "a resized copy of a data set, for fast training and small disks"),
    "manifest": ("manifest", "which frames a choice of data holds: list, number, hash"),
    "fetch": ("fetch", "where to get a data set, and its download where that may be automatic"),
}

HELP = """Make data ready:  python -m depthbench.prepare COMMAND ...

{commands}

`python -m depthbench.prepare COMMAND --help` says more."""


def help_text() -> str:
    """One line per command."""
    width = max(map(len, COMMANDS))
    return HELP.format(commands="\n".join(f"  {name:<{width}}  {does}" for name, (_, does) in COMMANDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("--help", "-h"):
        print(help_text())
        return 0
    try:
        if name not in COMMANDS:
            raise UserError(f"There is no command {name}; {nearest(name, COMMANDS)}")
        import_module(f"depthbench.prepare.{COMMANDS[name][0]}").main(rest)
    except (*MISTAKES, Busy, OSError) as error:
        print(explain(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
