"""What a stopped command left, as a key: from equal keys the same command goes on alike."""

import hashlib
import json
from pathlib import Path
from typing import Any

from depthbench.files import PART
from tests.torture import kinds


def key(root: Path) -> str:
    """A hash of all that is below a folder, but for times, random names and what was printed.

    Of half-written files only that they are there counts: whoever goes on removes them unread.
    """
    found = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        half = file.name.startswith(PART)
        found.update(f"{file.parent.relative_to(root)} {PART if half else file.name}\0".encode())
        if file.is_file() and not half and file.name not in ("log.txt", "log"):
            found.update(f"{_content(file)}\0".encode())
    return found.hexdigest()


def _content(file: Path) -> Any:
    if file.name == "status.json":
        status = json.loads(file.read_text())
        return status.get("state"), status.get("reason")
    return kinds.content(file)
