"""Which frames a data set or a part of it holds: their number and a hash of their names, the same everywhere."""

import hashlib
from collections.abc import Iterable
from typing import Any


def names_hash(names: Iterable[str]) -> str:
    """SHA-256 of the names in their order, one per line."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def describe(frames: Any) -> dict[str, str | int]:
    """Kind, number, and where the data set has ``names`` their hash: what a run keeps as its record."""
    whole = getattr(frames, "dataset", frames) if hasattr(frames, "indices") else frames
    record: dict[str, str | int] = {"data": type(whole).__name__, "count": len(frames)}
    if hasattr(frames, "names"):
        record["names_sha256"] = names_hash(frames.names)
    return record
