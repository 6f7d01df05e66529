"""What every version of every published protocol is: a hash of the fields of all its rows.

`python tests/protocols/record_published.py` adds versions that are not recorded yet, and never changes one that is.
"""

import hashlib
import json
from pathlib import Path

from depthbench.config.compose import config_dir
from depthbench.config.published import published
from depthbench.protocols import protocol_from
from tests.protocols.record_versions import fields

RECORD = Path(__file__).with_name("published.json")


def content(family: str) -> str:
    members = published(config_dir())[family]
    text = json.dumps({name: fields(protocol_from(settings)) for name, settings in members.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> dict[str, int]:
    return {name: next(iter(rows.values()))["version"] for name, rows in published(config_dir()).items()}


if __name__ == "__main__":
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name, version in versions().items():
        known.setdefault(name, {}).setdefault(str(version), content(name))
    RECORD.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
