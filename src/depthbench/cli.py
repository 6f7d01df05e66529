"""How commands speak to users: one sentence for a mistake, no traceback."""

import re
import sys
from collections.abc import Callable, Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from depthbench.config import nearest
from depthbench.errors import UserError

MISTAKES = (UserError, HydraException, OmegaConfBaseException)


def explain(error: BaseException, config: DictConfig | None = None) -> str:
    """One sentence for a mistake in configuration or input.

    Args:
        error: what was raised.
        config: a composed configuration whose keys are offered for a misspelled one.
    """
    for cause in _chain(error):
        if isinstance(cause, UserError):
            return str(cause)
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            group, _, option = cause.missing_cfg_file.rpartition("/")
            return f"{group}={option} does not exist; {nearest(option, cause.options or [])}"
        if isinstance(cause, MissingMandatoryValue):
            key = getattr(cause, "full_key", None) or re.sub(r".*: ", "", str(cause).splitlines()[0])
            return f"{key} must be given: append {key}=... to the command."
        if isinstance(cause, OverrideParseException):
            return f"{cause.override} can't be read as key=value: {str(cause).splitlines()[0]}"
    first = next(line for line in str(error).splitlines() if line.strip()) if str(error).strip() else repr(error)
    unknown = re.search(r"Could not (?:override|append to|delete)[^']*'([\w./@]+)'", str(error))
    if unknown:
        return f"There is no {unknown[1]} in the configuration; {nearest(unknown[1], _keys(config))}"
    return first


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


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _keys(config: DictConfig | None) -> list[str]:
    if config is None:
        return []
    keys: list[str] = []

    def collect(node: object, prefix: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                keys.append(f"{prefix}{key}")
                collect(value, f"{prefix}{key}.")

    collect(OmegaConf.to_container(config, resolve=False), "")
    return keys
