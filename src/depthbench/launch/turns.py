"""Several jobs at once from one process: by turns in Hydra's part, together in the wait for their processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Hydra keeps the job at hand, its environment and its folder once per process.
TURN = threading.RLock()


def one_of_several() -> bool:
    """Whether this is a job of a launcher that runs several at once."""
    return bool(TURN._is_owned())  # type: ignore[attr-defined]


@contextmanager
def elsewhere() -> Iterator[None]:
    """Within it nothing of Hydra's is used, and the next job of a launcher that runs several at once may begin."""
    held = one_of_several()
    if held:
        TURN.release()
    try:
        yield
    finally:
        if held:
            TURN.acquire()
