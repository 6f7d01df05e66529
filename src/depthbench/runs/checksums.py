"""Checksums of a finished run's files, kept in its ``DONE``: a file that changed since is noticed where it is read.

``DONE`` of an earlier version has none; its files are taken as they are.
"""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from depthbench.config.identity import digest
from depthbench.config.reading import read_config
from depthbench.errors import UserError
from depthbench.files import discard, read_json, told_unwritable, write_atomically
from depthbench.input_files import check_regular, open_regular

DONE = "DONE"
TESTED = ("scores.json", "per_image.csv", "data.json")  # which a test writes anew
TRAINED = ("metrics.csv", "loss_trace.csv")  # which only a training writes
ASKED = ("config.yaml", "run.json")  # which the command that is started again writes anew
CHECKED = (*ASKED, *TESTED, *TRAINED)
"""Files with a checksum; archives of arrays (``.npz``, ``.ckpt``) have their own."""

_OWN = "sha256"  # of the rest of DONE


class RowsChecksum:
    """The SHA-256 of a table that grows, for the checkpoint of an interrupted run.

    Empty cells and the order of columns don't count, since a new column adds empty cells to the rows before.

    Args:
        rows: that are there already, as written or as read back.

    Example:
        >>> from depthbench.runs.checksums import RowsChecksum
        >>> one, other = RowsChecksum([{"step": 3, "loss": 0.5}]), RowsChecksum()
        >>> other.add({"loss": "0.5", "val": "", "step": "3"})
        >>> one.value == other.value
        True
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._hash = hashlib.sha256()
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row."""
        cells = sorted([key, str(value)] for key, value in row.items() if value not in (None, ""))
        self._hash.update(json.dumps(cells).encode() + b"\n")

    @property
    def value(self) -> str:
        """The checksum of the rows so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def __deepcopy__(self, memo: object) -> "RowsChecksum":
        copied = RowsChecksum()
        copied._hash = self._hash.copy()
        return copied

    def __reduce__(self) -> tuple[type["RowsChecksum"], tuple[()]]:
        """Pickle a table without rows: processes that start anew get their callbacks and loggers by pickle."""
        if self.value != RowsChecksum().value:
            raise TypeError("The checksum of a table that has rows can't be pickled; make it anew from the rows.")
        return RowsChecksum, ()


def check_rows(path: Path, rows: Iterable[Mapping[str, Any]], known: str | None) -> None:
    """Raise :class:`UserError` if the rows of a resumed run differ from the rows of its checkpoint.

    Args:
        path: of the table; one that is gone was left out by somebody.
        rows: that the checkpoint counts.
        known: their :class:`RowsChecksum`; None in checkpoints of earlier versions.
    """
    if known is not None and os.path.lexists(path) and RowsChecksum(rows).value != known:
        raise UserError(
            f"{path} has changed since the checkpoint was saved (its checksum differs); put the former file back, or "
            "delete it to go on without the earlier rows."
        )


def write_done(folder: Path, outcome: Mapping[str, Any]) -> None:
    """Write ``DONE``: the outcome of a run, checksums of the files that lie there now, and its own."""
    files = {name: file_hash(folder / name) for name in CHECKED if (folder / name).is_file()}
    _write(folder, {**outcome, "files": files})


def renew_done(folder: Path) -> None:
    """Take over the checksums of the configuration and the record of a finished run, after both were written anew."""
    outcome = read_done(folder)
    if "files" in outcome:
        files = outcome["files"] | {name: file_hash(folder / name) for name in ASKED}
        _write(folder, {key: value for key, value in outcome.items() if key != _OWN} | {"files": files})


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    write_atomically(folder / DONE, json.dumps({**content, _OWN: _own_hash(content)}) + "\n")


def read_done(folder: Path) -> dict[str, Any]:
    """The content of ``DONE``; empty where there is none.

    Raises:
        UserError: if it is damaged.
    """
    path = folder / DONE
    if not os.path.lexists(path):
        return {}
    content = read_json(path) if check_regular(path) else {_OWN: "of nothing"}  # no version wrote an empty one
    if "files" in content or _OWN in content:
        rest = {key: value for key, value in content.items() if key != _OWN}
        if content.get(_OWN) != _own_hash(rest) or not isinstance(content.get("files"), dict):
            raise UserError(f"{path} is not as the run wrote it; {_command(folder)} repeats its test.")
    return content


def check_unchanged(path: Path) -> None:
    """Raise :class:`UserError` if a file of a finished run is not the one that the run wrote.

    Args:
        path: of the file; one that is not there, or has no checksum, is passed over.
    """
    known = read_done(path.parent).get("files", {}).get(path.name)
    if known is not None and os.path.lexists(path) and not _is(path, known):
        raise UserError(f"{path} has changed since the run wrote it (its checksum differs); {_mend(path)}.")


def changed(folder: Path) -> list[str]:
    """Names of the files of a finished run that are not as it wrote them; ``DONE`` alone where that is damaged.

    A table of the training that is gone was left out by somebody.
    """
    try:
        known = read_done(folder).get("files", {})
    except UserError:
        return [DONE]
    left_out = [name for name in TRAINED if not os.path.lexists(folder / name)]
    return [name for name, value in known.items() if name not in left_out and not _is(folder / name, value)]


def reopen(folder: Path) -> None:
    """Let the test of a finished run be repeated where files that it wrote are other ones or gone, and say so.

    A run without its checkpoint stays as it is. Files that only a training writes are set aside, so that it does not
    get a checksum as if it were sound.

    Raises:
        UserError: if the folder may not be written to, or ``DONE`` is damaged and there is no checkpoint.
    """
    names = [name for name in changed(folder) if name not in ASKED]
    if not names:
        return
    if set(names) <= set(TRAINED):
        rest = _mend(folder / names[0])
    elif not (folder / "checkpoints" / "last.ckpt").is_file():
        rest = "there is no checkpoint to test again: take it from a copy, or delete the folder to train again"
        if DONE in names:
            raise UserError(f"{folder / DONE} is not as the run wrote it; {rest}.")
    else:
        rest = "the test is repeated"
        with told_unwritable(folder):
            for name in names:
                _set_aside(folder / name)
            discard(folder / DONE)  # the last: a kill before this moment leaves a file that is missing
    print(f"{folder}: {', '.join(names)} not as the run wrote it; {rest}.", file=sys.stderr)


def _set_aside(path: Path) -> None:
    if path.name in TESTED:
        discard(path)
    elif path.name in TRAINED:
        path.replace(path.with_name(f"{path.name}.damaged"))


def file_hash(path: Path) -> str:
    """The SHA-256 of a regular file, in hexadecimal digits.

    Raises:
        UserError: if it can't be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _is(path: Path, value: str) -> bool:
    with suppress(UserError):
        return file_hash(path) == value or (path.name == "config.yaml" and _same_run(path))
    return False


def _same_run(path: Path) -> bool:
    """Whether a configuration differs from its run's only in keys that can't change a result: data may move."""
    run = read_json(path.with_name("run.json"))
    version = str(run.get("code_version")).partition("+")[0]
    return run.get("identity") == digest(read_config(path), version)


def _own_hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _mend(path: Path) -> str:
    if path.name in TRAINED:
        return f"take it from a copy, delete it to leave it out, or delete {path.parent} to train again"
    again = "repeats the test and writes it anew" if path.name in TESTED else "writes it anew"
    return f"{_command(path.parent)} {again}"


def _command(folder: Path) -> str:
    """The command of a run from its overrides, where these can be read."""
    with suppress(UserError):
        overrides = read_json(folder / "run.json").get("overrides")
        if isinstance(overrides, list):
            return shlex.join(["depthbench", "run", *map(str, overrides)])
    return "its command, started again,"
