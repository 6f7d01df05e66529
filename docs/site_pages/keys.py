"""The keys of a YAML with their values and comments, in the order and words of the file."""

import re
from typing import NamedTuple

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
