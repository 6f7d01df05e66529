"""Processes that end with the one that started them."""

import ctypes
import os
import signal
import sys

PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


def die_with_parent(parent: int) -> None:
    """Have Linux send SIGTERM when the parent is gone (also by SIGKILL), so that nothing works unseen.

    Args:
        parent: its process id: it may have gone while this process was still importing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit(128 + signal.SIGTERM)
