"""How commands speak to users: one sentence for a mistake, no traceback."""

import sys
from collections.abc import Callable, Sequence

from depthbench.config.mistakes import MISTAKES, explain

BEGINS_ANEW = "Stopped; nothing half-written is left, and the same command begins anew."
GOES_ON = "Stopped; the same command goes on from here."


def exit_status(work: Callable[[], int | None], stopped: str, mistakes: Sequence[type[Exception]] = ()) -> int:
    """Exit status of a command: what its work returns (None is 0), 2 after a mistake, 130 after Ctrl-C.

    Args:
        work: what the command does.
        stopped: the sentence after Ctrl-C.
        mistakes: further exceptions that are told in a sentence; :data:`MISTAKES` and OSError always are.
    """
    told: tuple[type[Exception], ...] = (*MISTAKES, OSError, *mistakes)
    try:
        return work() or 0
    except told as error:
        print(explain(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130


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
