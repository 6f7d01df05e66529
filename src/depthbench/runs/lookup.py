"""Runs by their folder, a folder of several, a pattern, ``latest``, or the hash at the end of a folder's name."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from hydra import compose

from depthbench.config.compose import composing
from depthbench.errors import UserError
from depthbench.runs.archive import is_archive, unpacked
from depthbench.runs.folder import RunFolder

LATEST = "latest"
_HASH = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 5


def find_run(text: str, root: Path | None = None) -> Path:
    """The folder of the one run that a user means.

    Args:
        text: see :func:`find_runs`.
        root: where ``latest`` and hashes are looked for, at any depth; by default ``output`` of the configuration.

    Raises:
        UserError: if there is none, or more than one.
    """
    found = find_runs(text, root)
    if len(found) > 1:
        raise UserError(f"{text} matches {len(found)} runs, but one is needed: {_listed(found)}.")
    return found[0]


def find_runs(text: str, root: Path | None = None) -> list[Path]:
    """The folders of the runs that a user means, each once.

    Args:
        text: separated by commas: run folders; folders that contain them at any depth; patterns such as ``seeds/*``;
            a file of runs (``.runs.zip``);
            ``latest``, of the runs that are trained the one that worked last; or hashes, of which four digits are
            enough where they are the beginning of one only.
        root: where ``latest`` and hashes are looked for, at any depth; by default ``output`` of the configuration.

    Raises:
        UserError: if a part means nothing, or a hash several runs.
    """
    found: list[Path] = []
    for part in split_paths(text):
        found += _meant(part, root)
    return list(dict.fromkeys(found))


def split_paths(text: str) -> list[str]:
    """Parts between commas. Names may have commas themselves: the longest part that is a path counts as one."""
    pieces, found = text.split(","), []
    while pieces:
        ends = [end for end in range(len(pieces), 1, -1) if Path(",".join(pieces[:end])).expanduser().exists()]
        end = ends[0] if ends else 1
        found.append(",".join(pieces[:end]))
        pieces = pieces[end:]
    return [part for part in found if part]


def run_folders(root: Path) -> Iterator[Path]:
    """Run folders in a folder, at any depth, in order; hidden folders are skipped."""
    for folder, inside, files in os.walk(root):
        if "config.yaml" in files and "run.json" in files:
            yield Path(folder)
            inside.clear()  # nothing inside a run is another run
        inside[:] = sorted(name for name in inside if not name.startswith("."))


def trained_run(text: str) -> RunFolder:
    """The one run that a user means, which must have a checkpoint.

    Raises:
        UserError: if there is no such run, or it has none.
    """
    folder = RunFolder(find_run(text))
    if not folder.checkpoint.is_file():
        raise UserError(f"{folder.path} has no {folder.checkpoint.relative_to(folder.path)}; has it been trained?")
    return folder


def _meant(part: str, root: Path | None) -> list[Path]:
    path = Path(part).expanduser()
    if (path / "config.yaml").is_file():
        return [path]
    if path.is_dir():
        found = list(run_folders(path))
        missing = f"{part} is not a run folder: it has no config.yaml, and there is no run folder in it."
    elif is_archive(path) and path.exists():
        return list(run_folders(unpacked(path)))
    elif part == LATEST:
        return [_latest(_root(root))]
    elif _HASH.fullmatch(part):
        return [_by_hash(part, _root(root))]
    elif glob.has_magic(part):
        matches = sorted(map(Path, glob.glob(str(path))))  # noqa: PTH207 (a pattern may begin at the root)
        found = [run for match in matches if match.is_dir() for run in run_folders(match)]
        missing = f"Nothing that fits {part} is or holds a run folder."
    else:
        found = []
        missing = (
            f"{part} is not a run folder; give one, a folder of them, a pattern, {LATEST}, "
            "or a hash of which 4 digits are enough."
        )
    if not found:
        raise UserError(missing)
    return found


def _root(root: Path | None) -> Path:
    """The folder of runs: ``runs``, unless conf/local names another."""
    if root is None:
        with composing():
            root = Path(compose("config").output)
    root = root.expanduser()
    if not root.is_dir():
        raise UserError(f"There are no runs yet: the folder {root} does not exist here. Give the path of a run folder.")
    return root


def _latest(root: Path) -> Path:
    times = {}
    for path in run_folders(root):
        folder = RunFolder(path)
        if (path / "status.json").is_file() and (folder.done or (folder.checkpoint.is_file() and not folder.locked())):
            times[path] = (path / "status.json").stat().st_mtime
    if not times:
        raise UserError(f"No run in {root} is trained yet, so none is the latest.")
    return max(times, key=times.__getitem__)


def _by_hash(digits: str, root: Path) -> Path:
    found = [path for path in run_folders(root) if path.name.rpartition("-")[2].startswith(digits)]
    if not found:
        raise UserError(f"No run in {root} has a hash that begins with {digits}.")
    if len(found) > 1:
        raise UserError(f"{len(found)} runs have a hash that begins with {digits}: {_listed(found)}.")
    return found[0]


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(map(str, paths[:_LISTED])) + more
