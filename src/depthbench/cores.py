"""CPU cores of this process, and how processes share them."""

import os


def cores() -> int:
    """The number of CPU cores that this process may use.

    A scheduler or ``taskset`` may allow fewer cores than the machine has.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_each(processes: int) -> str:
    """Threads of each of ``processes`` that share the cores, as ``OMP_NUM_THREADS`` takes them; at least 1."""
    return str(max(1, cores() // processes))
