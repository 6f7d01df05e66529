"""The test frames of a data set with one or both kinds of truth, or with annotated pairs of points."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.annotated_pairs import AnnotatedPairs
from depthbench.annotations import Annotations, stack_annotations
from depthbench.config.aliases import renew_targets
from depthbench.config.kinds import COMPONENTS, find
from depthbench.config.targets import instantiate
from depthbench.data import Frame
from depthbench.data.frame import check_sizes
from depthbench.data.stream import fetch
from depthbench.errors import UserError
from depthbench.protocols import EvalProtocol, PairProtocol

# The number of test images that published numbers have says which data set a protocol is of.
PUBLISHED = {"NYUv2": (654,), "KITTI": (697, 652), "Make3D": (134,)}


class Items(NamedTuple):
    """Test frames stacked: places in the data set, ``image (B, 3, H, W)``, ``truth (B, 1, h, w)`` by kind, names,
    ``intrinsics (B, 3, 3)`` in pixels of the image and annotations of the truth where all are known.
    """  # noqa: D205

    places: list[int]
    image: Tensor
    truth: dict[str, Tensor]
    names: list[str]
    intrinsics: Tensor | None
    annotations: Annotations | None = None


class EvaluationSet(Dataset[Items]):
    """Test frames with their truth.

    Args:
        config: whose ``data.test`` is the data set.
        protocols: whose kinds of truth are opened too where the data set has them.
        own_size: whether images keep the size of their files where the data set can deliver them so.

    Raises:
        UserError: if the data set can't be opened.
    """

    def __init__(self, config: DictConfig, protocols: Iterable[EvalProtocol] = (), own_size: bool = False) -> None:
        settings: dict[str, Any] = OmegaConf.to_container(config.data.test, resolve=True)  # type: ignore[assignment]
        own = instantiate(_at_own_sizes(settings) if own_size else settings)
        self.target = type(own).__name__
        self.family: str | None = getattr(own, "known_as", None)
        self.edition: str | None = getattr(own, "edition", None)
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

    def picture_names(self) -> list[str]:
        """The files of the pictures without endings, where they may be called otherwise than the frames; else none."""
        return list(getattr(self.sets[self.kind], "pictures", ()))

    def given(self, truth: Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """The truth as :class:`~depthbench.protocols.Scorer` takes it: by kind, or as it is where kinds are unknown."""
        return truth["any"] if "any" in truth else dict(truth)

    @property
    def has_pairs(self) -> bool:
        """Whether the truth is annotated pairs of points, and no depth."""
        return hasattr(self.sets[self.kind], "point_pairs")

    def pairs_of(self, place: int) -> AnnotatedPairs:
        """The annotated pairs of an image, in pixels of its file."""
        found: AnnotatedPairs = self.sets[self.kind].point_pairs(place)  # type: ignore[attr-defined]
        return found

    def pose(self, place: int) -> Tensor | None:
        """Camera to world ``(4, 4)`` float64 of a frame; None where it is not known."""
        read = getattr(self.sets[self.kind], "pose", None)
        found = None if read is None else read(place)
        return None if found is None else torch.from_numpy(found)

    def lacks_truth_of(self, protocol: EvalProtocol) -> str | None:
        """The reason why a protocol can't compare anything here; None where it can."""
        if isinstance(protocol, PairProtocol) == self.has_pairs:
            return None
        if self.has_pairs:
            return f"Protocol '{protocol.name}' compares depth, of which {self.target} has none; choose protocol=da2k."
        return f"Protocol '{protocol.name}' scores annotated pairs of points, of which {self.target} has none."

    def refuses(self, protocol: EvalProtocol) -> str | None:
        """Why numbers under this protocol would not be this data set's; None where they are, or the set is unknown."""
        family = self.family
        if protocol.data is not None and protocol.data != family:
            this = f"not of {family}" if family else "and this data set does not say which it is: name the protocol"
            return f"Protocol '{protocol.name}' is of {protocol.data}, {this}."
        if family is None or protocol.data is not None or protocol.images is None:
            return None
        others = [name for name, counts in PUBLISHED.items() if protocol.images in counts]
        if family in others or (not others and family not in PUBLISHED):
            return None
        return f"Protocol '{protocol.name}' is of {' or '.join(others) or 'another data set'}, not of {family}."


def _at_own_sizes(node: Any) -> Any:
    """Settings without sizes where a class then delivers images as its files hold them; drawn images have none."""
    if isinstance(node, list):
        return [_at_own_sizes(value) for value in node]
    if not isinstance(node, dict):
        return node
    found = {key: _at_own_sizes(value) for key, value in node.items()}
    if "_target_" in found and found.get("size") is not None:
        size = signature(find(renew_targets(found)["_target_"], COMPONENTS)).parameters.get("size")
        found["size"] = None if size is not None and size.default is None else found["size"]
    return found


def stack(items: Sequence[tuple[int, Mapping[str, Frame]]]) -> Items:
    """Stack test frames of one size, each with its truth by kind.

    Raises:
        UserError: if images, or truths, have different sizes.
    """
    frames = [next(iter(kinds.values())) for _, kinds in items]
    known = [frame.intrinsics for frame in frames if frame.intrinsics is not None]
    check_sizes(frames, "Append data.test_batch_size=1.")
    return Items(
        [place for place, _ in items],
        torch.stack([frame.image for frame in frames]),
        {kind: torch.stack([kinds[kind].depth for _, kinds in items]) for kind in items[0][1]},
        [frame.name for frame in frames],
        torch.stack(known) if len(known) == len(frames) else None,
        stack_annotations([frame.annotations for frame in frames]),
    )
