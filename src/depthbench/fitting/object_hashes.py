"""Identity of Python objects in a run: a hash of their classes, settings, weights and code."""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

DIGITS = 16
_DEEPEST = 6  # objects within objects; deeper ones count by their class


def object_hash(value: Any) -> str:
    """Sixteen hexadecimal digits, the same for equal objects in another process.

    Of a module: its structure, settings and weights; of a function: its code; of any other object: its class and its
    attributes. Addresses in memory are left out.

    Example:
        >>> import torch
        >>> a, b = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
        >>> object_hash(a) == object_hash(b)
        False
        >>> _ = b.load_state_dict(a.state_dict())
        >>> object_hash(a) == object_hash(b)
        True
    """
    digest = hashlib.sha256()
    for part in _parts(value, 0):
        digest.update(part + b"\0")
    return digest.hexdigest()[:DIGITS]


def object_name(value: Any) -> str:
    """The dotted name of a function, or of an object's class."""
    kind = value if isinstance(value, types.FunctionType | type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _parts(value: Any, depth: int) -> Iterator[bytes]:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        yield repr(value).encode()
    elif isinstance(value, Tensor):
        yield from _array(value.detach().cpu().float().numpy() if value.is_floating_point() else value.cpu().numpy())
    elif isinstance(value, np.ndarray | np.generic):
        yield from _array(np.asarray(value))
    elif isinstance(value, type | types.BuiltinFunctionType):
        yield object_name(value).encode() if isinstance(value, type) else value.__qualname__.encode()
    elif isinstance(value, types.FunctionType):
        yield from _function(value, depth)
    elif depth > _DEEPEST:
        yield object_name(value).encode()
    else:
        yield object_name(value).encode()
        yield from _inside(value, depth + 1)


def _inside(value: Any, depth: int) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _parts(key, depth)
            yield from _parts(one, depth)
    elif isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        for one in ordered:
            yield from _parts(one, depth)
    elif isinstance(value, functools.partial):
        yield from _parts([value.func, list(value.args), value.keywords], depth)
    elif isinstance(value, types.MethodType):
        yield from _parts([value.__func__, value.__self__], depth)
    elif dataclasses.is_dataclass(value):
        yield from _parts({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}, depth)
    else:
        yield from _attributes(value, depth)


def _attributes(value: Any, depth: int) -> Iterator[bytes]:
    """Attributes in the order of their names, without torch's own attributes of a module and without its mode."""
    own = {name: one for name, one in getattr(value, "__dict__", {}).items() if name != "training"}
    if isinstance(value, nn.Module):
        kept = ("_parameters", "_buffers", "_modules")
        own = {name: one for name, one in own.items() if name in kept or not name.startswith("_")}
    for name in sorted(own):
        yield name.encode()
        yield from _parts(own[name], depth)


def _function(value: types.FunctionType, depth: int) -> Iterator[bytes]:
    code = value.__code__
    yield code.co_code
    yield repr([one for one in code.co_consts if not isinstance(one, types.CodeType)]).encode()
    yield repr(code.co_names).encode()
    if depth < _DEEPEST:
        yield from _parts([value.__defaults__, value.__kwdefaults__], depth + 1)
        yield from _parts([cell.cell_contents for cell in value.__closure__ or ()], depth + 1)


def _array(array: np.ndarray[Any, Any]) -> Iterator[bytes]:
    yield f"{array.dtype} {array.shape}".encode()
    yield np.ascontiguousarray(array).tobytes()
