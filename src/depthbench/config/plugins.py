"""Packages of the user's own: networks, losses, data sets and YAMLs outside of this repository.

Two doors open them, both on the user's own machine: an entry point ``depthbench.plugins`` of an installed package, and
``plugins=[path or module]`` on a command line, which is ``DEPTHBENCH_PLUGINS`` for the processes of a sweep. No file
opens a plugin: a run folder names classes, and its reader decides whether to open their package.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

from depthbench.config.kinds import is_library, trust, within
from depthbench.errors import UserError

VARIABLE = "DEPTHBENCH_PLUGINS"  # separated by os.pathsep, as in PATH
ENTRY_POINTS = "depthbench.plugins"
_NO_COMPONENTS = ("setup.py", "conftest.py", "noxfile.py")


@dataclass(frozen=True)
class Plugin:
    """A package of the user.

    Attributes:
        name: for sentences and ``run.json``.
        packages: dotted names, of which configurations may name components.
        files: folders and files that hold them.
        conf: its YAMLs, in the groups of ``conf/``; None without any.
        version: of the installed package.
    """

    name: str
    packages: tuple[str, ...]
    files: tuple[Path, ...]
    conf: Path | None = None
    version: str | None = None

    def sources(self) -> Iterator[Path]:
        """Its Python files and YAMLs."""
        for place in (*self.files, *([self.conf] if self.conf else [])):
            found = [place] if place.is_file() else sorted(place.rglob("*"))
            yield from (file for file in found if file.suffix in (".py", ".yaml", ".yml") and file.is_file())

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change with any of its files."""
        total = sha256()
        for content in sorted({(file.name, file.read_bytes()) for file in self.sources()}):
            total.update(f"{content[0]}\0".encode() + content[1])
        return total.hexdigest()[:12]


_opened: dict[str, Plugin] = {}
_read: list[str | None] = []  # the value of VARIABLE that was looked at last


def open_plugins(*names: str | Path) -> None:
    """Let configurations name components of packages of your own, and find the YAMLs of their ``conf``.

    Args:
        *names: a module, a Python file, or a folder: a package, or a folder with one, or one with modules.

    Raises:
        UserError: if there is no such module, file or folder, it can't be read as Python, or it hides something else.
    """
    for name in map(str, names):
        _join(_at(Path(name).expanduser().absolute()) if _is_path(name) else _module(name), str(name))


def open_for_processes(names: Sequence[str]) -> None:
    """Like :func:`open_plugins`, and for every process that this one starts."""
    told = os.environ.get(VARIABLE, "").split(os.pathsep)
    absolute = [str(Path(name).expanduser().absolute()) if _is_path(name) else name for name in names]
    open_plugins(*absolute)
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys(filter(None, [*told, *absolute])))


def opened() -> list[Plugin]:
    """All plugins that the user of this machine has opened.

    Raises:
        UserError: if one that is installed or named in the environment can't be opened.
    """
    asked = os.environ.get(VARIABLE)
    if not _read:
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name):
            told = point.dist.version if point.dist else None
            _join(_module(point.module, told), f"{point.name} (installed)")
    if _read != [asked]:
        open_plugins(*filter(None, (asked or "").split(os.pathsep)))
        _read[:] = [asked]
    return list(_opened.values())


def plugins_of(targets: Sequence[str]) -> list[dict[str, Any]]:
    """Name, version and hash of the files of the plugins that hold some of the classes."""
    found = [plugin for plugin in opened() if any(within(target, plugin.packages) for target in targets)]
    return [{"name": one.name, "version": one.version, "sha256": one.hash} for one in found]


def _is_path(name: str) -> bool:
    return os.sep in name or name.endswith(".py") or name.startswith(("~", ".")) or Path(name).exists()


def _join(plugin: Plugin, asked: str) -> None:
    """Take a plugin in: nothing of it is imported yet."""
    if _opened.get(plugin.name) == plugin:
        return
    for file in plugin.sources():
        _check_python(file, asked)
    for package in plugin.packages:
        trust(package)
    _opened[plugin.name] = plugin


def _check_python(file: Path, asked: str) -> None:
    if file.suffix != ".py":
        return
    try:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise UserError(f"The plugin {asked} can't be read as Python: {file}{place} ({reason}).") from None
    except OSError as error:
        raise UserError(f"The plugin {asked} can't be read: {file} ({error.strerror}).") from None


def _at(path: Path) -> Plugin:
    """The plugin of a file or a folder; its modules can be imported from then on."""
    if not path.exists():
        raise UserError(f"There is no plugin at {path}; give a folder, a Python file or the name of a module.")
    held, search = _held(path)
    if path.suffix == ".py" and path.is_file():
        conf = _conf(path.parent)
    else:
        conf = _conf(path, *(file for file in held if file.is_dir()), search) or (
            _conf(path.parent) if (path / "__init__.py").is_file() else None
        )
    if not held and conf is None:
        raise UserError(f"{path} holds no plugin: no module, no package and no folder conf with YAMLs.")
    for file in held:
        _importable(file, search)
    names = tuple(file.stem for file in held)
    return Plugin(names[0] if len(names) == 1 else path.stem, names, tuple(held), conf)


def _held(path: Path) -> tuple[list[Path], Path]:
    """Packages and modules of a file or folder, and the folder from which they are imported."""
    if path.is_file() or (path / "__init__.py").is_file():
        return [path], path.parent
    for place in (path, path / "src"):
        packages = [file.parent for file in sorted(place.glob("*/__init__.py")) if file.parent.name != "tests"]
        modules = [file for file in sorted(place.glob("*.py")) if file.name not in _NO_COMPONENTS]
        if found := [*packages, *(file for file in modules if not file.name.startswith("test_"))]:
            return found, place
    return [], path


def _conf(*places: Path) -> Path | None:
    """The first folder ``conf`` in some places that has YAMLs in groups; depthbench's own is none of a plugin."""
    found = [place / "conf" for place in places if any((place / "conf").glob("*/*.yaml"))]
    return found[0] if found and not (found[0] / "config.yaml").is_file() else None


def _importable(file: Path, search: Path) -> None:
    """Put a folder last in the search path, so that it hides nothing; refuse a module that something else hides."""
    name = file.stem
    if not name.isidentifier():
        raise UserError(f"{file} can't be imported: {name} is not a module name; rename it with letters and _.")
    if str(search) not in sys.path:
        sys.path.append(str(search))
        importlib.invalidate_caches()
    place = module_place(name)
    if place is None or place.resolve() != file.resolve():
        raise UserError(f"The plugin {file} has the name of another module ({place or 'built in'}); rename it.")


def _module(name: str, told: str | None = None) -> Plugin:
    """The plugin of a module that Python finds."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise UserError(f"plugins=[{name}] is neither a path nor the name of a module.")
    if is_library(name):
        raise UserError(f"{name} is a library of depthbench or of Python; name a package of your own.")
    place = module_place(name)
    if place is None:
        raise UserError(f"There is no module {name}, nor a file or folder of that name here; give the plugin's path.")
    conf = _conf(place, place.parent) if place.is_dir() else _conf(place.parent)
    if told is None:
        try:
            told = version(name.partition(".")[0])
        except (PackageNotFoundError, ValueError):
            told = None
    return Plugin(name, (name,), (place,), conf, told)


def module_place(name: str) -> Path | None:
    """Folder of a package or file of a module, found without importing it."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # something that is no module has this name
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        place = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
        file = place.with_suffix(".py")
        return place if place.is_dir() else file if file.is_file() else None
    return Path(spec.origin) if spec.has_location and spec.origin and not rest else None
