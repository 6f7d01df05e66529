"""A study in one file: run folders without weights and pictures, small enough for a repository.

A zip with one folder per finished run: the small files that the report reads. Numbers of tables are rounded, scores of
single images are of the named metrics, ``metrics.csv`` lacks the columns that ``loss_trace.csv`` has, and paths are cut
to the last parts that tell two runs apart: where data lay is nobody's concern. ``scores.json`` is kept in full. Every
command that takes run folders takes such a file.
"""

import atexit
import csv
import functools
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from depthbench.config.identity import is_path, matters
from depthbench.config.reading import read_config
from depthbench.errors import UserError
from depthbench.files import whole
from depthbench.input_files import open_zip, read_bytes, read_member
from depthbench.input_files.limits import MAX_TEXT
from depthbench.runs.checksums import changed
from depthbench.runs.folder import RunFolder

END = ".runs.zip"
METRICS = ("delta1", "delta2", "delta3", "AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog", "pixels", "nonfinite")
DIGITS = 4  # significant ones: a mean over hundreds of images keeps more than any table shows

_LISTS = ("protocol", "name")
_IN_TRACE = ("terms/", "weights/")  # columns of metrics.csv, a value for each period, as in loss_trace.csv
_MEMBER = re.compile(r"[^/\\]{1,255}/[A-Za-z_]{1,40}(\.(json|csv|yaml))?")
_MAX_TOTAL = 1 << 30  # bytes of all runs of a study unpacked


def pack_runs(
    folders: Sequence[Path], file: Path, metrics: Sequence[str] = METRICS, digits: int = DIGITS
) -> list[Path]:
    """Write finished runs to one file.

    Args:
        folders: of runs, each of another name.
        file: to write, which ends in ``.runs.zip``.
        metrics: columns of ``per_image.csv`` to keep, as far as they are there.
        digits: significant digits of the numbers in tables.

    Returns:
        The folders that were left out, since their runs are not done.

    Raises:
        UserError: if no run is done, one has changed, two have one name, or the name of the file does not fit.

    Example:
        >>> from pathlib import Path
        >>> from depthbench.runs.archive import pack_runs
        >>> pack_runs([], Path("losses.zip"))
        Traceback (most recent call last):
        ...
        depthbench.errors.UserError: losses.zip must end in .runs.zip, such as losses.runs.zip.
    """
    if not file.name.endswith(END):
        raise UserError(f"{file} must end in {END}, such as {file.with_suffix('').name}{END}.")
    done = [folder for folder in folders if RunFolder(folder).done]
    if not done:
        raise UserError(f"None of {len(folders)} runs is done; there is nothing to put into {file}.")
    for folder in done:
        if names := changed(folder):
            raise UserError(f"{folder} has changed since: {', '.join(names)}; test it again.")
    names = [folder.name for folder in done]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"Two runs are called {twice}; give the runs of one of them.")
    short = _told_apart([read_config(folder / "config.yaml") for folder in done])
    kept: dict[str, Callable[[bytes], bytes]] = {
        "config.yaml": lambda content: _config(content, short),
        "run.json": lambda content: _run(content, short),
        "status.json": _status,
        "data.json": _compact,
        "scores.json": _compact,
        "per_image.csv": lambda content: _table(content, digits, {*_LISTS, *metrics}.__contains__),
        "metrics.csv": lambda content: _table(content, digits, lambda name: not name.startswith(_IN_TRACE)),
        "loss_trace.csv": lambda content: _table(content, digits),
        "DONE": _done,
    }
    with whole(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for folder in sorted(done, key=lambda one: one.name):
            for name, shorten in kept.items():
                if (folder / name).is_file():
                    archive.writestr(_member(f"{folder.name}/{name}"), shorten(read_bytes(folder / name, MAX_TEXT)))
    return [folder for folder in folders if folder not in done]


@functools.cache
def unpacked(file: Path) -> Path:
    """A folder with the runs of a file; it is gone when this process ends.

    Raises:
        UserError: if it is damaged, or holds anything but small files of run folders.
    """
    folder = Path(tempfile.mkdtemp(prefix="depthbench-runs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    left = _MAX_TOTAL
    with open_zip(file) as archive:
        for info in archive.infolist():
            where = f"{file}, member {info.filename[:80]!r},"
            if not _MEMBER.fullmatch(info.filename) or info.filename.startswith("."):
                raise UserError(f"{where} is not a file of runs; give a file that `depthbench report --archive` wrote.")
            left -= info.file_size
            if left < 0:
                raise UserError(f"{file} unpacks to more than the {_MAX_TOTAL:,} bytes that are read.")
            path = folder / info.filename
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(read_member(archive, info, MAX_TEXT, where))
    return folder


def is_archive(text: str | Path) -> bool:
    """Whether a user means such a file, by its name."""
    return str(text).endswith(END)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _config(content: bytes, short: Mapping[str, str]) -> bytes:
    return yaml.safe_dump(_pathless(yaml.safe_load(content), short), sort_keys=False, allow_unicode=True).encode()


def _run(content: bytes, short: Mapping[str, str]) -> bytes:
    run = _pathless(json.loads(content), short)
    run["machine"] = {key: value for key, value in (run.get("machine") or {}).items() if key != "host"}
    run.pop("command", None)  # of the whole sweep, as typed; the overrides are kept
    return _text(run)


def _status(content: bytes) -> bytes:
    status = json.loads(content)
    return _text({key: value for key, value in status.items() if key != "pid"})


def _done(content: bytes) -> bytes:
    """The content without checksums: the folder's belong to other bytes, and the zip has its own."""
    done = json.loads(content) if content else {}
    return _text({key: value for key, value in done.items() if key not in ("files", "sha256")})


def _compact(content: bytes) -> bytes:
    return _text(json.loads(content)) if content else content


def _text(content: Any) -> bytes:
    return json.dumps(content, allow_nan=False).encode()


def _told_apart(configs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Paths that are part of runs' identities, such as weights, each with the last parts that tell it apart."""
    words = {word for config in configs for word in _own_paths(config)}
    parts = {word: word.rstrip("/").split("/") for word in words}
    found = {}
    for word, own in parts.items():
        others = [other for rival, other in parts.items() if rival != word]
        counts = (count for count in range(1, len(own)) if all(other[-count:] != own[-count:] for other in others))
        found[word] = "/".join(own[-next(counts, len(own)) :])
    return found


def _own_paths(node: Any, key: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _own_paths(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for value in node:
            yield from _own_paths(value, key)
    elif isinstance(node, str) and _is_outside(node) and matters(key) and not is_path(key):
        yield node


def _pathless(node: Any, short: Mapping[str, str]) -> Any:
    """A tree with the last part of every path, or its ``short`` form; the value of ``key=path`` is one, too."""
    if isinstance(node, dict):
        return {key: _pathless(value, short) for key, value in node.items()}
    if isinstance(node, list):
        return [_pathless(value, short) for value in node]
    if not isinstance(node, str):
        return node
    return ",".join(_last_part(word, short) for word in node.split(","))


def _last_part(word: str, short: Mapping[str, str]) -> str:
    key, equals, value = word.rpartition("=")
    if not _is_outside(value):
        return word
    return f"{key}{equals}{short.get(value) or value.rstrip('/').rpartition('/')[2]}"


def _is_outside(value: str) -> bool:
    return value.startswith(("/", "~", "./", "../"))


def _table(content: bytes, digits: int, keeps: Callable[[str], bool] = lambda name: True) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode())))
    if not rows:
        return content
    kept = [index for index, name in enumerate(rows[0]) if keeps(name)]
    plain = {index for index in kept if rows[0][index] in _LISTS}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([rows[0][index] for index in kept])
    for row in rows[1:]:
        if len(row) == len(rows[0]):
            writer.writerow([row[index] if index in plain else _rounded(row[index], digits) for index in kept])
    return text.getvalue().encode()


def _rounded(cell: str, digits: int) -> str:
    """A number in the fewest characters that give so many significant digits; whole numbers in full."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    if number == round(number, 0) and abs(number) < 1e15:
        return str(int(number))
    short = f"{number:.{digits}g}"
    return short.removeprefix("0") if short.startswith("0.") else short
