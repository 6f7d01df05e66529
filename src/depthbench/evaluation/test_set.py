"""The test frames of a data set with one or both kinds of truth, and whose published numbers belong to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.config.targets import instantiate
from depthbench.data import Frame
from depthbench.data.stream import fetch
from depthbench.errors import UserError
from depthbench.protocols import EvalProtocol

# The number of test images that published numbers have says which data set a protocol is of.
PUBLISHED = {"NYUv2": (654,), "KITTI": (697, 652), "Make3D": (134,)}

# Which of them a class is; rooms are made like NYUv2. Data sets that are not here may be anything.
FAMILIES = {
    "NYULabeled": "NYUv2",
    "NYUSync": "NYUv2",
    "DenseDepth": "NYUv2",
    "Rooms": "NYUv2",
    "KITTI": "KITTI",
    "Make3D": "Make3D",
}


class Items(NamedTuple):
    """Test frames stacked: places in the data set, ``image (B, 3, H, W)``, ``truth (B, 1, h, w)`` by kind, names,
    and ``intrinsics (B, 3, 3)`` in pixels of the image where all are known.
    """  # noqa: D205

    places: list[int]
    image: Tensor
    truth: dict[str, Tensor]
    names: list[str]
    intrinsics: Tensor | None


class Truth(Dataset[Items]):
    """Test frames with their truth.

    Args:
        config: whose ``data.test`` is the data set.
        protocols: whose kinds of truth are opened too where the data set has them.

    Raises:
        UserError: if the data set can't be opened.
    """

    def __init__(self, config: DictConfig, protocols: Iterable[EvalProtocol] = ()) -> None:
        settings: dict[str, Any] = OmegaConf.to_container(config.data.test, resolve=True)  # type: ignore[assignment]
        self.target = settings["_target_"].rpartition(".")[2]
        own = instantiate(settings)
        self.kind = getattr(own, "truth", None) or "any"
        self.sets: dict[str, Dataset[Frame]] = {self.kind: own}
        for kind in sorted({protocol.truth for protocol in protocols} - {self.kind}) if self.kind != "any" else ():
            try:
                self.sets[kind] = own.with_truth(kind)
            except UserError:  # it has one kind only; protocols on the other will say so
                continue

    def __len__(self) -> int:
        return len(self.sets[self.kind])  # type: ignore[arg-type]

    def __getitems__(self, places: Sequence[int]) -> list[tuple[int, dict[str, Frame]]]:
        found = {kind: fetch(frames, places) for kind, frames in self.sets.items()}
        return [(place, {kind: frames[row] for kind, frames in found.items()}) for row, place in enumerate(places)]

    def __getitem__(self, place: int) -> Items:
        return stack(self.__getitems__([place]))

    def frame_names(self) -> list[str]:
        """Names of all frames, by reading them if the data set has no list."""
        listed = getattr(self.sets[self.kind], "names", None)
        return list(listed) if listed else [self[place].names[0] for place in range(len(self))]

    def given(self, truth: Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """The truth as a protocol suite takes it: by kind, or as it is where kinds are unknown."""
        return truth["any"] if "any" in truth else dict(truth)

    def refuses(self, protocol: EvalProtocol) -> str | None:
        """Why numbers under this protocol would not be this data set's; None where they are, or the set is unknown."""
        family = FAMILIES.get(self.target)
        if family is None or protocol.images is None or protocol.images in PUBLISHED[family]:
            return None
        others = [name for name, counts in PUBLISHED.items() if protocol.images in counts]
        return f"Protocol '{protocol.name}' is of {' or '.join(others) or 'another data set'}, not of {family}."


def stack(items: Sequence[tuple[int, Mapping[str, Frame]]]) -> Items:
    """Collate."""
    frames = [next(iter(kinds.values())) for _, kinds in items]
    known = [frame.intrinsics for frame in frames if frame.intrinsics is not None]
    return Items(
        [place for place, _ in items],
        torch.stack([frame.image for frame in frames]),
        {kind: torch.stack([kinds[kind].depth for _, kinds in items]) for kind in items[0][1]},
        [frame.name for frame in frames],
        torch.stack(known) if len(known) == len(frames) else None,
    )
