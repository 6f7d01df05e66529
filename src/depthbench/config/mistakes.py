"""Mistakes of users in one sentence each."""

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from depthbench.config.compose import group_options
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
        error: the raised one.
        config: a composed configuration whose keys are offered for a misspelled one.
    """
    for cause in _chain(error):
        if isinstance(cause, UserError):
            return str(cause)
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            return _missing_option(cause.missing_cfg_file, cause.options or [])
        if isinstance(cause, MissingMandatoryValue):
            key = getattr(cause, "full_key", None) or re.sub(r".*: ", "", str(cause).splitlines()[0])
            return f"{key} must be given: append {key}=... to the command."
        if isinstance(cause, OverrideParseException):
            return _unreadable(str(cause.override))
    first = next(line for line in str(error).splitlines() if line.strip()) if str(error).strip() else repr(error)
    unknown = re.search(r"Could not (?:override|append to|delete)[^']*'([\w./@]+)'", str(error))
    if unknown:
        return f"There is no {unknown[1]} in the configuration; {nearest_key(unknown[1], _keys(config))}"
    return first


def nearest_key(key: str, known: Sequence[str]) -> str:
    """Like :func:`nearest`; among keys that end alike (``lr``, ``optim.lr``) the whole one is offered first."""
    end = key.rpartition(".")[2]
    alike = [name for name in known if name.rpartition(".")[2] == end]
    same_group = [name for name in alike if name.partition(".")[0] == key.partition(".")[0]]
    if alike:
        return f"did you mean {' or '.join((same_group or alike)[:3])}?"
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    groups = sorted({name.partition(".")[0] for name in known})
    return f"keys begin with {', '.join(groups)}." if groups else ""


def _missing_option(file: str, options: Sequence[str]) -> str:
    """Every option of a built-in group is known from the disk, even a paper's studies, which lie one folder deeper."""
    group, _, option = file.partition("/")
    ours = group_options(group)
    if not ours:
        group, _, option = file.rpartition("/")
    return f"{group}={option} does not exist; {nearest(option, {*ours, *options})}"


def _unreadable(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override} can't be read as key=value."
    quoted = shlex.quote(f"{key}='{value}'" if "'" not in value else f'{key}="{value}"')
    return f"{override} can't be read as key=value; if its value is one text, write {quoted}."


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
    return [key for key in keys if key != "hydra" and not key.startswith("hydra.")]
