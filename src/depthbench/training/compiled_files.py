"""The files that `torch.compile` keeps between processes."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_HEADER = 64  # bytes of ELF's first header in 64 bits
_COMPILED = (".so", ".o", ".gch")


def forget_unfinished(folder: Path | None = None) -> list[Path]:
    """Remove the files that a killed compiler left unfinished, which torch would take for finished ones.

    torch compiles straight to a file's last name and later asks only whether the file exists, so every compiled run
    after a kill fails until the file is gone. A file that another process compiles now has a lock and stays.

    Args:
        folder: torch's folder of compiled files; by default that of this process.

    Returns:
        The files that are gone.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from depthbench.training.compiled_files import forget_unfinished
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "kernel.main.so").touch()
        >>> [path.name for path in forget_unfinished(folder)]
        ['kernel.main.so']
    """
    if folder is None:
        from torch._inductor.runtime.cache_dir_utils import cache_dir  # seconds, which only compiled runs need

        folder = Path(cache_dir())
    return [path for path in _unfinished(folder) if _remove(path, folder / "locks")]


def _unfinished(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix in _COMPILED and path.is_file() and not _whole(path):
            yield path


def _whole(path: Path) -> bool:
    """Whether a compiled header has content, or a library all that its first header announces.

    A linker writes that header last, and the table of sections, whose place it tells, at the end of the file.
    """
    size = path.stat().st_size
    if path.suffix == ".gch":
        return size > 0
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER or header[:4] != b"\x7fELF":
        return False
    table = int.from_bytes(header[40:48], "little")
    entry, count = (int.from_bytes(header[at : at + 2], "little") for at in (58, 60))
    return size >= table + entry * count > 0


def _remove(path: Path, locks: Path) -> bool:
    """Remove a file unless its lock is held; torch names the lock by the part before the first dot."""
    locks.mkdir(exist_ok=True)
    with suppress(Timeout, OSError), FileLock(locks / f"{path.name.partition('.')[0]}.lock", timeout=0):
        if not _whole(path):  # it may just have been finished
            path.unlink()
            return True
    return False
