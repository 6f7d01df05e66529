"""Writing files as a whole."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole, in UTF-8 whatever the locale; file names that are not text stay as they are."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8", errors="surrogateescape")
    part.replace(path)
