"""The test frames of every input, and the requested protocols and metrics of structure that fit them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from depthbench.errors import UserError
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.fitting_structure import BESIDE, fitting_structure
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.metrics import ImageMetric
from depthbench.protocols import EvalProtocol, Scorer, protocol_from, refused_kind
from depthbench.protocols.pooled import group_of
from depthbench.protocols.shared_maps import SharedMaps


class Chosen(NamedTuple):
    """A resolved request.

    Attributes:
        sets: one for each input.
        protocols: that fit all of them.
        structure: metrics of structure that all of them can serve.
        beside: of ``fov`` and ``tae`` those that were asked for and fit: they score no single map.
        refused: sentences of the protocols that were left out, by name.
        lacking: sentences about the metrics that were left out.
    """

    sets: list[EvaluationSet]
    protocols: list[EvalProtocol]
    structure: dict[str, ImageMetric]
    beside: list[str]
    refused: dict[str, str]
    lacking: list[str]


class NoProtocolFitsError(UserError):
    """All protocols refuse; ``refused`` has their sentences by name."""

    def __init__(self, refused: dict[str, str]) -> None:
        super().__init__(f"No protocol fits this data; for example: {next(iter(refused.values()))}")
        self.refused = refused


def open_sets(request: EvaluateRequest) -> Chosen:
    """The test frames of every input, and the part of the request that fits them.

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
    structure, lacking = fitting_structure(request, sets, fitting)
    beside = [name for name, kind in BESIDE.items() if any(isinstance(one, kind) for one in structure.values())]
    images = {name: one for name, one in structure.items() if isinstance(one, ImageMetric)}
    return Chosen(sets, fitting, images, beside, refused, lacking)


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
                reason = frames.lacks_truth_of(protocol) or (frames.refuses(protocol) if lenient else None)
                named = None if lenient else refused_kind(protocol, one.kind, ", or protocol=all")
                reason = reason or named or protocol.refuses(one.kind)
                if reason:
                    raise UserError(reason)
                if protocol.alignment.over != "image":
                    group_of(first.names[0], protocol.alignment)
                if frames.has_pairs:
                    continue
                Scorer([protocol]).sums(SharedMaps(torch.ones(1, 1, 8, 8), truth, covers=covers, image=first.image))
            except UserError as error:
                if not lenient:
                    raise
                refused[protocol.name] = str(error)
    fitting = [protocol for protocol in protocols if protocol.name not in refused]
    if not fitting:
        raise NoProtocolFitsError(refused)
    return fitting, refused
