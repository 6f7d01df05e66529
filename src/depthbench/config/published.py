"""Published protocols: one file for a publication holds a protocol for each set and kind of prediction.

``conf/published/NAME.yaml`` holds ``name``, ``version``, ``source``, the ``rules`` that its sets share, ``alignments``
by row, and ``sets`` with their differences. A row of a set is the option ``protocol=NAME_SET_ROW`` (``NAME_SET`` for a
single row); fields that no file gives are as in ``protocol=full``. They are locked: other values need another name.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from depthbench.errors import UserError

KEYS = {"name", "version", "source", "rules", "alignments", "sets"}

Settings = dict[str, Any]


@lru_cache(maxsize=2)
def published(conf: Path) -> dict[str, dict[str, Settings]]:
    """Fields of every published protocol, by the name of the file and by its own.

    Args:
        conf: the folder of all groups.

    Raises:
        UserError: if a file lacks a key or has another.
    """
    usual = _read(conf / "protocol" / "full.yaml")
    files = sorted((conf / "published").glob("*.yaml"))
    return {file.stem: expanded(_read(file), usual, file) for file in files}


def _read(file: Path) -> Settings:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: Settings = yaml.load(file.read_text(encoding="utf-8"), loader)
    return content


def expanded(content: Mapping[str, Any], usual: Mapping[str, Any], file: Path) -> dict[str, Settings]:
    """One file's protocols, by name.

    Raises:
        UserError: if it lacks a key or has another.
    """
    if set(content) != KEYS or content["name"] != file.stem:
        raise UserError(f"{file} must hold {', '.join(sorted(KEYS))}, and its own name.")
    found = {}
    for place, fields in content["sets"].items():
        own = dict(fields)
        rows = own.pop("alignments", content["alignments"])
        for row, alignment in rows.items():
            name = "_".join([file.stem, place, *([row] if len(rows) > 1 else [])])
            heading = {"name": name, "version": content["version"], "source": content["source"]}
            found[name] = {**usual, **content["rules"], **own, "alignment": alignment, **heading}
    return found


def member_names(conf: Path, name: str) -> list[str]:
    """Protocols of a file, or of one of its sets (``moge``, ``moge_nyu``); none if there is no such name."""
    found = published(conf)
    if name in found:
        return list(found[name])
    return [one for members in found.values() for one in members if one.startswith(f"{name}_")]


@lru_cache(maxsize=2)
def _rows(conf: Path) -> dict[str, str]:
    """Publication and row of every published protocol by its name."""
    found = {}
    for file in sorted((conf / "published").glob("*.yaml")):
        content = _read(file)
        for place, fields in content["sets"].items():
            rows = fields.get("alignments", content["alignments"])
            for row in rows:
                name = "_".join([file.stem, place, *([row] if len(rows) > 1 else [])])
                found[name] = f"{file.stem} {row}"
    return found


def row_of_member(conf: Path, name: str) -> str:
    """A published protocol by publication and row, without its data set; any other by its own name.

    Example:
        >>> from depthbench.config.compose import config_dir
        >>> from depthbench.config.published import row_of_member
        >>> row_of_member(config_dir(), "moge_nyu_scale"), row_of_member(config_dir(), "eigen")
        ('moge scale', 'eigen')
    """
    return _rows(conf).get(name, name)


@lru_cache(maxsize=2)
def every_member(conf: Path) -> dict[str, Settings]:
    """All published protocols by name."""
    return {name: fields for members in published(conf).values() for name, fields in members.items()}


def check_locked(conf: Path, settings: Mapping[str, Any]) -> None:
    """Refuse other values under the name and version of a published protocol.

    Raises:
        UserError: naming the fields.
    """
    known = every_member(conf).get(str(settings.get("name")))
    if known is None or settings.get("version") != known["version"]:
        return
    changed = [key for key, value in settings.items() if key != "_target_" and value != known.get(key)]
    if changed:
        raise UserError(
            f"protocol={known['name']} is published, so {', '.join(changed)} can't be changed under its name; "
            "append protocol.name=... with one of your own."
        )


def register_published(conf: Path, overrides: Sequence[str]) -> None:
    """Make the chosen ones options of the group ``protocol``; all of them would take a quarter second."""
    chosen = [item.partition("=") for item in overrides]
    names = {name for key, _, values in chosen if "protocol" in key for name in values.split(",")}
    for name in names & every_member(conf).keys():
        ConfigStore.instance().store(name, OmegaConf.create(every_member(conf)[name]), "protocol", provider="published")
