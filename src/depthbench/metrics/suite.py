"""One set of predictions under many protocols at once, at little more than the cost of one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.metrics.functional import Rule, cell_sums, per_image_from
from depthbench.metrics.protocol import Limits, Protocol, crop
from depthbench.metrics.regions import Box, Region
from depthbench.metrics.scores import DepthScores


class ProtocolSuite(nn.Module):
    """Scores of the same predictions under many protocols.

    Protocols that differ in region, comparison, exchange or reduction only are read from one pass over the pixels,
    as are those whose limits don't touch the batch at hand. Numbers are those of each protocol alone.

    Args:
        protocols: any number; names must differ.

    Raises:
        UserError: if there is none, or two share a name.
    """

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        super().__init__()
        listed = list(protocols)
        self.protocols = {protocol.name: protocol for protocol in listed}
        if not listed or len(self.protocols) < len(listed):
            raise UserError("A suite needs at least one protocol, and each name once.")
        self.scores = nn.ModuleDict({name: protocol.scores() for name, protocol in self.protocols.items()})

    def update(
        self,
        prediction: Tensor,
        truth: Tensor | Mapping[str, Tensor],
        averaged: Tensor | None = None,
        covers: Region = "full",
    ) -> dict[str, dict[str, Tensor]]:
        """Add a batch; returns the scores of each image by protocol, as :func:`~depthbench.metrics.per_image`.

        Args:
            prediction: ``(B, 1, h, w)`` metres.
            truth: ``(B, 1, H, W)`` metres, or both kinds: ``{"filled": ..., "raw": ...}``.
            averaged: prediction averaged with the mirror image's, for protocols with ``flip_average``; by default the
                same prediction, as for files.
            covers: as in :meth:`Protocol.prepare`.

        Raises:
            UserError: as ``Protocol.prepare``; or if a protocol needs a kind of truth that is not given.
        """
        sums = self.sums(prediction, truth, averaged, covers)
        for name, protocol_sums in sums.items():
            self.metric(name).add(protocol_sums)
        return {name: per_image_from(protocol_sums) for name, protocol_sums in sums.items()}

    def metric(self, name: str) -> DepthScores:
        """The metric of one protocol."""
        metric = self.scores[name]
        assert isinstance(metric, DepthScores)
        return metric

    def compute(self) -> dict[str, dict[str, Tensor]]:
        """Scores by protocol."""
        return {name: self.metric(name).compute() for name in self.protocols}

    def reset(self) -> None:
        """Forget all batches."""
        for name in self.protocols:
            self.metric(name).reset()

    @torch.no_grad()
    def sums(
        self,
        prediction: Tensor,
        truth: Tensor | Mapping[str, Tensor],
        averaged: Tensor | None = None,
        covers: Region = "full",
    ) -> dict[str, Tensor]:
        """``masked_sums`` ``(B, S)`` of each protocol; arguments as for :meth:`update`."""
        # On a CPU one image after the other: its maps stay in the cache, and fewer limits touch one image than many.
        step = 1 if prediction.device.type == "cpu" else max(len(prediction), 1)
        parts: dict[str, list[Tensor]] = {name: [] for name in self.protocols}
        for start in range(0, max(len(prediction), 1), step):
            part = slice(start, start + step)
            images = _Images(
                prediction[part],
                truth[part] if isinstance(truth, Tensor) else {kind: maps[part] for kind, maps in truth.items()},
                None if averaged is None else averaged[part],
                covers,
            )
            for name, sums in _sums(self.protocols.values(), images):
                parts[name].append(sums)
        return {name: torch.cat(sums) for name, sums in parts.items()}


@dataclass
class _Images:
    prediction: Tensor
    truth: Tensor | Mapping[str, Tensor]
    averaged: Tensor | None
    covers: Region

    def predicted(self, protocol: Protocol) -> Tensor:
        return self.averaged if protocol.flip_average and self.averaged is not None else self.prediction

    def true(self, protocol: Protocol) -> Tensor:
        if isinstance(self.truth, Tensor):
            return self.truth
        if protocol.truth not in self.truth:
            raise UserError(
                f"Protocol '{protocol.name}' is defined on {protocol.truth} truth, but only {', '.join(self.truth)} "
                f"truth is given; leave it out or append protocol.truth={next(iter(self.truth))}."
            )
        return self.truth[protocol.truth]


class _Member(NamedTuple):
    name: str
    box: Box
    rule: Rule


def _sums(protocols: Iterable[Protocol], images: _Images) -> Iterator[tuple[str, Tensor]]:
    groups: dict[Protocol, list[_Member]] = {}
    extents: dict[tuple[bool, str], _Extent] = {}
    for protocol in protocols:
        predicted, true = images.predicted(protocol), images.true(protocol)
        frame, box = protocol.frame(true, images.covers)
        kinds = (predicted is images.averaged, "" if true is images.truth else protocol.truth)
        if kinds not in extents:
            extents[kinds] = _Extent.of(predicted, true)
        same_size = predicted.shape[-2:] == frame.shape[-2:]
        key = _without_idle(protocol, extents[kinds], same_size)
        key = replace(key, flip_average=kinds[0], truth=kinds[1] or "filled")
        groups.setdefault(key, []).append(_Member(protocol.name, box, (protocol.strict, protocol.swapped)))
    for key, members in groups.items():
        yield from _group_sums(key, members, images)


class _Extent(NamedTuple):
    """Least and greatest finite prediction and present truth; None where asking would wait for a device."""

    prediction: tuple[float, float] | None
    truth: tuple[float, float] | None

    @classmethod
    def of(cls, prediction: Tensor, truth: Tensor) -> "_Extent":
        if prediction.device.type != "cpu":
            return cls(None, None)
        missing = torch.le(truth, 0, out=torch.empty_like(truth))  # as 0 and 1: a where takes three times as long
        least = float(torch.add(truth, missing, alpha=1e9).amin())
        return cls((float(prediction.amin()), float(prediction.amax())), (least, float(truth.amax())))


def _without_idle(protocol: Protocol, extent: _Extent, same_size: bool) -> Protocol:
    """The protocol as far as it acts on single pixels of these images: equal ones can share a pass."""
    changes: dict[str, Any] = {"name": "", "reduction": "image", "comparison": "strict", "swapped": False}
    changes["images"] = None
    if protocol.scaling == "none":  # the scale is the region's; without it a region is only where sums are taken
        changes["region"] = "full"
    if same_size:
        changes |= {"resize": "bilinear", "align_corners": False}
    overshoots = protocol.resize == "bicubic" and not same_size and protocol.clamp_at == "scored"
    if protocol.scaling == "none" and not overshoots and _inside(extent.prediction, protocol.limits):
        changes |= {"clamp": None, "clamp_at": "scored"}
    if _inside(extent.truth, (protocol.min_depth, protocol.max_depth)):
        changes |= {"min_depth": None, "max_depth": None, "bounds": "open"}
    return replace(protocol, **changes)


def _inside(extent: tuple[float, float] | None, limits: Limits) -> bool:
    if limits == (None, None):
        return True
    if extent is None:
        return False
    low, high = limits
    return (low is None or low < extent[0]) and (high is None or extent[1] < high)


def _group_sums(key: Protocol, members: Sequence[_Member], images: _Images) -> Iterator[tuple[str, Tensor]]:
    truth, _ = replace(key, region="full").frame(images.true(key))
    prediction = key.fit(images.predicted(key), truth, images.covers)
    boxes = [member.box for member in members]
    rows = sorted({edge for box in boxes for edge in box[:2]})
    columns = sorted({edge for box in boxes for edge in box[2:]})
    around = (rows[0], rows[-1], columns[0], columns[-1])
    prediction, truth = crop(prediction, around), crop(truth, around)
    valid = key.mask(truth)
    rules = sorted({member.rule for member in members})
    cells = cell_sums(
        key.align(prediction, truth, valid),
        truth,
        valid,
        rules,
        [row - rows[0] for row in rows],
        [column - columns[0] for column in columns],
    )
    for name, (top, bottom, left, right), rule in members:
        part = cells[:, rules.index(rule), rows.index(top) : rows.index(bottom)]
        yield name, part[:, :, columns.index(left) : columns.index(right)].sum((1, 2))
