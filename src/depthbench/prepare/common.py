"""What ``check`` and ``cache`` share: a data set by its Hydra arguments, its frames by several threads, progress."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from depthbench.cli import duration
from depthbench.config.compose import config_dir
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.errors import UserError

T = TypeVar("T")
S = TypeVar("S")
PARTS = ("train", "test")


def choose(arguments: Sequence[str], own: Mapping[str, str]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Options of the command, and the resolved configuration of each part of the data set.

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
    names = sorted(path.stem for path in (config_dir() / "data").glob("*.yaml"))
    if not any(item.startswith("data=") for item in overrides):
        raise UserError(f"Say which data set: append data=... (one of {', '.join(names)}).")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        known = compose("evaluate", [item for item in overrides if item.startswith("data=") and item[5:] in names])
        try:
            data = compose("evaluate", overrides).data
            parts = {part: OmegaConf.to_container(data[part], resolve=True, throw_on_missing=True) for part in PARTS}
        except MISTAKES as error:
            raise UserError(explain(error, known)) from None
    return options, parts  # type: ignore[return-value]


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


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
