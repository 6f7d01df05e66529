"""Meanings of configuration keys: a key's own comment, else the docstring of the class that takes it.

Keys equal argument names, so an argument is described once, in the docstring of its class. A key of a file that only
changes others (``scale=smoke``) has the meaning that it has where it is defined.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from docs.site_pages.docstrings import arguments_of, first_paragraph, first_sentence
from docs.site_pages.keys import Key, read_keys

TARGET = "_target_"
MAKERS = {"trainer": "pytorch_lightning.Trainer"}
"""Classes of the groups whose YAMLs name none."""


def class_at(name: str) -> type:
    """The class of a ``_target_``."""
    module, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(module), last)
    return found if isinstance(found, type) else type(found)


def package_of(path: Path, text: str) -> str:
    """The place of a file's keys in the configuration: the name of its group, or nothing."""
    if named := re.search(r"^# @package (\S+)", text, re.MULTILINE):
        return "" if named[1] == "_global_" else named[1]
    return "" if path.name == "config.yaml" else path.parent.name


def made_by(values: Any) -> str:
    """The ``_target_`` of a mapping; empty if it has none."""
    name = values.get(TARGET, "") if isinstance(values, Mapping) else ""
    return name if isinstance(name, str) else ""


def documented(values: Any, parts: list[str], maker: str) -> str:
    """The meaning of a nested key by the class that it makes, or by the class around it; empty if neither knows it.

    Args:
        values: what the YAML holds.
        parts: of the name of the key.
        maker: class of the values themselves where they name none.
    """
    taker, argument = maker, parts[0]
    for place, part in enumerate(parts):
        if name := made_by(values):
            taker, argument = name, ".".join(parts[place:])
        values = values[int(part)] if isinstance(values, list) else values[part]
    if name := made_by(values):
        return first_paragraph(class_at(name).__doc__ or "")
    if taker and (words := arguments_of(class_at(taker)).get(argument)):
        return first_sentence(words)
    inner = [name for value in values.values() if (name := made_by(value))] if isinstance(values, Mapping) else []
    return first_paragraph(class_at(inner[0]).__doc__ or "") if inner else ""


def described(path: Path) -> list[Key]:
    """The keys of a YAML, each with its comment or the docstring's words.

    A key that makes a class has the class as its value; ``_target_`` and its sisters have no entry of their own.
    """
    text = path.read_text()
    values = yaml.safe_load(text) or {}
    maker = MAKERS.get(path.parent.name, "")
    found: list[Key] = []
    for key in read_keys(text)[1]:
        *above, last = key.name.split(".")
        if last == TARGET and above:
            found[-1] = found[-1]._replace(value=key.value)
        elif not last.startswith("_"):
            meaning = key.comment or documented(values, [*above, last], maker)
            found.append(key._replace(comment=meaning))
    return found


def full_name(package: str, key: Key) -> str:
    """A key as a command line spells it."""
    return f"{package}.{key.name}".strip(".")


def described_files(paths: Iterable[Path]) -> dict[Path, list[Key]]:
    """The keys of each file; a key without a meaning in its own file has the first that another file gives."""
    files = {path: (package_of(path, path.read_text()), described(path)) for path in paths}
    known: dict[str, str] = {}
    for package, keys in files.values():
        for key in keys:
            if key.comment:
                known.setdefault(full_name(package, key), key.comment)
    return {
        path: [key._replace(comment=key.comment or known.get(full_name(package, key), "")) for key in keys]
        for path, (package, keys) in files.items()
    }
