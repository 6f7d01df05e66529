"""Assignment of GPUs to the jobs of a sweep that run at once on one machine."""

import fcntl
import itertools
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def reserved(root: Path, gpus: Sequence[str], count: int, pause: float = 1.0, places: int = 1) -> Iterator[list[str]]:
    """Hold ``count`` of the GPUs, waiting until so many are free; the system lets go of them however the job ends.

    Args:
        root: where the locks lie; jobs that share GPUs must share it.
        gpus: their names.
        count: how many; never more than there are.
        pause: seconds between tries.
        places: how many jobs may hold a GPU at once; sweeps that share GPUs must agree on it. A free GPU is taken
            before one that has a job.
    """
    count = min(count, len(gpus))
    if not count:
        yield []
        return
    folder = root / ".devices"
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        with ExitStack() as held:
            got: list[str] = []
            for place, gpu in itertools.product(range(places), gpus):
                if len(got) < count and gpu not in got and _try(held, folder / _lock_name(gpu, place)):
                    got.append(gpu)
            if len(got) == count:
                yield got
                return
        time.sleep(pause)


def _lock_name(gpu: str, place: int) -> str:
    """GPUs that SLURM gives to a job are numbered from 0 in each job, and nobody else's."""
    job = os.environ.get("SLURM_JOB_ID")
    named = [platform.node(), job and f"job{job}", gpu.replace("/", "_"), str(place) if place else None]
    return "-".join(filter(None, named))


def _try(held: ExitStack, path: Path) -> bool:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True
