"""Signals that ask a run to stop: when they are obeyed at once, and when a checkpoint must come first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SLURM sends SIGUSR1 (or SIGUSR2, to jobs that submitit has sent) before a time limit, a closed terminal SIGHUP.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)


class Stopped(Exception):
    """The run was asked to stop; nothing of it is lost."""

    def __init__(self) -> None:
        super().__init__("The run was asked to stop; start it again to continue where it stands.")


class StopRequest:
    """Whether this process was asked to stop.

    A phase in which nothing can be lost (opening data, testing, writing results) ends at once: the handler raises
    :class:`Stopped` there. In a training (:meth:`defer`) the handler only sets ``asked``, and
    :class:`~depthbench.training.callbacks.LastCheckpoint` saves before it stops.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False
        self._process = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take the signals, and give them back at the end. What was ignored before (``nohup``) stays ignored."""
        self.asked = self.deferred = False
        self._process = os.getpid()
        if threading.current_thread() is not threading.main_thread():  # Python hands signals to the main thread only
            yield
            return
        taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        previous: dict[int, Any] = {number: signal.signal(number, self._handle) for number in taken}
        try:
            yield
        finally:
            self.deferred = False
            for number, handler in previous.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """From here on only take note."""
        self.deferred = True

    def obey(self) -> None:
        """From here on stop at once, and now if it was asked for."""
        self.deferred = False
        if self.asked:
            raise Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's process, forked from this one, with its handlers
            if number != signal.SIGINT:  # Ctrl-C goes to all processes: the loaders are needed until the step's end
                os._exit(128 + number)
            return
        self.asked = True
        if not self.deferred:
            raise Stopped


STOP = StopRequest()
