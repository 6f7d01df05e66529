"""Shared by ``check`` and ``cache``: a data set by its Hydra arguments, its frames by several threads, progress."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from depthbench.cli import duration, next_step
from depthbench.config.compose import composing, group_options, readable
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.values import check_kinds
from depthbench.errors import UserError

T = TypeVar("T")
S = TypeVar("S")
PARTS = ("train", "test")


class ChosenData(NamedTuple):
    """Options of a command, the resolved configuration of each part of the data set, and the whole configuration."""

    options: dict[str, str]
    parts: dict[str, dict[str, Any]]
    config: DictConfig


def choose_data(arguments: Sequence[str], own: Mapping[str, str]) -> ChosenData:
    """Read the arguments of a command about a data set.

    Args:
        arguments: ``key=value``; those that are not the command's own are overrides of Hydra.
        own: the command's options with their defaults.

    Raises:
        UserError: for a mistake in them.
    """
    options, overrides = dict(own), []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UserError(f"{argument} can't be read as key=value.")
        if key in own:
            options[key] = value
        else:
            overrides.append(argument)
    names = group_options("data")
    if not any(item.startswith("data=") for item in overrides):
        raise UserError(f"The data set is missing: append data=... (one of {', '.join(names)}).")
    overrides = readable(overrides)
    with composing():
        known = compose("evaluate", [item for item in overrides if item.startswith("data=") and item[5:] in names])
        try:
            check_kinds(known, OverridesParser.create().parse_overrides(overrides))
            config = compose("evaluate", overrides)
            parts = {
                part: OmegaConf.to_container(config.data[part], resolve=True, throw_on_missing=True) for part in PARTS
            }
        except MISTAKES as error:
            raise UserError(explain(error, known)) from None
    return ChosenData(options, parts, config)  # type: ignore[arg-type]


def run_next(arguments: Sequence[str], own: Iterable[str]) -> None:
    """Say how to train on the data that were chosen."""
    next_step("run", *(item for item in arguments if item.partition("=")[0] not in own))


def positive_int(options: Mapping[str, str], key: str, least: int = 1) -> int:
    """An option that is a whole number.

    Raises:
        UserError: if it is not, or too small.
    """
    try:
        number = int(options[key])
    except ValueError:
        number = least - 1
    if number < least:
        raise UserError(f"{key}={options[key]} is not a whole number of {least} or more.")
    return number


def in_order(function: Callable[[S], T], items: Iterable[S], threads: int) -> Iterator[T]:
    """``map`` by several threads, never far ahead: decoders leave the interpreter to others."""
    rest = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[T]] = deque(pool.submit(function, item) for item in islice(rest, 2 * threads))
        try:
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(function, item) for item in islice(rest, 1))
        finally:
            for future in ahead:
                future.cancel()


def with_progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Say how far it is: on a terminal on one line, in a log now and then."""
    terminal = sys.stdout.isatty()
    start = said = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said > (0.5 if terminal else 30):
            said = now
            left = duration((total - count) * (now - start) / count)
            end = "" if terminal else "\n"
            print(f"\r{what}: {count:,} of {total:,}, {left} left   "[not terminal :], end=end, flush=True)
    if terminal:
        print("\r" + " " * 60 + "\r", end="")
