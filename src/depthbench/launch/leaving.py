"""The end of a process: at once, after all output is written."""

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End this process without the interpreter's last garbage collection, which takes seconds after torch.

    All else that an interpreter does at its end is done in its order: threads are waited for, functions of
    :mod:`atexit` are called (loggers, coverage, child processes), and the streams are flushed.

    Args:
        status: the exit status.
    """
    with suppress(Exception):  # as an interpreter would go on to its end
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a closed pipe
            stream.flush()
    os._exit(status & 0xFF)
