"""Many ends of one command: it is forked at its file-system events, and each fork meets something else there.

A command that is run anew for every point at which a disk may be full spends nearly all its time on what all points
have in common. Here it is run once. At each event it waits while a fork of it goes on, in a copy of its place that is
mounted over the place for this fork alone, and that its open files and locks are in, too.
"""

import ctypes
import fcntl
import os
import random
import select
import shutil
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.torture import processes, victims
from tests.torture.events import Act, End, Events

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
ENDED = 20.0  # seconds in which all that a fork has started must be gone


class Branch(NamedTuple):
    """A fork: the number of its point, the event at which it begins, and what it does at events from there on."""

    index: int
    event: int
    act: Act


class Outcome(NamedTuple):
    """The end of a fork: its exit status, None where it had to be killed, and the copy of the place that it left.

    The command that it is a fork of waits meanwhile.
    """

    index: int
    code: int | None
    place: Path
    waiting: int


def mounts() -> bool:
    """Whether this process may mount: asked in a fork, which nothing outlives."""
    pid = victims.fork(_private, new_session=False)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def grow(
    start: Callable[[Callable[[], None]], int],
    place: Path,
    root: Path,
    branches: Sequence[Branch],
    copy: Path,
    seconds: float,
) -> Iterator[Outcome]:
    """Run a command once and let it branch; whoever iterates may look at a branch's copy before the next one begins.

    Args:
        start: starts the command in ``place`` with a hook, and returns its process.
        place: of the command.
        root: events below it count.
        branches: what to do; each once.
        copy: where the place of a branch is.
        seconds: in which a branch ends.
    """
    ask, answer = os.pipe(), os.pipe()
    others = processes.below()  # which were there before
    pid = start(lambda: _watch(place, root, branches, copy, ask[1], answer[0]))
    os.close(ask[1])
    os.close(answer[0])
    try:
        with os.fdopen(ask[0]) as told:
            while line := told.readline():
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(place, copy, symlinks=True)
                os.write(answer[1], b"\n")
                ended = _ended(told, (pid, *others), seconds)
                gone = processes.all_gone(ENDED if ended else 0, spared=(pid, *others)).gone
                code = int(told.readline())
                yield Outcome(int(line), code if ended and gone else None, copy, pid)
                os.write(answer[1], b"\n")
    finally:
        os.close(answer[1])
        processes.wait_until(lambda: processes.exit_code(pid) is not None, seconds)
        processes.all_gone(0, spared=others)


def _ended(told: object, spared: Sequence[int], seconds: float) -> bool:
    """Whether the branch ended in time; whatever else runs is killed."""
    if select.select([told], [], [], seconds)[0]:  # type: ignore[list-item]
        return True
    processes.send([other for other in processes.below() if other not in spared], signal.SIGKILL)
    return False


def _watch(place: Path, root: Path, branches: Sequence[Branch], copy: Path, ask: int, answer: int) -> None:
    """Wait at events of the command, within it, while branches go on."""
    due: dict[int, list[Branch]] = defaultdict(list)
    for branch in branches:
        due[branch.event].append(branch)
    own = os.getpid()

    def act(role: str, number: int, name: str, path: Path) -> End | None:
        for branch in due.pop(number, []) if os.getpid() == own else []:
            os.write(ask, f"{branch.index}\n".encode())
            os.read(answer, 1)
            state = random.getstate()  # Python seeds it anew in forks
            pid = os.fork()
            if not pid:
                os.close(ask)
                os.close(answer)
                random.setstate(state)
                _move(place, copy)
                events.count, events.act = number, branch.act
                return branch.act(role, number, name, path)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.write(ask, f"{code}\n".encode())
            os.read(answer, 1)
        return None

    events = Events(root, act)


def _private() -> None:
    """Give this process mounts of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mounts of its own")


def _move(place: Path, copy: Path) -> None:
    """See a copy in the place of the original, within a fork, and have open files and locks there."""
    opened = {}
    for handle in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        try:
            path = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115
        except OSError:
            continue
        if path.startswith(f"{place}/") and not path.endswith(" (deleted)"):
            opened[handle] = path
    locked = _locks()
    _private()
    libc = ctypes.CDLL(None, use_errno=True)
    held = {handle for handle in opened if os.fstat(handle).st_ino in locked}
    if libc.mount(os.fsencode(copy), os.fsencode(place), None, MS_BIND, None):
        raise OSError(ctypes.get_errno(), f"{copy} can't be mounted")
    os.chdir(place)
    for handle, path in opened.items():
        flags = fcntl.fcntl(handle, fcntl.F_GETFL) & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
        offset = os.lseek(handle, 0, os.SEEK_CUR)
        inherited = os.get_inheritable(handle)
        other = _open(path, flags)
        os.lseek(other, offset, os.SEEK_SET)
        os.dup2(other, handle, inherited)
        os.close(other)
        if handle in held:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_open = os.open  # not the one that tells of events


def _locks() -> set[int]:
    """Numbers of the files that this process's parent, which it is a fork of, has locked."""
    parent = os.getppid()
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(row[5].rpartition(":")[2]) for row in rows if len(row) > 5 and row[4] == str(parent)}
