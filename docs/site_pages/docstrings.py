"""Parts of docstrings as Markdown: the first sentence, the arguments, references as code."""

import inspect
import re
from functools import cache

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|obj|exc):`(~?)([^`]+)`")
SECTION = re.compile(r"^(?:Args|Arguments|Attributes|Parameters):$")
ENTRY = re.compile(r"^\*{0,2}(?P<name>\w+)(?: ?\([^)]*\))?:(?: (?P<text>.*))?$")


def plain(text: str) -> str:
    """Text with each reference of Sphinx as code, and the section of examples under the title that is known."""
    text = re.sub(r"^(\s*)Example:$", r"\1Examples:", text, flags=re.MULTILINE)
    return ROLE.sub(lambda match: f"`{match[2].rpartition('.')[2] if match[1] else match[2]}`", text)


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(plain(inspect.cleandoc(text)).split("\n\n")[0].split())


def first_sentence(text: str) -> str:
    """A text up to the first period that a capital letter follows."""
    return re.split(r"(?<=[^.]\.) +(?=[A-Z])", " ".join(plain(text).split()), maxsplit=1)[0]


def arguments_in(text: str) -> dict[str, str]:
    """The entries of the sections ``Args`` and ``Attributes`` of a Google docstring, each on one line."""
    found: dict[str, list[str]] = {}
    inside, margin, words = False, 0, list[str]()
    for line in inspect.cleandoc(text).splitlines():
        column = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if column == 0:
            inside, margin = bool(SECTION.match(line)), 0
        elif inside:
            margin = margin or column
            entry = ENTRY.match(line.strip()) if column == margin else None
            if entry:
                words = found.setdefault(entry["name"], [])
            words.append(entry["text"] or "" if entry else line.strip())
    return {name: plain(" ".join(" ".join(lines).split())) for name, lines in found.items()}


@cache
def arguments_of(made: type) -> dict[str, str]:
    """The arguments of a class with their meaning, inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed(made.__mro__[:-1]):
        for text in (vars(base).get("__doc__"), getattr(vars(base).get("__init__"), "__doc__", None)):
            found |= arguments_in(text or "")
    return found
