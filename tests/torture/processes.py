"""All processes below this one, also those whose parents are gone: which there are, their CPU time, their end."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


class Ended(NamedTuple):
    """The end of the last of the processes."""

    gone: bool
    wall: float  # seconds
    cpu: float  # seconds that they used meanwhile


def adopt_orphans() -> None:
    """Processes whose parents were killed become children of this one, so that none works unseen."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)


def below(pid: int | None = None) -> list[int]:
    """Living processes below one, this one by default; parents before their children."""
    found: list[int] = []
    for child in _children(os.getpid() if pid is None else pid):
        if _state(child) not in ("Z", "X", ""):
            found.append(child)
        found += below(child)
    return found


def cpu(pids: Sequence[int]) -> float:
    """Seconds of CPU time that processes, and those of their children that have ended, have used."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _fields(pid))) / TICKS


def cpu_below(pid: int | None = None) -> float:
    return cpu(below(pid))


def send(pids: Sequence[int], number: int) -> None:
    """A signal to processes; those that are gone do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.004) -> bool:
    """Whether it came true in time; children that ended are collected meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def all_gone(seconds: float, spared: Collection[int] = ()) -> Ended:
    """Wait until no process is left below this one, but for those that are spared; kill the others that remain."""

    def left() -> list[int]:
        return [pid for pid in below() if pid not in spared]

    begun, first = time.monotonic(), cpu(left())
    last = first
    while True:
        collect()
        pids = left()
        if not pids:
            return Ended(True, time.monotonic() - begun, max(0.0, last - first))
        last = max(last, cpu(pids))
        if time.monotonic() - begun > seconds:
            send(pids, signal.SIGKILL)
            wait_until(lambda: not (collect() or left()), 10)
            return Ended(False, time.monotonic() - begun, last - first)
        time.sleep(0.01)


_ended: dict[int, int] = {}


def collect() -> None:
    """Take note of children that ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _ended[pid] = os.waitstatus_to_exitcode(status)


def exit_code(pid: int) -> int | None:
    """The exit code of a child, None while it lives; negative for the signal that killed it."""
    collect()
    return _ended.get(pid)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    fields = _fields(pid)
    return fields[0] if fields else ""
