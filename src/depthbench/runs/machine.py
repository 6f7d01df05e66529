"""On which machine and with which code a run is made, found without torch, which takes seconds to import."""

import functools
import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from depthbench import __version__

_PROC = Path("/proc/driver/nvidia/gpus")


def machine() -> dict[str, Any]:
    """The run's machine: its name, cores and the names of the GPUs that may be used."""
    return {"host": platform.node(), "cores": os.cpu_count(), "gpus": gpu_names()}


def visible_gpus() -> list[str]:
    """The GPUs of this machine that may be used, as ``CUDA_VISIBLE_DEVICES`` names them; found without torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    return [str(index) for index, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def gpu_names() -> list[str]:
    """The names of the NVIDIA GPUs that ``CUDA_VISIBLE_DEVICES`` allows; empty without a driver."""
    found = _from_driver() or _from_tool()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return found
    numbers = [name.strip() for name in chosen.split(",") if name.strip()]
    if not all(name.isdecimal() and int(name) < len(found) for name in numbers):
        return found[: len(numbers)]  # chosen by identifiers: how many is known, not which
    return [found[int(name)] for name in numbers]


def _from_driver() -> list[str]:
    names = []
    for file in sorted(_PROC.glob("*/information")):
        try:
            match = re.search(r"^Model:\s*(.+?)\s*$", file.read_text(errors="replace"), re.MULTILINE)
        except OSError:
            continue
        names += [match[1]] if match else []
    return names


def _from_tool() -> list[str]:
    """Ask the driver's tool, where the driver's files are not mounted, as in some containers."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in output.splitlines() if line.strip()]


@functools.cache
def code_version() -> str:
    """The package's version, and the commit where it is a git checkout."""
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return __version__
    command = ["git", "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{commit.strip()}"


@functools.cache
def code_hash() -> str:
    """Twelve hexadecimal digits of the package's source: they change with any of its files, committed or not."""
    package = Path(__file__).parents[1]
    total = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        total.update(f"{file.relative_to(package)}\0".encode())
        total.update(file.read_bytes())
    return total.hexdigest()[:12]
