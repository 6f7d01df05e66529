"""The frames of a data set or of a part of it: their number and a hash of their names, the same everywhere."""

import hashlib
from collections.abc import Iterable
from typing import Any

from depthbench.errors import UserError


def names_hash(names: Iterable[str]) -> str:
    """SHA-256 of the names in their order, one per line."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def describe(frames: Any) -> dict[str, Any]:
    """Record of a data set: class, number of frames, its edition, hash of its ``names`` if known, and :func:`looks`."""
    whole = getattr(frames, "dataset", frames) if hasattr(frames, "indices") else frames
    record: dict[str, Any] = {"data": type(whole).__name__, "count": len(frames)}
    if edition := getattr(whole, "edition", None):
        record["edition"] = edition
    if hasattr(frames, "names"):
        record["names_sha256"] = names_hash(frames.names)
    if not hasattr(whole, "key"):  # rendered frames follow from their arguments
        record["looks"] = looks(frames)
    return record


def looks(frames: Any) -> list[list[float] | None]:
    """Mean color and mean known depth (metres) of the first, middle and last frame; None for a damaged one.

    Two folders may hold frames of the same names: these numbers tell them apart, and survive another decoder.
    """
    found: list[list[float] | None] = []
    for index in dict.fromkeys((0, len(frames) // 2, len(frames) - 1)) if len(frames) else ():
        try:
            frame = frames[index]
        except (UserError, OSError):
            found.append(None)
            continue
        known = frame.depth[frame.depth > 0]
        depth = float(known.double().mean()) if known.numel() else 0.0
        found.append([round(float(frame.image.double().mean()), 4), round(depth, 3)])
    return found
