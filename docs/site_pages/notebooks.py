"""Notebooks as pages: their text, their code, and the outputs that are stored in them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
COLORS = re.compile(r"\x1b\[[0-9;]*m")
NOTE = "*This page is a notebook, `docs/notebooks/{name}`. Its outputs are of the built-in rooms.*"


def joined(lines: str | list[str]) -> str:
    """Text of a notebook, which is stored whole or as lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def outputs(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The outputs of a cell as Markdown; what was printed piece by piece is one block."""
    printed = [one.get("name") == "stdout" for one in found]
    whole = {"name": "stdout", "text": "".join(joined(one["text"]) for one in found if one.get("name") == "stdout")}
    others = [one for one, text in zip(found, printed, strict=True) if not text]
    return [text for text in map(output, [whole, *others]) if text]


def output(found: Mapping[str, Any]) -> str:
    """An output as Markdown: a picture, or text; nothing of standard error."""
    data = found.get("data", {})
    if "image/png" in data:
        return (
            f'<img alt="The output of the cell above" src="data:image/png;base64,{joined(data["image/png"]).strip()}">'
        )
    if found.get("name") == "stderr":
        return ""
    text = COLORS.sub("", joined(found.get("text", data.get("text/plain", "")))).strip("\n")
    return f"```text\n{text}\n```" if text else ""


def markdown(path: Path) -> str:
    """The page of a notebook."""
    parts: list[str] = []
    for cell in json.loads(path.read_text())["cells"]:
        source = joined(cell["source"])
        if cell["cell_type"] == "code":
            parts += [f"```python\n{source}\n```", *outputs(cell["outputs"])]
        else:
            parts.append(source)
    head, *rest = [part for part in parts if part]
    title, _, intro = head.partition("\n")
    return "\n\n".join([title, NOTE.format(name=path.name), intro.strip(), *rest]) + "\n"
