"""Messages of commands: one sentence for a user's mistake, no traceback."""

import os
import select
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from depthbench.config.doors import through_doors
from depthbench.config.mistakes import MISTAKES, explain, nearest
from depthbench.errors import UserError
from depthbench.files import full_disk

BEGINS_ANEW = "Stopped; nothing half-written is left, and the same command begins anew."
GOES_ON = "Stopped; the same command goes on from here."
READER_GONE = 141  # as shells report a program that SIGPIPE ended


class Command(NamedTuple):
    """A command of ``depthbench``: a module with ``main(arguments)``, imported when asked for, and its description."""

    module: str
    does: str


COMMANDS = {
    "run": Command("depthbench.run", "train a network and test it; with -m a sweep"),
    "evaluate": Command("depthbench.evaluate", "score predictions or runs under named protocols"),
    "predict": Command("depthbench.predict", "depth for photos and videos by the network of a run"),
    "export": Command("depthbench.export", "the network of a run as a file for other programs"),
    "report": Command("depthbench.report.__main__", "tables, figures and one page from run folders"),
    "view": Command("depthbench.view", "a run or a photo in your browser: depth, error, points that turn"),
    "reproduce": Command(
        "depthbench.reproduction.__main__", "a paper's studies trained again, and published numbers beside ours"
    ),
    "prepare": Command("depthbench.prepare.__main__", "turns downloads into data for training, and checks data"),
    "dashboards": Command("depthbench.dashboards", "the W&B workspace of a study"),
    "new": Command("depthbench.new", "the files of a component of your own, with a test that passes"),
    "test-plugin": Command("depthbench.test_plugin", "the checks of every component, run on your own"),
    "completion": Command("depthbench.completion", "a script that completes these commands in bash or zsh"),
}


def exit_status(work: Callable[[], int | None], stopped: str, mistakes: Sequence[type[Exception]] = ()) -> int:
    """Exit status of a command: the result of its work (None is 0), 2 after a mistake, 130 after Ctrl-C.

    Args:
        work: the work of the command.
        stopped: the sentence after Ctrl-C.
        mistakes: further exceptions that are printed as one sentence; :data:`MISTAKES` and OSError always are.
    """
    told: tuple[type[Exception], ...] = (*MISTAKES, OSError, *mistakes)
    try:
        return work() or 0
    except told as error:
        if isinstance(error, BrokenPipeError) and reader_is_gone():
            return READER_GONE
        print((isinstance(error, OSError) and full_disk(error)) or explain(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130


def reader_is_gone() -> bool:
    """Whether the reader of the output has ended, as in ``depthbench --help | head -1``; further output is dropped."""
    try:
        place = sys.stdout.fileno()
    except (AttributeError, ValueError):  # an output that is no file, as tests and notebooks have
        return False
    output = select.poll()
    output.register(place, 0)
    if not any(state & select.POLLERR for _, state in output.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), place)  # Python flushes again at its end
    return True


_doors: list[str] = []  # by which this command opened plugins: the next one needs them, too


def command_line(arguments: Sequence[str] | None) -> list[str]:
    """A command's arguments, without the user's own packages and folders, which are open from then on.

    Args:
        arguments: None for those of this process.

    Raises:
        SystemExit: 2 after a mistake, which is printed.
    """
    given = sys.argv[1:] if arguments is None else arguments
    _doors[:] = [word for word in given if word.lstrip("+").startswith("plugins=")]
    try:
        return through_doors(given)
    except MISTAKES as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(2) from None


def next_step(command: str, *words: str) -> None:
    """Print the command that usually follows, in one line."""
    doors = [] if command == "report" else _doors
    program = "depthbench" if shutil.which("depthbench") else "python -m depthbench"
    print(f"Next: {program} {shlex.join([command, *doors, *words])}", flush=True)


def read_options(arguments: Sequence[str], defaults: Mapping[str, str], needed: Sequence[str] = ()) -> dict[str, str]:
    """The options of a command that are written ``key=value``.

    Args:
        arguments: of the command line.
        defaults: of all options that there are.
        needed: options that must be given.

    Raises:
        UserError: for an unknown option, one that is not ``key=value``, or one that is needed and missing.
    """
    options = dict(defaults)
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"{argument} can't be read as key=value.")
        if key not in options:
            raise UserError(f"There is no option {key}; {nearest(key, options)}")
        options[key] = value
    for key in needed:
        if not options[key]:
            raise UserError(f"{key} must be given: append {key}=... to the command.")
    return options


def asks_for_help(arguments: Sequence[str]) -> bool:
    """``--help`` or ``-h`` among the arguments."""
    return "--help" in arguments or "-h" in arguments


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
