"""Validation frames that are never trained on: some training scenes are held out, whole.

Frames of one scene resemble each other, so a frame beside a training frame tests little. A data set that knows the
scene of each frame can hold scenes out; one that does not has no validation frames of its own.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from depthbench.config.amounts import evenly_spaced, frame_count
from depthbench.errors import UserError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from depthbench.data.frame import Frame

Share = float | int
"""The share of training scenes to hold out: a fraction in (0, 1), or a whole number of scenes."""


@runtime_checkable
class HoldsOut(Protocol):
    """A training set that can hold scenes out."""

    def hold_out(self, share: Share, frames: int | None) -> "tuple[Dataset[Frame], Dataset[Frame] | None]":
        """Training frames without the scenes that are held out, and ``frames`` frames of those scenes.

        The number of training frames stays. Where that leaves nothing to hold out, the second is None.
        """
        ...


def check_share(share: Share) -> Share:
    """Raise :class:`UserError` unless the share is a fraction in (0, 1) or a whole number from 1 on."""
    whole = isinstance(share, int) and not isinstance(share, bool) and share >= 1
    if not whole and not (isinstance(share, float) and 0 < share < 1):
        raise UserError(f"data.hold_out={share}: give a fraction of the training scenes such as 0.05, or a number.")
    return share


def split_scenes(scenes: Sequence[str], split: str | int | None, share: Share) -> tuple[list[int], list[int]]:
    """Indices of training frames and of held-out frames.

    Which scenes are held out depends on their names alone, not on the amount or a seed, so that trainings on several
    amounts are watched on frames of the same scenes. Where the amount leaves too few frames, fewer scenes are held out,
    in the same order.

    Args:
        scenes: the scene of each frame of the whole training set.
        split: the number of training frames, evenly spaced over the rest; None for all of the rest.
        share: of the scenes.

    Raises:
        UserError: if more frames are asked for than there are.
    """
    check_share(share)
    names = sorted(set(scenes), key=lambda name: hashlib.sha256(name.encode(errors="surrogateescape")).digest())
    wanted = share if isinstance(share, int) else max(1, round(share * len(names)))
    wanted = min(wanted, len(names) - 1)
    count = None if split is None else frame_count(split)
    while wanted > 0:
        held = set(names[:wanted])
        rest = [index for index, scene in enumerate(scenes) if scene not in held]
        if count is None or count <= len(rest):
            chosen = rest if count is None else [rest[index] for index in evenly_spaced(len(rest), count)]
            return chosen, [index for index, scene in enumerate(scenes) if scene in held]
        wanted -= 1
    return list(range(len(scenes))) if split is None else evenly_spaced(len(scenes), split), []
