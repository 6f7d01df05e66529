"""Signals that reach a loader's process because they are sent to all processes of a training."""

import signal
from types import FrameType

STAY = 50  # seconds


def stay_for_the_step(worker: int) -> None:
    """Outlive a signal that asks the training to stop: it finishes its step, and saves, before it ends its loaders.

    SLURM sends its signals to every process of a job. A loader ends by itself when its training does; one that can't
    ends by SIGALRM.

    Args:
        worker: number of the loader, as torch's ``worker_init_fn`` gives it.
    """
    signal.signal(signal.SIGTERM, _end_later)  # in the place of torch's handler, which ends at once
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end_later(number: int, frame: FrameType | None) -> None:
    signal.alarm(STAY)
