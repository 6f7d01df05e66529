"""The parts of a run that are Python objects, which no configuration can make again."""

from collections.abc import Mapping
from typing import Any

AGAIN = "depthbench.fit goes on with the same objects"


def objects_in(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Class and hash of each part that was given as an object, by dotted key: ``model``, ``loss``, ``data.train``."""
    found = config.get("objects")
    return found if isinstance(found, Mapping) else {}


def told_object(config: Mapping[str, Any], name: str) -> str:
    """A part that is an object, in words."""
    return f"a Python object ({objects_in(config)[name].get('class', 'of unknown class')})"
