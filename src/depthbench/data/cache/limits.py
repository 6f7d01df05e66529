"""Memory that this process may use: limits of the machine, container and job, and of memory shared by processes."""

import os
import shutil
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_SHARED = Path("/dev/shm")


def memory_limit() -> int:
    """Bytes of memory that this process may use: of the machine, or fewer in a container or a job with a limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_group_limits()])


def _group_limits() -> list[int]:
    """The limits of this process's control groups and of those above them, versions 1 and 2."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            top, name = _CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = _CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        own = top / group.lstrip("/")
        # In a container the group's own path may not be mounted: its limits then stand at the top.
        for folder in (own, *(parent for parent in own.parents if parent.is_relative_to(top))):
            text = _text(folder / name)
            if text.isdecimal():
                found.append(int(text))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def shared_memory() -> int:
    """Bytes that processes can share now: often 64 MB in containers; where there is no such file system, all memory."""
    try:
        return min(shutil.disk_usage(_SHARED).free, memory_limit())
    except OSError:
        return memory_limit()
