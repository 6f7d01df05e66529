"""Training, validation and test parts of a user's own data: folders, lists or fractions."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from depthbench.data.readers.layouts import Pair
from depthbench.errors import UserError

PartName = Literal["train", "val", "test"]
FOLDERS: dict[PartName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
PairSource = Callable[[], list[Pair]]


@dataclass(frozen=True)
class Fractions:
    """Frames held out of the others.

    Attributes:
        val: the share for validation, of the frames that the test leaves; None for none.
        test: the share for the test, 1 for all; None for none.
        by: ``folder`` keeps the frames of a folder together, as neighbors in a video are alike; ``frame`` draws frames.
        seed: of the draw, for frames and folders alike.

    Raises:
        UserError: if a share is none.
    """

    val: float | None = None
    test: float | None = None
    by: Literal["folder", "frame"] = "folder"
    seed: int = 0

    def __post_init__(self) -> None:
        for key, share, most in (("val", self.val, False), ("test", self.test, True)):
            if share is not None and not (0 < share < 1 or (most and share == 1)):
                raise UserError(f"data.{key}_fraction={share} is not a share of the frames; give a number such as 0.1.")
        if self.by not in ("folder", "frame"):
            raise UserError(f"data.split_by={self.by} is unknown; choose folder or frame.")

    def draw(self, pairs: Sequence[Pair], key: Literal["val", "test"]) -> list[Pair]:
        """The frames that are held out, in their order; the same for the same names, whatever else changes.

        Raises:
            UserError: if all frames lie in one folder, of which none can be held out whole.
        """
        share = self.val if key == "val" else self.test
        if share is None or share == 1:
            return [] if share is None else list(pairs)
        groups = [pair.name.rpartition("/")[0] if self.by == "folder" else pair.name for pair in pairs]
        held = set(self._drawn(sorted(set(groups)), share, key))
        return [pair for pair, group in zip(pairs, groups, strict=True) if group in held]

    def _drawn(self, groups: Sequence[str], share: float, key: str) -> list[str]:
        if len(groups) < 2:
            raise UserError(
                f"data.{key}_fraction={share} holds out whole folders, but all frames lie in "
                f"{'one' if groups else 'none'}: append data.split_by=frame to draw single frames (of a video, "
                "neighbors of training frames are no test), or sort the frames into folders."
            )
        count = min(max(1, round(share * len(groups))), len(groups) - 1)
        return sorted(groups, key=self._lot)[:count]

    def _lot(self, group: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{group}".encode(errors="surrogateescape")).digest()


def part_folders(names: Sequence[str], root: Path) -> dict[PartName, str]:
    """The folders that are parts by their names, such as ``train`` and ``validation``.

    Raises:
        UserError: if two are the same part.
    """
    found: dict[PartName, str] = {}
    for part, known in FOLDERS.items():
        here = [name for name in names if name.lower() in known]
        if len(here) > 1:
            raise UserError(f"{root} holds {' and '.join(here)}, which mean the same part; rename or move one.")
        if here:
            found[part] = here[0]
    return found


def by_part(pairs: Sequence[Pair], root: Path) -> dict[PartName, list[Pair]]:
    """Pairs whose names begin with a part, as in ``rgb/train/0001.jpg``, named without it; empty where none does."""
    first = sorted({pair.name.partition("/")[0] for pair in pairs if "/" in pair.name})
    folders = part_folders(first, root)
    return {
        part: [pair._replace(name=pair.name[len(folder) + 1 :]) for pair in pairs if pair.name.startswith(f"{folder}/")]
        for part, folder in folders.items()
    }


def frames_of(
    part: PartName, given: Mapping[PartName, PairSource], everything: PairSource, fractions: Fractions, where: str
) -> list[Pair]:
    """The frames of a part.

    Args:
        part: which.
        given: the parts that have folders or lists of their own.
        everything: all frames, where no part is given.
        fractions: held out of the training frames, or of everything.
        where: names the data in errors.

    Raises:
        UserError: if nothing says which frames they are, or two things do, or none are left.
    """
    for key, share in (("val", fractions.val), ("test", fractions.test)):
        if share is not None and key in given:
            raise UserError(
                f"data.{key}_fraction={share}, but {where} has {key} frames of its own; leave one of the two out."
            )
    if part != "train" and part in given:
        return given[part]()
    if given and "train" not in given:
        raise UserError(f"{where} has {' and '.join(given)} but no train; add it, or move all frames into one folder.")
    if part != "val" and not given and fractions.test is None:
        raise UserError(
            f"{where} has no parts train and test: append data.test_fraction=0.1 to hold a tenth of its folders out "
            "(data.split_by=frame: of its frames), or data.test_fraction=1 to test on all of it; or make folders train "
            "and test, or lists (data.files, data.test_files)."
        )
    if part == "test" and fractions.test is None:
        other = ", data.test.part=val to test on its validation frames" if "val" in given else ""
        raise UserError(
            f"{where} has no test frames: append data.test_fraction=0.1 to hold training frames out{other}, or add "
            "a folder test or a list (data.test_files)."
        )
    frames = given["train"]() if given else everything()
    tested = fractions.draw(frames, "test")
    if part == "test":
        return tested
    rest = _without(frames, tested)
    if not rest:
        raise UserError(f"data.test_fraction={fractions.test} leaves no frames of {where} to train on.")
    watched = fractions.draw(rest, "val")
    return watched if part == "val" else _without(rest, watched)


def _without(pairs: Sequence[Pair], others: Sequence[Pair]) -> list[Pair]:
    names = {pair.name for pair in others}
    return [pair for pair in pairs if pair.name not in names]
