"""NYUv2 by amounts: the 795 labeled pairs, or any number of the prepared raw pairs."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from depthbench.config.amounts import frame_count
from depthbench.data.held_out import Share
from depthbench.data.missing import Invalid
from depthbench.data.readers.nyu_labeled import FILE, PAIRS, SPLITS_FILE, NYULabeled, check_labeled
from depthbench.data.readers.nyu_raw import MANIFEST, NYURaw
from depthbench.data.readers.reader import Reader
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError

if TYPE_CHECKING:
    from torch.utils.data import Dataset

    from depthbench.data.frame import Frame


class NYU(Reader):
    """The training pairs of NYUv2 at any amount; the amounts of carvalho2018 (795, 12k, 230k) are one axis.

    Up to 795 frames are labeled pairs, every larger amount are raw pairs.

    Args:
        labeled_root: the folder of the labeled part, see :class:`NYULabeled`.
        raw_root: the folder that ``python -m depthbench.prepare nyu-raw`` made, see :class:`NYURaw`; it need not exist
            for 795 frames or fewer.
        split: how many frames, evenly spaced; None for all raw pairs.
        depth: ``filled`` or ``raw`` depth of the labeled pairs; that of the raw pairs is as they were prepared.
        scale: metres per unit of the labeled part's depth images; not used with the official file.
        size: (height, width) of the image delivered; None for 480x640.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        invalid: a value of labeled depth files, or several, that means "no depth" as 0 does; ``none`` if there is no
            such value. It must be said where many pixels hold the largest value of the type.
        max_depth: metres beyond which depth is missing; None for no limit.

    Raises:
        UserError: when opened, if the part that the amount needs is missing or not as it should be.
    """

    known_as = "NYUv2"

    def __init__(
        self,
        labeled_root: str | Path,
        raw_root: str | Path,
        split: str | int | None = PAIRS,
        depth: Literal["filled", "raw"] = "filled",
        scale: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        invalid: Invalid = None,
        max_depth: float | None = None,
    ) -> None:
        super().__init__(size, depth_size)
        self.part: NYULabeled | NYURaw
        if check_amount(labeled_root, raw_root, split) and split is not None:
            self.part = NYULabeled(
                labeled_root, "train", split, None, depth, scale, size, depth_size, invalid, max_depth
            )
        else:
            self.part = NYURaw(raw_root, split, size, depth_size, max_depth)
        self.root, self.names, self.truth = self.part.root, self.part.names, self.part.truth
        self.missing = self.part.missing

    def with_truth(self, truth: str) -> Self:
        """See :meth:`Reader.with_truth`."""
        other = copy(self)
        other.part = self.part.with_truth(truth)
        other.truth = other.part.truth
        return other

    def hold_out(self, share: Share, frames: int | None) -> "tuple[Dataset[Frame], Dataset[Frame] | None]":
        """See :meth:`Reader.hold_out`: the raw pairs know their scenes, the labeled ones do not."""
        rest, held = self.part.hold_out(share, frames)
        return (self, None) if held is None else (rest, held)

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        return self.part.read(index)


def check_amount(labeled_root: str | Path, raw_root: str | Path, split: str | int | None) -> bool:
    """Whether an amount of NYUv2's training frames are labeled pairs; larger amounts are raw pairs.

    Raises:
        UserError: if the folder of these pairs is missing, or not prepared.
    """
    if split is not None and frame_count(split) <= PAIRS:
        if not Path(labeled_root).expanduser().is_dir():
            raise UserError(
                f"The labeled part of NYUv2 is missing: there is no folder {labeled_root}. Put {FILE} and "
                f"{SPLITS_FILE} there, or set data.labeled_root to the folder that holds them."
            )
        check_labeled(labeled_root)
        return True
    if not (Path(raw_root).expanduser() / MANIFEST).is_file():
        raise UserError(
            f"data.split={'null' if split is None else split} needs the raw pairs of NYUv2, but {raw_root} holds no "
            f"prepared ones; make them with `python -m depthbench.prepare nyu-raw raw=DOWNLOADS output={raw_root} "
            f"scenes={labeled_root}`, set data.raw_root to the folder that has them, or take "
            f"data.split={PAIRS}, the labeled pairs."
        )
    return False
