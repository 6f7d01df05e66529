"""Pages of configuration keys: every YAML of ``conf/`` with its values and comments."""

import re
from pathlib import Path
from typing import NamedTuple

LEFT_OUT = ("experiment", "published", "cells", "local", "hydra")
KEY = re.compile(r"^(?P<key>[\w@/]+):(?P<rest>( .*)?)$")


class Key(NamedTuple):
    """A line of a YAML: its full key, its value as it is written, its comment."""

    name: str
    value: str
    comment: str


def split_comment(text: str) -> tuple[str, str]:
    """Value and comment of the end of a line; a ``#`` within quotes belongs to the value."""
    quote = ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (place == 0 or text[place - 1] in " \t"):
            return text[:place].strip(), text[place + 1 :].strip()
    return text.strip(), ""


def read_keys(text: str) -> tuple[str, list[Key]]:
    """The description at the top of a YAML, and its keys in order, nested ones by their full name.

    Entries of a list are named by their number, as on a command line: ``steps.0.p``. Comments on lines of their own
    belong to the key below them. ``defaults`` are left out.
    """
    head: list[str] = []
    above: list[str] = []
    keys: list[Key] = []
    parents: list[tuple[int, str]] = []  # of the line: the column of each name
    entries: dict[str, int] = {}

    def add(column: int, name: str, rest: str) -> None:
        value, comment = split_comment(rest)
        parents[:] = [*(parent for parent in parents if parent[0] < column), (column, name)]
        full = ".".join(name for _, name in parents)
        if parents[0][1] != "defaults":
            keys.append(Key(full, value, " ".join([*above, comment]).strip()))
        above.clear()

    for line in text.splitlines():
        words = line.lstrip()
        column = len(line) - len(words)
        if words.startswith("#"):
            comment = words[1:].strip()
            if not comment.startswith("@package"):
                (above if parents else head).append(comment)
            continue
        if words.startswith("- "):
            # An entry lies within the key above it, also where both begin in the same column.
            parents[:] = [parent for parent in parents if parent[0] < column or not parent[1].isdecimal()]
            parents[:] = [parent for parent in parents if parent[0] <= column]
            within = ".".join(name for _, name in parents)
            entries[within] = entries.get(within, -1) + 1
            words = words[2:]
            add(column + 1, str(entries[within]), "" if KEY.match(words) else words)
            column += 2
        if match := KEY.match(words):
            add(column, match["key"], match["rest"])
        elif not words:
            above.clear()
    return " ".join(head), keys


def table(keys: list[Key]) -> str:
    """A Markdown table of keys; empty where there is none."""
    if not keys:
        return ""
    rows = [f"| `{key.name}` | {code(key.value)} | {cell(key.comment)} |" for key in keys]
    return "\n".join(["| Key | Value | Meaning |", "|---|---|---|", *rows]) + "\n"


def code(value: str) -> str:
    """A value as code."""
    return f"`{value}`".replace("|", "\\|") if value else ""


def cell(text: str) -> str:
    """Text of a cell: no bar, no tag."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def option(name: str, text: str, level: str = "##") -> str:
    """The part of a page about one YAML."""
    head, keys = read_keys(text)
    return "\n\n".join(part for part in (f"{level} {name}", cell(head), table(keys)) if part)


def key_pages(conf: Path) -> dict[str, str]:
    """Pages by their names: one for ``config.yaml``, one for each group."""
    _, keys = read_keys((conf / "config.yaml").read_text())
    kept = [key for key in keys if key.name.split(".")[0] != "hydra"]
    groups = sorted(folder for folder in conf.iterdir() if folder.is_dir() and folder.name not in LEFT_OUT)
    links = "\n".join(f"- [{group.name}](keys/{group.name}.md)" for group in groups)
    pages = {
        "reference/keys.md": "# Configuration keys\n\n"
        "A key is changed on the command line: `depthbench run seed=1 data.size=[120,160]`. A group is chosen by the "
        "name of an option: `loss=berhu`. Keys of a group begin with the name of the group: `loss.c=0.1`.\n\n"
        f"## Keys of every run\n\n{table(kept)}\n## Groups\n\n{links}\n"
    }
    for group in groups:
        files = sorted(group.rglob("*.yaml"))
        options = [option(str(path.relative_to(group).with_suffix("")), path.read_text()) for path in files]
        title = (
            f"# {group.name}=\n\n{len(options)} option{'s' if len(options) != 1 else ''} of the group `{group.name}`."
        )
        pages[f"reference/keys/{group.name}.md"] = "\n\n".join([title, *options]) + "\n"
    return pages
