"""List every sentence that a user can meet: ``python docs/list_messages.py [--words] [FILE...]``.

Texts of raised errors, of ``print``, warnings and help of commands, comments of the YAMLs, docstrings and the prose of
``docs``. With ``--words``, only texts that hold a construction which the house avoids (:data:`AVOIDED`).
"""

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = {"print": "printed", "warn": "warning", "warning": "warning", "say": "printed", "note": "printed"}
HELP = ("help", "description", "epilog", "usage")

AVOIDED = {
    "a sentence that begins with What": re.compile(r"(?:^|[.:!?] |[\"'`(])What (?!is wrong)[a-z' ]+[^?]*$"),
    "those/that which": re.compile(r"\b[Tt]hose (?:that|who|which|of)\b|\bthat which\b"),
    "told, tells": re.compile(r"\btold\b|\btells (?!apart)"),
    "becomes": re.compile(r"\bbecomes?\b"),
    "whoever": re.compile(r"\b[Ww]hoever\b|(?:^|[.:!?] )Who (?!is )[a-z]"),
    "one would": re.compile(r"\bone would\b"),
    "is no": re.compile(r"(?<![Tt]here )(?<!Nothing )\b(?:is|are) no (?!longer|more|such|need)[a-z]"),
    "anew": re.compile(r"\banew\b"),
}


class Message(NamedTuple):
    """A text with its place and kind."""

    place: str
    kind: str
    text: str


def words_of(node: ast.AST) -> str:
    """The text of a string expression, with ``{...}`` for each value; empty where there is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(part) if isinstance(part, ast.Constant) else "{...}" for part in node.values)
    if isinstance(node, ast.BinOp):
        return words_of(node.left) + words_of(node.right)
    if isinstance(node, ast.IfExp):
        return f"{words_of(node.body)} | {words_of(node.orelse)}".strip(" |")
    return ""


def called(node: ast.Call) -> str:
    """The last part of the name of a called function."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def of_python(path: Path) -> Iterator[Message]:
    """Messages and docstrings of a module."""
    place = path.relative_to(ROOT)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node) or ""
            line = 1 if isinstance(node, ast.Module) else node.lineno
            for paragraph in text.split("\n\n"):
                if paragraph.strip() and ">>>" not in paragraph:
                    yield Message(f"{place}:{line}", "docstring", " ".join(paragraph.split()))
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        kind = "error" if name.endswith("Error") else FUNCTIONS.get(name, "")
        if kind:
            for argument in node.args:
                if len(text := words_of(argument)) > 3 and " " in text:
                    yield Message(f"{place}:{argument.lineno}", kind, " ".join(text.split()))
        for keyword in node.keywords:
            if keyword.arg in HELP and (text := words_of(keyword.value)):
                yield Message(f"{place}:{keyword.value.lineno}", "help", " ".join(text.split()))


def of_yaml(path: Path) -> Iterator[Message]:
    """Comments of a YAML."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := re.search(r"(?:^|\s)#\s*(.+)$", line):
            yield Message(f"{path.relative_to(ROOT)}:{number}", "YAML comment", match[1])


def of_markdown(path: Path) -> Iterator[Message]:
    """Paragraphs, entries and rows of a page, without blocks of code."""
    fenced, start, words = False, 1, []
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        edge = line.lstrip().startswith(("```", "~~~"))
        fenced ^= edge
        new = not line.strip() or line.lstrip().startswith(("- ", "|", "#")) or edge
        if words and (new or fenced):
            yield Message(f"{path.relative_to(ROOT)}:{start}", "page", " ".join(words))
            words = []
        if line.strip() and not fenced and not edge:
            start = start if words else number
            words.append(line.strip())


def messages() -> list[Message]:
    """All of them, in the order of files."""
    found: list[Message] = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        found += of_python(path)
    for path in sorted((ROOT / "conf").rglob("*.yaml")):
        found += of_yaml(path)
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        found += of_markdown(path)
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", help="only places that begin so: src/depthbench/data")
    parser.add_argument("--words", action="store_true", help="only texts with a construction that the house avoids")
    parser.add_argument("--kinds", nargs="+", help="only these: error, printed, warning, help, docstring ...")
    asked = parser.parse_args()
    kinds: Counter[str] = Counter()
    avoided: Counter[str] = Counter()
    for message in messages():
        if asked.files and not message.place.startswith(tuple(asked.files)):
            continue
        if asked.kinds and message.kind not in asked.kinds:
            continue
        hits = [name for name, pattern in AVOIDED.items() if pattern.search(message.text)]
        kinds[message.kind] += 1
        avoided.update(f"{message.kind}: {name}" for name in hits)
        if hits or not asked.words:
            print(f"{message.place}: {message.kind}: {message.text}")
    print(f"\n{sum(kinds.values())} texts:", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    print("\n".join(f"{count:5d} {name}" for name, count in sorted(avoided.items())))


if __name__ == "__main__":
    main()
