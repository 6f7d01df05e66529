"""Signals that ask a run to stop: when they are obeyed at once, and when a checkpoint must come first."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SLURM sends SIGUSR1 (or SIGUSR2, to jobs that submitit has sent) before a time limit, a closed terminal SIGHUP.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)

PATIENCE = 10.0  # seconds that a run has to end once it was stopped, before a further signal stops it anew
LOADERS = 20.0  # seconds after which loaders end by themselves


class Stopped(Exception):
    """The run was asked to stop; nothing of it is lost."""

    def __init__(self) -> None:
        super().__init__("The run was asked to stop; start it again to continue where it stands.")


class StopRequest:
    """Whether this process was asked to stop.

    A phase in which nothing can be lost (opening data, testing, writing results) ends at once: the handler raises
    :class:`Stopped` there. In a training (:meth:`defer`) the handler only sets ``asked``, and
    :class:`~depthbench.training.callbacks.LastCheckpoint` saves before it stops. While a run that was stopped ends,
    further signals are only taken note of: some senders repeat theirs.
    """

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False
        self._process = 0
        self._stopped = -math.inf

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take the signals, and give them back at the end. An ignored signal (``nohup``) stays ignored."""
        self.asked = self.deferred = False
        self._process, self._stopped = os.getpid(), -math.inf
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
        """Only take note of signals from here on."""
        self.deferred = True

    def obey(self) -> None:
        """Stop at once from here on, and now if a stop was asked for."""
        self.deferred = False
        if self.asked:
            self._stop()

    def _stop(self) -> None:
        if time.monotonic() - self._stopped > PATIENCE:
            self._stopped = time.monotonic()
            raise Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's process, forked from this one, with its handlers
            # A signal to the group reaches loaders, too: they are needed until the step's end, and then ended.
            signal.setitimer(signal.ITIMER_REAL, LOADERS)
            return
        self.asked = True
        if not self.deferred:
            self._stop()


STOP = StopRequest()
