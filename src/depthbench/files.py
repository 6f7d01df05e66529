"""Files as a whole: writing them at once, and telling whether an archive is as it was written."""

import os
import zipfile
import zlib
from pathlib import Path

from depthbench.errors import UserError


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole, in UTF-8 whatever the locale; file names that are not text stay as they are."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8", errors="surrogateescape")
    part.replace(path)


def verify_archive(path: Path) -> None:
    """Compare the checksums that a zip keeps of its members: ``torch.save`` writes them, ``torch.load`` never looks.

    Files that are no zip (``.safetensors``, weights before torch 1.6) keep none and are taken as they are.

    Raises:
        UserError: if a member is not what was written, or the archive is cut off.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} is damaged ({error}); take an earlier copy or delete it.") from None
    if damaged:
        raise UserError(f"{path} is damaged: the checksum of {damaged} is wrong; take an earlier copy or delete it.")
