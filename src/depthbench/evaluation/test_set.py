"""The test frames of a data set with one or both kinds of truth, and the protocols and metrics that fit them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.annotations import Annotations, stack_annotations
from depthbench.config.aliases import renew_targets
from depthbench.config.kinds import COMPONENTS, find
from depthbench.config.targets import instantiate
from depthbench.data import Frame
from depthbench.data.stream import fetch
from depthbench.errors import UserError
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.metrics import ImageMetric
from depthbench.metrics.image.image_metric import lacks
from depthbench.protocols import EvalProtocol, Scorer, protocol_from, refused_kind
from depthbench.protocols.pooled import group_of
from depthbench.protocols.shared_pass import SharedMaps

# The number of test images that published numbers have says which data set a protocol is of.
PUBLISHED = {"NYUv2": (654,), "KITTI": (697, 652), "Make3D": (134,)}


class Chosen(NamedTuple):
    """A resolved request.

    Attributes:
        sets: one for each input.
        protocols: that fit all of them.
        structure: metrics of structure that all of them can serve.
        refused: sentences of the protocols that were left out, by name.
        lacking: sentences about the metrics that were left out.
    """

    sets: list["EvaluationSet"]
    protocols: list[EvalProtocol]
    structure: dict[str, ImageMetric]
    refused: dict[str, str]
    lacking: list[str]


class NoProtocolFitsError(UserError):
    """All protocols refuse; ``refused`` has their sentences by name."""

    def __init__(self, refused: dict[str, str]) -> None:
        super().__init__(f"No protocol fits this data; for example: {next(iter(refused.values()))}")
        self.refused = refused


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
        """The truth as a protocol suite takes it: by kind, or as it is where kinds are unknown."""
        return truth["any"] if "any" in truth else dict(truth)

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
    """Collate."""
    frames = [next(iter(kinds.values())) for _, kinds in items]
    known = [frame.intrinsics for frame in frames if frame.intrinsics is not None]
    return Items(
        [place for place, _ in items],
        torch.stack([frame.image for frame in frames]),
        {kind: torch.stack([kinds[kind].depth for _, kinds in items]) for kind in items[0][1]},
        [frame.name for frame in frames],
        torch.stack(known) if len(known) == len(frames) else None,
        stack_annotations([frame.annotations for frame in frames]),
    )


def open_sets(request: EvaluateRequest) -> Chosen:
    """The test frames of every input, and what of the request fits them.

    Raises:
        UserError: if data can't be opened, or protocols or metrics that were named don't fit them.
    """
    protocols = [protocol_from(config) for config in request.protocols.values()]
    free = [one for one in protocols if one.images is None and one.truth == "filled" and request.own_truth]
    named = [protocol for protocol in protocols if protocol not in free]
    sets = [EvaluationSet(one.config, named, one.own_size) for one in request.inputs]
    own = sets[0].kind
    if own != "any":  # without published numbers there is no kind of truth to keep to
        protocols = [replace(protocol, truth=own) if protocol in free else protocol for protocol in protocols]
    fitting, refused = fitting_protocols(protocols, request, sets)
    structure, lacking = fitting_structure(request, sets)
    return Chosen(sets, fitting, structure, refused, lacking)


def fitting_protocols(
    protocols: Sequence[EvalProtocol], request: EvaluateRequest, sets: Sequence[EvaluationSet]
) -> tuple[list[EvalProtocol], dict[str, str]]:
    """Protocols that fit the data, and the refusals of the others.

    Raises:
        UserError: if one that was named refuses.
        NoProtocolFitsError: if all do.
    """
    refused: dict[str, str] = {}
    for one, frames in zip(request.inputs, sets, strict=True):
        first = frames[0]
        truth, covers = frames.given(first.truth), "full" if one.is_network else request.options["covers"] or "full"
        for protocol in protocols:
            try:
                lenient = request.every or protocol.name in request.by_family
                reason = frames.refuses(protocol) if lenient else None
                named = None if lenient else refused_kind(protocol, one.kind, ", or protocol=all")
                reason = reason or named or protocol.refuses(one.kind)
                if reason:
                    raise UserError(reason)
                if protocol.alignment.over != "image":
                    group_of(first.names[0], protocol.alignment)
                Scorer([protocol]).sums(SharedMaps(torch.ones(1, 1, 8, 8), truth, covers=covers, image=first.image))
            except UserError as error:
                if not lenient:
                    raise
                refused[protocol.name] = str(error)
    fitting = [protocol for protocol in protocols if protocol.name not in refused]
    if not fitting:
        raise NoProtocolFitsError(refused)
    return fitting, refused


def fitting_structure(
    request: EvaluateRequest, sets: Sequence[EvaluationSet]
) -> tuple[dict[str, ImageMetric], list[str]]:
    """Metrics of structure that the data can serve, and a sentence about the others.

    Raises:
        UserError: if one that was named needs intrinsics or annotations that the data lack.
    """
    metrics: dict[str, ImageMetric] = {name: instantiate(config) for name, config in request.structure.items()}
    lacking: dict[tuple[str, str], list[str]] = {}
    for frames in sets if metrics else ():
        first = frames[0]
        for name, metric in metrics.items():
            words = lacks(metric, first.intrinsics is not None, first.annotations)
            if words and not any(name in names for names in lacking.values()):
                lacking.setdefault((" and ".join(words), frames.target), []).append(name)
    for (wanted, target), names in lacking.items() if not request.every_structure else ():
        raise UserError(f"structure={','.join(names)} needs {wanted}, which {target} lacks.")
    notes = [f"Left out: {', '.join(names)}: {target} has no {wanted}." for (wanted, target), names in lacking.items()]
    left_out = {name for names in lacking.values() for name in names}
    return {name: metric for name, metric in metrics.items() if name not in left_out}, notes
