"""C files of the house, compiled once per machine where it has a compiler; their callers do without, only slower."""

import ctypes
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from depthbench.errors import UserError
from depthbench.files import whole

COMPILERS = ("cc", "gcc", "clang")
# Arithmetic as written: no operation is left out or joined with another, so that NaN stays NaN.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-shared", "-fPIC", "-w")
PATIENCE = 60  # seconds that a compiler may take; it takes less than one


@cache
def compiled(source: Path, *others: Path) -> ctypes.CDLL | None:
    """The functions of a C file, and of others that it calls, for this processor.

    The library lies in ``~/.cache/depthbench`` (``XDG_CACHE_HOME``) under a name that changes with the sources, the
    headers beside them, the compiler and the processor, so that machines may share a home.

    Args:
        source: the C file.
        others: C files that are compiled with it.

    Returns:
        None where there is no compiler, it fails, or the result can't be kept and loaded.

    Example:
        >>> from pathlib import Path
        >>> from depthbench.native import compiled
        >>> compiled(Path("missing.c")) is None
        True
    """
    with suppress(OSError, UserError, subprocess.SubprocessError):
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None or not Path("/proc/cpuinfo").exists():
            return None
        library = _folder() / f"{source.stem}-{_key((source, *others), compiler)}.so"
        if not library.exists():
            with whole(library, durable=False) as part:
                command = [compiler, *FLAGS, "-o", str(part), *map(str, (source, *others)), "-lm"]
                subprocess.run(command, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, capture_output=True)
        return ctypes.CDLL(str(library))
    return None


def _folder() -> Path:
    """The folder of libraries: nobody else can write to it, since libraries run with this user's rights."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "depthbench"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(f"{folder} can be written to by others.")
    return folder


def _key(sources: Sequence[Path], compiler: str) -> str:
    found = Path(compiler).resolve().stat()
    headers = sorted({header for source in sources for header in source.parent.glob("*.h")})
    about = [
        *(one.read_bytes() for one in (*sources, *headers)),
        " ".join(FLAGS),
        compiler,
        found.st_size,
        found.st_mtime_ns,
        _processor(),
    ]
    return hashlib.sha256(repr(about).encode()).hexdigest()[:16]


def _processor() -> list[str]:
    """Abilities of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
