"""A process that waits for a job and is asked to stop: its job saves a checkpoint first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from depthbench.launch.exit_codes import INTERRUPTED
from depthbench.training.signals import SIGNALS


@contextmanager
def stoppable() -> Iterator[list[int]]:
    """Leave by :class:`SystemExit` at the first signal, and only note signals that come while the job is saving.

    Yields:
        The signals that came.
    """
    asked: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) == 1:
            raise SystemExit(INTERRUPTED)

    previous: dict[int, Any] = {
        number: signal.signal(number, handle) for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
