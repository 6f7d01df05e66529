"""Names of run folders: the overrides, in letters without a meaning for shells and file systems."""

import re
import unicodedata
from collections.abc import Sequence

LONGEST = 120  # bytes, without the hash; file systems take 255
BETWEEN = "__"  # overrides; inside of one there is at most one underscore in a row


def folder_name(overrides: Sequence[str], digest: str) -> str:
    """The name of a run's folder: ``loss-l1__data.split-795-1a2b3c4d``.

    It consists of ``A-Z a-z 0-9 . _ -``, begins with a letter or a digit, and ends with ``-`` and the hash, by which
    the folder is found. ``run.json`` has the overrides in full.

    Args:
        overrides: as given on the command line, ``key=value``.
        digest: eight hexadecimal digits, or more where two configurations share these.
    """
    words = [word for word in map(_word, overrides) if word]
    return f"{BETWEEN.join(words)[:LONGEST].rstrip('-_.') or 'default'}-{digest}"


def _word(override: str) -> str:
    key, equals, value = override.lstrip("+").partition("=")
    value = value.strip("'\" ")
    if re.match(r"[/~]|[A-Za-z]:\\", value):  # of a path the end tells most
        value = re.split(r"[/\\]", value.rstrip("/\\"))[-1] or "root"
    if key.startswith("~"):
        key = f"no-{key.lstrip('~')}"
    return _plain(f"{key}-{value}" if equals else key)


def _plain(text: str) -> str:
    """ASCII, with one ``-`` for whatever is between letters."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_text)
    for mark in "-_.":
        kept = re.sub(re.escape(mark) + "{2,}", mark, kept)
    return kept.strip("-_.")


def labels(names: Sequence[str]) -> list[str]:
    """Short labels of run folders: the overrides that not all of them share, and the hash if needed.

    Folders of earlier versions have ``loss=l1,data.split=795-1a2b3c4d``, with commas between their overrides.
    """
    bare = [re.sub(r"-([0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{64})$", "", name) for name in names]
    found = _differing(bare)
    return found if len(set(found)) == len(names) else _differing(names)


def _differing(names: Sequence[str]) -> list[str]:
    split = [re.split(rf",|{BETWEEN}", name) for name in names]
    common = set.intersection(*map(set, split)) if split else set()
    found = []
    for name, pieces in zip(names, split, strict=True):
        mark = "," if "," in name else BETWEEN
        found.append(mark.join(piece for piece in pieces if piece not in common) or name)
    return found
