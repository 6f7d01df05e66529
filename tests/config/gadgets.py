"""Tries everything importable as a ``_target_`` and reports what had an effect beyond memory.

``python gadgets.py FOLDER SHARE PACKAGE ...`` prints one JSON object: how many names were tried, which of them are
allowed, how many calls were made, and each effect that Python's audit hooks saw while one was tried. SHARE (0 to 1)
of the names behind names (methods, functions of other modules) are drawn at random; all others are tried. The package
``rigged`` is one with three components that do have effects, to see that they are seen; ``plugin`` is one of a user,
opened by its path, whose modules hold everything that a configuration must not reach through it.

Run in a process of its own: an audit hook can't be removed.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import pickle
import pkgutil
import random
import subprocess
import sys
import types
import warnings
from pathlib import Path

import torch

from depthbench.config import kinds
from depthbench.config.targets import instantiate
from depthbench.errors import UserError

# What no constructor of a component does; reading a file is none of it.
EFFECTS = (
    "ctypes.dlopen",
    "os.chmod",
    "os.chown",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.utime",
    "pickle.find_class",
    "pty.spawn",
    "shutil.",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "tempfile.",
    "urllib.Request",
    "webbrowser.open",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

seen: list[tuple[str, str]] = []
trying = ""


def watch(event, arguments):
    if not trying:
        return
    wrote = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    ignored = wrote and str(arguments[0]) == "/dev/null"
    if (wrote and not ignored) or event.startswith(EFFECTS):
        seen.append((trying, f"{event} {str(arguments)[:200]}"))


def modules(packages):
    """Every module below the packages that this environment can import."""
    for package in packages:
        top = importlib.import_module(package)
        yield top
        for one in pkgutil.walk_packages(getattr(top, "__path__", []), f"{package}.", onerror=lambda name: None):
            if one.name.rpartition(".")[2].startswith("_"):
                continue
            with contextlib.suppress(BaseException):
                yield importlib.import_module(one.name)


def names(module, share, rng):
    """Names that a dotted path can reach through a module: its own, and theirs (methods, other modules' functions)."""
    for name, found in list(vars(module).items()):
        yield f"{module.__name__}.{name}"
        if inspect.isclass(found) or inspect.ismodule(found):
            for inner in dir(found):
                special = inner.startswith("__") and inner not in (
                    "__init__",
                    "__subclasses__",
                    "__reduce__",
                    "__class__",
                )
                if not special and rng.random() < share:
                    yield f"{module.__name__}.{name}.{inner}"


def arguments(found, evil):
    """Calls that would have an effect if the constructor had one: a pickle, a command, a place to write."""
    yield {}
    try:
        named = [
            name
            for name, one in inspect.signature(found).parameters.items()
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        named = []
    unsafe = {key: False for key in ("weights_only", "safe") if key in named}
    for value in (str(evil), ["touch", f"{evil}.ran"], f"touch {evil}.ran", 1, True, {"path": str(evil)}):
        yield dict.fromkeys(named, value) | unsafe
        for name in named:
            yield {name: value} | unsafe


class Payload:
    """An object whose unpickling would run code."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def attempt(target, node, kind):
    global trying
    trying = target
    before = len(seen)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            instantiate(node, kind)
    except UserError as error:
        return "is not allowed" not in str(error) and "does not exist" not in str(error)
    except Exception:  # a constructor that refuses what it was given
        pass
    finally:
        trying = ""
        del seen[before + 1 :]
    return True


def rigged():
    """A package of the user that holds what must be found: components that unpickle, write, or start a process."""
    module = types.ModuleType("rigged")

    class Unpickles(torch.nn.Module):
        def __init__(self, path=None):
            super().__init__()
            pickle.loads(Path(path).read_bytes())

    class Writes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            Path("written").write_text("")

    class Starts(torch.nn.Module):
        def __init__(self, command=("true",)):
            super().__init__()
            subprocess.run(command, check=False)

    for one in (Unpickles, Writes, Starts):
        one.__module__ = "rigged"
        setattr(module, one.__name__, one)
    sys.modules["rigged"] = module
    kinds.trust("rigged")


PLUGIN = """
import os, pickle, shutil, subprocess, sys, importlib
import torch
from os import system, remove
from pathlib import Path
from subprocess import Popen, run
from depthbench.losses import L1
from depthbench.data.augment import Transform

class Mine(L1):
    @classmethod
    def make(cls, path=None):
        Path(path or "made").write_text("")
    @staticmethod
    def load(path=None):
        return pickle.loads(Path(path).read_bytes())
    class Inner(L1):
        pass

class Shift(Transform):
    def __call__(self, frame, rng):
        return frame

class Command:
    def __init__(self, command=("true",)):
        subprocess.run(command)

def start(command="true"):
    subprocess.run(command)

mine = Mine()
"""


def plugin():
    """A user's package, opened as on a command line."""
    import tempfile

    from depthbench.config.plugins import open_plugins

    place = Path(tempfile.mkdtemp()) / "plugin.py"
    place.write_text(PLUGIN)
    open_plugins(place)


def main(folder, share, packages):
    warnings.simplefilter("ignore")
    os.chdir(folder)
    evil = Path(folder) / "evil.pkl"
    evil.write_bytes(pickle.dumps(Payload()))
    if "rigged" in packages:
        rigged()
    if "plugin" in packages:
        plugin()
    tried, allowed = set(), set()
    rng = random.Random(0)
    found = [name for module in dict.fromkeys(modules(packages)) for name in names(module, share, rng)]
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    sys.addaudithook(watch)
    for target in dict.fromkeys(found):
        tried.add(target)
        if any(attempt(target, {"_target_": target, "_partial_": True}, kind) for kind in (None, kinds.TASKS)):
            allowed.add(target)
    calls, made = 0, set()
    for target in sorted(allowed):
        kind = kinds.TASKS
        constructor = kinds.find(target, (*kinds.COMPONENTS, kind))
        if constructor in made:
            continue
        made.add(constructor)
        for given in arguments(constructor, evil):
            calls += 1
            attempt(target, {"_target_": target, **given}, kind)
    print(json.dumps({"tried": len(tried), "allowed": sorted(allowed), "calls": calls, "effects": seen}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
