"""A function of the user's from RGB to a map."""

import importlib
import inspect
import site
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.config.plugins import module_place, open_plugins
from depthbench.errors import UserError, reason_of
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.images import Picture
from depthbench.inference.foreign.opened import agreed_kind
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.results.records import files_hash


class FunctionModel:
    """``predict(rgb)`` or ``predict(rgb, intrinsics)``: RGB ``(H, W, 3)`` float32 in [0, 1] to a map ``(H, W)``.

    ``intrinsics`` are ``(3, 3)`` in pixels of the picture, or None. Points are ``(H, W, 3)``. The function's attribute
    ``kind`` names its kind of output; its attribute ``version`` changes with the weights, for the cache.

    Args:
        source: module or file, and function.
        options: of which ``kind`` matters.

    Raises:
        UserError: if there is no such function, or its kind of output is not known.
    """

    def __init__(self, source: ModelSource, options: ModelOptions) -> None:
        self.name = source.text
        place, _, attribute = source.place.rpartition(":")
        self._module = _imported(place, source.text)
        self._function = _function(self._module, attribute, source.text)
        said = getattr(self._function, "kind", None)
        declared: OutputKind | None = None if said is None else output_kind(str(said))
        self.kind = agreed_kind(source, declared, options.kind)
        version = getattr(self._function, "version", None)
        self.identity = files_hash(sorted(set(_sources(self._module))), "function", attribute, version)
        self.takes_camera = "intrinsics" in _parameters(self._function)
        self.notes: list[str] = []
        told = "has no version, so the cache sees changes of its code only, not of weights that it reads"
        self.unseen = "" if version is not None else f"{self.name} {told}."

    def __call__(self, picture: Picture, intrinsics: NDArray[np.float64] | None) -> Any:
        """The result of the function.

        Raises:
            UserError: if the function fails.
        """
        rgb = picture.astype(np.float32) / np.float32(255)
        try:
            return self._function(rgb, intrinsics=intrinsics) if self.takes_camera else self._function(rgb)
        except Exception as error:  # it is the user's
            frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename != __file__]
            where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
            raise UserError(f"{self.name} fails{where}: {type(error).__name__}: {reason_of(error, '')}.") from error


def _imported(place: str, text: str) -> ModuleType:
    """The module of a name or file, also one in the current folder."""
    name = place
    if place.endswith(".py"):
        open_plugins(Path(place).expanduser())
        name = Path(place).stem
    elif not all(part.isidentifier() for part in place.split(".")):
        raise UserError(f"model={text}: {place} is neither a module nor a file .py.")
    elif module_place(place) is None and place.partition(".")[0] not in sys.builtin_module_names:
        top = Path.cwd() / place.partition(".")[0]
        here = next((path for path in (top, top.with_suffix(".py")) if path.exists()), None)
        if here is None:
            raise UserError(f"model={text}: there is no module {place}, neither installed nor in this folder.")
        open_plugins(here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever the user's module does
        raise UserError(
            f"model={text}: {name} can't be imported: {type(error).__name__}: {reason_of(error, '')}."
        ) from error


def _function(module: ModuleType, attribute: str, text: str) -> Callable[..., Any]:
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        offered = [name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"]
        told = f"; it has {', '.join(offered)}" if offered else ""
        raise UserError(f"model={text}: {module.__name__} has no {attribute}{told}.")
    if not callable(found):
        raise UserError(f"model={text}: {attribute} is {type(found).__name__}, which can't be called.")
    return found  # type: ignore[no-any-return]


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # built in
        return []


def _sources(module: ModuleType) -> Iterator[Path]:
    """Files of a module and of all modules of the user's that it uses by name."""
    waiting, seen = [module], set[str]()
    while waiting:
        one = waiting.pop()
        file = _own_file(one)
        if file is None or one.__name__ in seen:
            continue
        seen.add(one.__name__)
        yield file
        for value in list(vars(one).values()):
            used = value if isinstance(value, ModuleType) else sys.modules.get(str(getattr(value, "__module__", None)))
            if used is not None:
                waiting.append(used)


def _own_file(module: ModuleType) -> Path | None:
    """Path of a module outside of installed libraries."""
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file() or module.__name__.partition(".")[0] == "depthbench":
        return None
    path = Path(file).resolve()
    installed = [*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()]
    return None if any(path.is_relative_to(Path(folder).resolve()) for folder in installed) else path
