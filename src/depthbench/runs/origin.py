"""The start of a training: random, from the weights of a network (``init``), or from the end of a run (``continue``).

Both name a file or a folder. The configuration of a run keeps a hash of the weights that lay there (``origin``), so
that two runs are the same only if their weights are, and a file that is exchanged later is noticed.
"""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthbench.config.identity import PINNED, identity, plain
from depthbench.config.nodes import long_form
from depthbench.config.objects import objects_in, told_object
from depthbench.errors import UserError
from depthbench.runs.checksums import read_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import find_run

EXPORTED = ("config.json", "model.safetensors")  # of a folder that `DepthEstimator.save` wrote
SCHEDULES = ("restart", "stretch", "hold")
# All that may change where a run goes on.
FREE = ("trainer", "callbacks", "origin", "init_match", "continue_schedule", "optim.schedule", "optim.optimizer.lr")


def pinned(content: dict[str, Any]) -> dict[str, Any]:
    """A plain configuration whose ``origin`` says which weights ``init`` or ``continue`` mean now; others as they are.

    Raises:
        UserError: if there are no such weights, or a run can't be continued as it is asked for.
    """
    content = {**content, "callbacks": long_form(content.get("callbacks") or {})}
    init, followed = content.get("init"), content.get("continue")
    if init is not None and followed is not None:
        raise UserError("init and continue can't go together: continue=RUN brings its weights.")
    if init is not None:
        path = weights_file(str(init))
        return {**content, "init": str(path), "origin": {"weights": weights_hash(path)}}
    if followed is not None:
        return {**content, **_end_of(RunFolder(find_run(str(followed))), content)}
    return {**content, "origin": None}


def weights_file(text: str) -> Path:
    """The file of weights that a user means by a run, a checkpoint, ``.safetensors``, or an exported folder.

    Raises:
        UserError: if there is none.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path
    if all((path / name).is_file() for name in EXPORTED):
        return path / EXPORTED[1]
    found = RunFolder(find_run(text)).weights
    if not found.is_file():
        raise UserError(f"init={text}: the run has no {found.name}; has it been trained?")
    return found


def weights_hash(path: Path) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a file.

    Raises:
        UserError: if it can't be read.
    """
    try:
        state = path.stat()
        return _hash(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}).") from None


@functools.lru_cache(maxsize=256)
def _hash(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check_weights(path: Path, kept: str) -> None:
    """Refuse weights that differ from the configuration's.

    Raises:
        UserError: if the file is gone or has other content.
    """
    if not path.is_file():
        raise UserError(f"{path}, from which this run starts, is missing; bring it back, or start another run.")
    if weights_hash(path) != kept:
        raise UserError(f"{path} has changed since this run was made; start another run from it.")


def _end_of(run: RunFolder, content: dict[str, Any]) -> dict[str, Any]:
    """The configuration's record of the run that it continues."""
    name = run.path
    if not run.done:
        raise UserError(f"continue={name}: that run is not finished; its own command goes on with it.")
    if content["continue_schedule"] not in SCHEDULES:
        raise UserError(
            f"continue_schedule={content['continue_schedule']} is unknown; choose one of {', '.join(SCHEDULES)}."
        )
    before = plain(run.config)
    differing = sorted(_differing(identity(before), identity(content)))
    if differing:
        raise UserError(
            f"continue={name} goes on with the same training, but {', '.join(differing[:4])} differ; leave them as "
            f"they were, or start another training from its weights: init={name}."
        )
    if not run.checkpoint.is_file():
        raise UserError(f"continue={name}: its checkpoint {run.checkpoint.name} is missing.")
    _check_longer(name, before["trainer"], content["trainer"])
    steps = read_done(run.path).get("steps")
    if not isinstance(steps, int):
        raise UserError(f"continue={name}: its file DONE does not say how many steps it had; start with init={name}.")
    return {"continue": str(name), "origin": {"state": weights_hash(run.checkpoint), "steps": steps}}


def _check_longer(name: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for key in ("max_steps", "max_epochs"):
        if (now.get(key) or -1) > (before.get(key) or -1):
            return
    key = "max_steps" if (before.get("max_steps") or -1) > 0 else "max_epochs"
    raise UserError(f"continue={name} has had {before[key]} {key[4:]}; append trainer.{key}= with more than that.")


def _differing(one: Any, other: Any, prefix: str = "") -> set[str]:
    """Dotted keys in which two trees differ, except keys that may change."""
    if prefix.rstrip(".") in FREE or one == other:
        return set()
    if isinstance(one, dict) and isinstance(other, dict):
        keys = set(one) | set(other)
        return set().union(*(_differing(one.get(key), other.get(key), f"{prefix}{key}.") for key in keys))
    return {prefix.rstrip(".")}


def following(overrides: Sequence[str]) -> list[str]:
    """Overrides in which ``continue=RUN`` brings the overrides of that run before the user's own.

    Raises:
        UserError: if there is no such run, or a part of it is a Python object.
    """
    asked = [item for item in overrides if item.startswith("continue=")]
    if not asked:
        return list(overrides)
    path = find_run(asked[-1].partition("=")[2].strip("'\""))
    if objects := objects_in(plain(RunFolder(path).config)):
        name = next(iter(objects))
        raise UserError(
            f"continue={path}: the {name} of that run is {told_object({'objects': objects}, name)}, which no command "
            f"line can name; train for longer in Python (epochs=...), or start from its weights: init={path}."
        )
    typed = {_key(item) for item in overrides}
    kept = [str(item) for item in RunFolder(path).run.get("overrides", [])]
    kept = [item for item in kept if _key(item) not in typed and _key(item) not in (*PINNED, "init_match")]
    others = [item for item in overrides if item not in asked]
    return [*kept, *others, f"continue={path}"]


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].partition("@")[0]
