"""Mistakes of users in one sentence each."""

import difflib
import re
from collections.abc import Iterable

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from depthbench.errors import UserError


def nearest(word: str, options: Iterable[str]) -> str:
    """``did you mean a or b?``, or the options if nothing is near."""
    options = sorted(options)
    near = difflib.get_close_matches(word, options, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"choose one of {', '.join(options)}." if options else ""


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
