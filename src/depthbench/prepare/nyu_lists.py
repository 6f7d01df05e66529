"""Records of prepared pairs: each part of the work writes its own, the last part the lists and the manifest of all."""

import json
from pathlib import Path
from typing import Any

from depthbench.config.amounts import evenly_spaced, taken
from depthbench.data.manifest import names_hash
from depthbench.data.readers.nyu_labeled import INTRINSICS
from depthbench.data.readers.nyu_raw import MANIFEST
from depthbench.files import write_atomically
from depthbench.prepare.nyu_camera import VALID
from depthbench.prepare.nyu_pairs import UNITS, PairForm
from depthbench.runs.folder import RunFolder

SPLITS = ("12k", "24k", "50k", "230k")  # amounts of published experiments, where there are so many frames
PART = "part.json"


def write_part(
    folder: RunFolder, names: list[str], left_out: dict[str, str], split: str | int | None, whole: str = ""
) -> None:
    """Record the pairs of one part, and the skipped ones by reason.

    Args:
        folder: of the part.
        names: of its pairs.
        left_out: reasons by name.
        split: the amount that was asked for.
        whole: hash of the names of all frames, of which the part is a share.
    """
    folder.write_json(PART, {"split": split, "of": whole, "names": names, "left_out": left_out})


def merge(output: Path, form: PairForm, shards: int, split: str | int | None, whole: str = "") -> str:
    """Write the lists and the manifest if all parts are done; returns a sentence about the result.

    A part of another amount, or of other frames, is not done: shares of different wholes would repeat and miss frames.
    """
    parts = [RunFolder(output / "parts" / f"{shard}-of-{shards}").read_json(PART) for shard in range(shards)]
    wanted = split, whole
    missing = [
        str(shard) for shard, part in enumerate(parts) if not part or (part["split"], part.get("of", "")) != wanted
    ]
    if missing:
        return f"The lists are written when the other parts are done; shard={','.join(missing)} of {shards} are not."
    names = [name for part in parts for name in part["names"]]
    left_out = {name: reason for part in parts for name, reason in part["left_out"].items()}
    amounts = [amount for amount in SPLITS if taken(len(names), amount) <= len(names)]
    lists = {"all": names} | {
        amount: [names[index] for index in evenly_spaced(len(names), amount)] for amount in amounts
    }
    for name, members in lists.items():
        write_atomically(output / f"{name}.txt", "".join(_line(member, form) for member in members))
    write_atomically(output / MANIFEST, json.dumps(_manifest(lists, left_out, form), indent=1) + "\n")
    told = ", ".join(f"{name}.txt ({len(members):,})" for name, members in lists.items())
    return f"{output}: {told}; left out: {len(left_out):,} (named in {MANIFEST})."


def _line(name: str, form: PairForm) -> str:
    """A line of BTS's lists: picture, depth, focal length."""
    return f"{form.color_name(name)} {form.depth_name(name)} {INTRINSICS[0]:.4f}\n"


def _manifest(lists: dict[str, list[str]], left_out: dict[str, str], form: PairForm) -> dict[str, Any]:
    top, _, left, _ = VALID if form.crop == "valid" else (0, 0, 0, 0)
    fx, fy, cx, cy = INTRINSICS
    return {
        "form": vars(form),
        "units_per_metre": UNITS,
        "intrinsics": [fx, fy, cx - left, cy - top],
        "scenes": len({name.rpartition("/")[0] for name in lists["all"]}),
        "splits": {
            name: {
                "list": f"{name}.txt",
                "count": len(members),
                "names_sha256": names_hash(form.color_name(member).rpartition(".")[0] for member in members),
            }
            for name, members in lists.items()
        },
        "left_out": left_out,
    }
