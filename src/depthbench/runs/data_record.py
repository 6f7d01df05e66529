"""The data of a run: recorded when it begins, compared whenever it is started or requested again."""

from collections.abc import Mapping
from typing import Any

from depthbench.config.aliases import CLASSES
from depthbench.errors import UserError

# Mean color and depth of the same frame differ by less between decoders, and by more between data sets.
TOLERANCE = 0.02
_NAMES = {former.rpartition(".")[2]: name.rpartition(".")[2] for former, name in CLASSES.items()}


def record_difference(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Difference of two manifests of a data module, in words; None where they are the same data.

    Args:
        recorded: of ``data.json``, also of an earlier version.
        found: of the data that are there now.
    """
    for part in ("train", "val", "test"):
        before, now = recorded.get(part), found.get(part)
        if not isinstance(before, Mapping) or not isinstance(now, Mapping) or not before or not now:
            continue
        kinds = [_NAMES.get(str(one.get("data")), one.get("data")) for one in (before, now)]
        if kinds[0] != kinds[1]:
            return f"{part} was {kinds[0]} and is {kinds[1]}"
        if before.get("count") != now.get("count"):
            return f"{part} had {before.get('count')} frames and has {now.get('count')}"
        if before.get("names_sha256") != now.get("names_sha256"):
            return f"{part} has frames of other names"
        if not _alike(before.get("looks"), now.get("looks")):
            return f"{part} has frames of the same names that look different"
    return None


def _alike(before: object, now: object) -> bool:
    """Whether the means of some frames agree; unknown ones do."""
    if not isinstance(before, list) or not isinstance(now, list) or len(before) != len(now):
        return True
    for one, other in zip(before, now, strict=True):
        if not isinstance(one, list) or not isinstance(other, list):
            continue
        if any(abs(a - b) > TOLERANCE * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True)):
            return False
    return True


def check_record(folder: str, recorded: Mapping[str, Any], found: Mapping[str, Any], places: Mapping[str, Any]) -> None:
    """Refuse other data under the name of a run.

    Args:
        folder: of the run.
        recorded: its ``data.json``; nothing is compared where it is empty.
        found: the manifest of the data that are there now.
        places: where they lie, by key.

    Raises:
        UserError: if they differ.
    """
    differs = record_difference(recorded, found)
    if differs is None:
        return
    lie = ", ".join(f"{key}={value}" for key, value in places.items() if key.count(".") == 1) or "the data"
    raise UserError(
        f"{folder} is a run of other data than {lie}: {differs}. Append +data.name=NAME to make it a run of its own, "
        "or give the place of the run's own data."
    )
