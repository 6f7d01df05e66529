"""File-system events of a process and of its forks: counted, and at a chosen one something happens.

Events are what changes a file system below a folder: files that are opened for writing, every write, sync, rename,
link, removal, and every folder that is made. They are seen where Python asks the system, one level below buffers.
"""

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATHS = {"mkdir": 0, "rmdir": 0, "unlink": 0, "remove": 0, "truncate": 0, "rename": 1, "replace": 1, "link": 1,
         "symlink": 1}  # fmt: skip
HANDLES = ("fsync", "fdatasync", "ftruncate", "posix_fallocate")
GROWS = ("open", "write", "mkdir", "link", "symlink", "posix_fallocate")  # what a full disk refuses
End = Callable[[], None]
Act = Callable[[str, int, str, Path], End | None]


def role() -> str:
    """Which process of a command this is: the command itself, a job of its sweep, or a rank."""
    return f"rank {os.environ['RANK']}" if "RANK" in os.environ else os.environ.get("TORTURE_ROLE", "command")


class Events:
    """Watch the file system in this process from now on.

    Args:
        root: only what lies below counts.
        act: called before each event with this process's role, the event's number (from 1, of this process), its name
            and its path. It may raise what the system would, or return what ends the process, in the middle of a write.
    """

    def __init__(self, root: Path, act: Act) -> None:
        self.root, self.act, self.count, self.busy = str(root.resolve()), act, 0, False
        os.register_at_fork(after_in_child=self._restart)
        self._patch()

    def _restart(self) -> None:
        self.count = 0

    def saw(self, name: str, path: Any) -> End | None:
        """An event is about to be; returns what ends the process in its middle."""
        if self.busy or not self._below(path):
            return None
        self.count += 1
        self.busy = True
        try:
            return self.act(role(), self.count, name, Path(_full(path)))
        finally:
            self.busy = False

    def before(self, name: str, path: Any) -> None:
        """An event without a middle is about to be."""
        end = self.saw(name, path)
        if end is not None:
            end()

    def _patch(self) -> None:
        for name, place in PATHS.items():
            setattr(os, name, self._watched(name, getattr(os, name), place))
        for name in HANDLES:
            setattr(os, name, self._by_handle(name, getattr(os, name)))
        real_write, real_open, real_os_open, before = os.write, io.open, os.open, self.before

        def write(handle: int, data: Any) -> int:
            before("write", _path_of(handle))
            return real_write(handle, data)

        def os_open(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_CREAT | os.O_TRUNC):
                before("open", path)
            return real_os_open(path, flags, *rest, **named)

        def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
                   errors: str | None = None, newline: str | None = None, closefd: bool = True,
                   opener: Any = None) -> Any:  # fmt: skip
            if isinstance(file, int) or not set(mode) & set("wax+") or not self._below(file):
                return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
            before("open", file)
            raw = _Raw(file, mode.replace("t", "").replace("b", ""), opener=opener)
            raw.saw = self.saw
            if "b" in mode and buffering == 0:
                return raw
            buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

        os.write, os.open = write, os_open  # type: ignore[assignment]
        io.open = builtins.open = opened  # type: ignore[assignment]

    def _below(self, file: Any) -> bool:
        try:
            return _full(file).startswith(self.root)
        except (TypeError, ValueError):
            return False

    def _watched(self, name: str, real: Callable[..., Any], place: int) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            if len(arguments) > place:
                folder = named.get("dir_fd")
                path = arguments[place]
                self.before(name, path if folder is None else f"{_path_of(folder)}/{os.fsdecode(path)}")
            return real(*arguments, **named)

        return watched

    def _by_handle(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(handle: Any, *arguments: Any) -> Any:
            self.before(name, _path_of(handle if isinstance(handle, int) else handle.fileno()))
            return real(handle, *arguments)

        return watched


class _Raw(io.FileIO):
    """An unbuffered file that tells of its writes."""

    saw: Callable[[str, Any], End | None]

    def write(self, data: Any, /) -> int:
        end = self.saw("write", self.name)
        if end is not None:
            whole = memoryview(data).cast("B")
            super().write(whole[: len(whole) // 2])
            end()
        return super().write(data)


def _full(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (links are not followed)


def _path_of(handle: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    except OSError:
        return "/"
