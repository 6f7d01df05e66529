"""Creation of a run folder: as a whole, once, and found again by its hash."""

import fcntl
import functools
import json
import platform
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from depthbench import __version__
from depthbench.config.aliases import say_once
from depthbench.config.identity import digest, identity, matters
from depthbench.config.plugins import plugins_of
from depthbench.config.reading import read_config
from depthbench.config.targets import targets_in
from depthbench.errors import UserError
from depthbench.files import clean, discard, part_of, read_json, told_unwritable, whole, write_atomically
from depthbench.runs.checksums import check_unchanged, renew_done, reopen
from depthbench.runs.machine import code_hash, code_version, machine
from depthbench.runs.names import folder_name

FIRST_FILES = {"config.yaml", "run.json", "status.json"}
BEFORE_STEPS = {".lock", "data.json"}  # files that a run adds before its first step
FORMAT = 2  # of a run folder; folders of version 1 have no number
VERSIONS = ("torch", "pytorch-lightning", "timm")
DIGITS = (8, 16, 64)  # of the hash in a folder's name: more where two configurations share the first
PATIENCE = 30.0  # seconds that one waits for another process that is making a folder in the same place


def find_or_make(content: dict[str, Any], overrides: Sequence[str], choices: Mapping[str, str | None]) -> Path:
    """The folder of a plain configuration. A new one appears under its name with all its files in it, or not at all.

    Two processes that ask at once get the same folder. Remains of a killed process do not matter.

    Raises:
        UserError: if the place can't be written to.
    """
    full = digest(content)
    root = Path(content["output"])
    with told_unwritable(root):
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            clean(root)
            found, digits = _find(root, full, content)
            if found is not None:
                if not is_locked(found):
                    reopen(found)
                _mend(found, content, overrides, choices, full)
                return found
            keys = [item for item in overrides if matters(item.lstrip("+~").partition("=")[0])]
            target = root / folder_name(keys, full[:digits])
            with whole(target) as part:
                part.mkdir()
                write_config(part, content)
                write_object(part / "run.json", _record(overrides, choices, full, content))
                write_object(part / "status.json", {"state": "waiting"})
    return target


def unmake(folder: Path) -> bool:
    """Remove a run folder of which no step was done, as a mistake of typing leaves it that is found late.

    Returns:
        Whether it is gone: a folder that holds more stays, and one in which a process works.
    """
    with _alone(folder.parent):
        inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if inside - BEFORE_STEPS != FIRST_FILES or is_locked(folder):
            return False
        gone = part_of(folder)  # whatever kills this process, nobody takes the rest for a run
        folder.rename(gone)
        discard(gone)
    return True


def write_config(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``config.yaml``."""
    write_atomically(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(content))))


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON."""
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def _find(root: Path, full: str, content: Mapping[str, Any]) -> tuple[Path | None, int]:
    """The folder of a configuration if there is one, and how many digits tell it apart from the others."""
    for digits in DIGITS:
        found = [path for path in sorted(root.glob(f"*-{full[:digits]}")) if path.is_dir()]
        for path in found:
            if is_same(path, full, content):
                return path, digits
        if not found:
            break
        print(
            f"{found[0]} has the same short hash but another configuration; the new run gets a longer hash.",
            file=sys.stderr,
        )
    former = _of_former_versions(root).get(full)
    if former is not None:
        say_once(f"{former} has this configuration, trained by an earlier version of depthbench; it is trained anew.")
    return None, digits


def is_same(path: Path, full: str, content: Mapping[str, Any]) -> bool:
    """Whether a folder is of a configuration, by the whole hash where it was recorded, else key by key.

    A folder of which neither can be read has only its name, which then counts: a process was killed
    while an earlier version made it, or its files are damaged.
    """
    with suppress(UserError):
        check_unchanged(path / "run.json")
        kept = read_json(path / "run.json").get("identity")
        if isinstance(kept, str) and kept.startswith(path.name.rpartition("-")[2]):
            return kept == full
    with suppress(UserError):
        return identity(read_config(path / "config.yaml")) == identity(dict(content))
    return True


@functools.cache
def _of_former_versions(root: Path) -> dict[str, Path]:
    """Folders that earlier versions made in a place, by the hash that their configuration has today."""
    found = {}
    for path in sorted(root.glob("*-????????")):
        with suppress(UserError):
            run = _readable(path / "run.json")
            made_by = str(run.get("code_version", __version__)).partition("+")[0]
            if made_by != __version__ and (path / "config.yaml").is_file():
                found[digest(read_config(path / "config.yaml"))] = path
    return found


def _mend(
    path: Path, content: dict[str, Any], overrides: Sequence[str], choices: Mapping[str, str | None], full: str
) -> None:
    """Write the missing or damaged files of a folder again, and the files whose settings changed this time.

    Workers, loggers and places of data are taken as they were asked for last. A run that is done keeps its
    configuration, and one that is being worked on is left alone.
    """
    run = _readable(path / "run.json")
    config = None
    with suppress(UserError):
        check_unchanged(path / "config.yaml")
        config = read_config(path / "config.yaml")
    asked = dict.fromkeys(("config.yaml", "run.json"), True)
    if config is not None and run:
        if config == content or (path / "DONE").exists() or is_locked(path):
            asked = {}
    elif (path / "run.json").exists() or (path / "config.yaml").exists():
        print(f"{path} was damaged; its config.yaml and run.json are written again.", file=sys.stderr)
    if asked:
        write_config(path, content)
        write_object(
            path / "run.json",
            {**_record(overrides, choices, full, content), **run, "overrides": list(overrides), "identity": full},
        )
        renew_done(path)
    if not _readable(path / "status.json") and not is_locked(path):
        write_object(path / "status.json", {"state": "waiting"})


def _readable(path: Path) -> dict[str, Any]:
    with suppress(UserError):
        check_unchanged(path)
        return read_json(path)
    return {}


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold a place while looking for a folder and making one; where locks don't work, go on without."""
    end = time.monotonic() + PATIENCE
    with (root / ".creating").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    break
                time.sleep(0.02)
            except OSError:
                break
        yield


def is_locked(path: Path) -> bool:
    """Whether a process is working in a run folder."""
    try:
        with (path / ".lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nobody ever worked here, or nobody can
        return False
    return False


def _record(
    overrides: Sequence[str], choices: Mapping[str, str | None], full: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    keys = [item for item in overrides if matters(item.lstrip("+~").partition("=")[0])]
    return {
        "format": FORMAT,
        "name": ",".join(keys) or "default",
        "overrides": list(overrides),
        "choices": {key: value for key, value in choices.items() if not key.startswith("hydra/")},
        "hash": full[:8],
        "identity": full,
        "wandb_id": f"{full[:8]}-{secrets.token_hex(3)}",
        "code_version": code_version(),
        "code_sha256": code_hash(),
        "plugins": plugins_of(list(targets_in(content))),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": " ".join([Path(sys.executable).name, "-m", "depthbench.run", *sys.argv[1:]]),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }
