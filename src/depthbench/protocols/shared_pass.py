"""Work that protocols share on the same maps: equal truths, equal predictions, equal passes over the pixels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.errors import UserError
from depthbench.metrics.pixel_pass import Interval, Rule
from depthbench.metrics.pixel_sums import PRESENT, cell_sums, least_present
from depthbench.protocols.aligned_sums import aligned_sums, limited_depth
from depthbench.protocols.alignment import AS_DEPTH, Declared
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.equal_work import fit_key, per_pixel_key, pixels_key, resolved
from depthbench.protocols.misses import MISSES, Misses
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Box, Region, region_box
from depthbench.protocols.scored_maps import ClampLimits, crop


@dataclass
class SharedMaps:
    """A batch: predictions ``(B, 1, h, w)``, truth ``(B, 1, H, W)`` (or both kinds), and intermediate results.

    Attributes:
        prediction: metres.
        truth: metres, or by kind: ``{"filled": ..., "raw": ...}``.
        mirrored: prediction of the mirrored image, mirrored back; None where there is none (files), so that protocols
            that average take the prediction as it is.
        covers: the part of the truth that predictions show.
        image: ``(B, 3, h', w')`` RGB in [0, 1] of the whole truth, for protocols that fill borders.
        declared: what predictions hold, where that is no metric depth.
    """

    prediction: Tensor
    truth: Tensor | Mapping[str, Tensor]
    mirrored: Tensor | None = None
    covers: Region = "full"
    image: Tensor | None = None
    declared: Declared = AS_DEPTH
    _truths: dict[Any, Tensor] = field(default_factory=dict)
    _averages_by_limits: dict[Any, Tensor] = field(default_factory=dict)
    _extents: dict[Any, "_Extent"] = field(default_factory=dict)
    _pixels: dict[int, tuple[EvalProtocol, FitPixels]] = field(default_factory=dict)

    def part(self, rows: slice) -> "SharedMaps":
        """Some images of the batch."""
        truth = self.truth
        truth = truth[rows] if isinstance(truth, Tensor) else {kind: maps[rows] for kind, maps in truth.items()}
        mirrored, image = (None if maps is None else maps[rows] for maps in (self.mirrored, self.image))
        return SharedMaps(self.prediction[rows], truth, mirrored, self.covers, image, self.declared.at(rows))

    def predicted(self, protocol: EvalProtocol) -> Tensor:
        """The plain or the averaged prediction."""
        if self.mirrored is None or not protocol.flip_average:
            return self.prediction
        key = protocol.limits if protocol.clamp_at == "output" else None
        if key not in self._averages_by_limits:
            self._averages_by_limits[key] = protocol.average(self.prediction, self.mirrored)
        return self._averages_by_limits[key]

    def true(self, protocol: EvalProtocol) -> Tensor:
        """The truth as a protocol scores it, at its size.

        Raises:
            UserError: if its kind is not given.
        """
        key = (self._kind(protocol), protocol.score_size)
        if key not in self._truths:
            self._truths[key] = protocol.scored_truth(self.given(protocol))
        return self._truths[key]

    def acting(self, protocol: EvalProtocol) -> EvalProtocol:
        """The protocol as far as it acts on single pixels of these maps: the same object for all that share a pass."""
        if protocol.alignment.over != "image":  # whose line is known by its key
            return fit_key(self.chosen(protocol))
        true = self.true(protocol)
        key = (self._averages(protocol), self._kind(protocol))
        if key not in self._extents:
            found = [maps for maps in (self.prediction, self.mirrored if key[0] else None) if maps is not None]
            self._extents[key] = _Extent.of(found, self.given(protocol))
        extent = self._extents[key]
        size = (true.shape[-2], true.shape[-1])
        return per_pixel_key(
            self.chosen(protocol),
            same_size=self.prediction.shape[-2:] == true.shape[-2:],
            whole=region_box(self.covers, size) == (0, size[0], 0, size[1]),
            unlimited=extent.within(protocol.limits),
            unranged=extent.present_within(protocol.interval),
        )

    def chosen(self, protocol: EvalProtocol) -> EvalProtocol:
        """The protocol with the choice of prediction and truth that these maps leave it."""
        return resolved(protocol, self._averages(protocol), self._kind(protocol))

    def pixels(self, acting: EvalProtocol, around: Box) -> FitPixels:
        """Prediction, truth and scored pixels within a box, once for all alignments of them."""
        key = pixels_key(acting)
        if id(key) not in self._pixels:
            truth = self.true(acting)
            prediction = acting.fit(self.predicted(acting), truth, self.covers, self.image)
            self._pixels[id(key)] = key, acting.pixels(crop(prediction, around), crop(truth, around), self.declared)
        return self._pixels[id(key)][1]

    def _averages(self, protocol: EvalProtocol) -> bool:
        return protocol.flip_average and self.mirrored is not None

    def _kind(self, protocol: EvalProtocol) -> str:
        return "filled" if isinstance(self.truth, Tensor) else protocol.truth

    def given(self, protocol: EvalProtocol) -> Tensor:
        """The truth of the kind that a protocol is defined on; raises :class:`UserError` if there is none."""
        if isinstance(self.truth, Tensor):
            return self.truth
        if protocol.truth not in self.truth:
            raise UserError(
                f"Protocol '{protocol.name}' is defined on {protocol.truth} truth, but only {', '.join(self.truth)} "
                f"truth is given; leave it out or append protocol.truth={next(iter(self.truth))}."
            )
        return self.truth[protocol.truth]


class _Extent(NamedTuple):
    """Least and greatest prediction and present truth; None where asking would wait for a device."""

    prediction: Interval | None
    truth: Interval | None

    @classmethod
    def of(cls, predictions: Sequence[Tensor], truth: Tensor) -> "_Extent":
        if truth.device.type != "cpu":
            return cls(None, None)
        arrays = [maps.numpy() for maps in predictions]
        low, high = (float(edge([edge(one) for one in arrays])) for edge in (np.min, np.max))  # NaN, where one is
        return cls((low, high), (least_present(truth), float(truth.amax())))

    def within(self, limits: ClampLimits) -> bool:
        """Whether limits do nothing to the prediction; never where it is not finite."""
        low, high = (bound if limit is None else limit for bound, limit in zip(_EVERYTHING, limits, strict=True))
        found = self.prediction
        return limits == (None, None) or (found is not None and low <= found[0] and found[1] <= high)

    def present_within(self, interval: Interval) -> bool:
        """Whether all present truth lies in the interval."""
        found = self.truth
        return interval == PRESENT or (found is not None and interval[0] <= found[0] and found[1] <= interval[1])


_EVERYTHING = (float("-inf"), float("inf"))


class _Member(NamedTuple):
    name: str
    box: Box
    rule: Rule


class _Group(NamedTuple):
    acting: EvalProtocol
    members: list[_Member]


def shared_sums(
    protocols: Iterable[EvalProtocol], maps: SharedMaps, extended: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """``masked_sums`` of each protocol by name, and :data:`MISSES` after them, ``(B, S + 2)``, in any order."""
    groups: dict[int, _Group] = {}
    for protocol in protocols:
        truth = maps.true(protocol)
        box = protocol.box((truth.shape[-2], truth.shape[-1]), maps.covers)
        acting = maps.acting(protocol)
        groups.setdefault(id(acting), _Group(acting, [])).members.append(
            _Member(protocol.name, box, (protocol.strict, protocol.swap_prediction_and_truth))
        )
    summed = {} if extended else _aligned_sums(groups.values(), maps)
    for key, (acting, members) in groups.items():
        if key in summed:
            rules = _rules(members)
            found = summed[key].numpy()
            yield from _without_misses(members, [found[:, rules.index(member.rule)] for member in members])
        else:
            yield from _group_sums(acting, members, maps, extended)


def _rules(members: Iterable[_Member]) -> list[Rule]:
    return sorted({member.rule for member in members})


def _aligned_sums(groups: Iterable[_Group], maps: SharedMaps) -> dict[int, Tensor]:
    """Sums of the groups that are aligned, as far as one pass over their pixels gives them."""
    shared: dict[int, tuple[FitPixels, list[tuple[EvalProtocol, list[Rule]]]]] = {}
    for acting, members in groups:
        if acting.alignment.fit != "none":  # its region is its own, so equal keys have equal boxes
            pixels = maps.pixels(acting, members[0].box)
            shared.setdefault(id(pixels), (pixels, []))[1].append((acting, _rules(members)))
    found: dict[int, Tensor] = {}
    for pixels, wanted in shared.values():
        for (acting, _), sums in zip(wanted, aligned_sums(wanted, pixels, maps.declared), strict=True):
            if sums is not None:
                found[id(acting)] = sums
    return found


def _group_sums(
    acting: EvalProtocol, members: Sequence[_Member], maps: SharedMaps, extended: bool
) -> Iterator[tuple[str, Tensor]]:
    boxes = [member.box for member in members]
    rows = sorted({edge for box in boxes for edge in box[:2]})
    columns = sorted({edge for box in boxes for edge in box[2:]})
    around = (rows[0], rows[-1], columns[0], columns[-1])
    rules = _rules(members)
    if acting.alignment.fit == "none":
        truth = crop(maps.true(acting), around)
        prediction = acting.fit(maps.predicted(acting), maps.true(acting), maps.covers, maps.image)
        prediction = crop(prediction, around)
        depth, limited = None, acting.limited(acting.aligned(prediction, truth, maps.declared))
    else:
        pixels = maps.pixels(acting, around)
        prediction, truth = pixels.prediction, pixels.truth
        limited, depth = limited_depth(acting, pixels, maps.declared)
    cells = cell_sums(
        limited,
        truth,
        acting.interval,
        rules,
        [row - rows[0] for row in rows],
        [column - columns[0] for column in columns],
        extended,
    )
    holes = prediction.isnan() if maps.declared.holes else None
    misses = Misses.of(acting, depth, limited, truth, holes)
    at = [_place(member, rules, rows, columns) for member in members]
    if cells.device.type == "cpu" and all(part is None for part in misses):  # numpy adds few numbers faster
        table = cells.numpy()
        yield from _without_misses(members, [table[place].sum((1, 2)) for place in at])
        return
    for (name, (top, bottom, left, right), _), place in zip(members, at, strict=True):
        sums = cells[place].sum((1, 2))
        inner = (top - rows[0], bottom - rows[0], left - columns[0], right - columns[0])
        yield name, torch.cat([misses.counted(sums, inner), misses.counts(inner, sums)], 1)


def _place(member: _Member, rules: Sequence[Rule], rows: Sequence[int], columns: Sequence[int]) -> tuple[Any, ...]:
    """A member's cells."""
    top, bottom, left, right = member.box
    down, across = slice(rows.index(top), rows.index(bottom)), slice(columns.index(left), columns.index(right))
    return slice(None), rules.index(member.rule), down, across


def _without_misses(members: Sequence[_Member], found: Iterable[NDArray[np.float64]]) -> Iterator[tuple[str, Tensor]]:
    for member, sums in zip(members, found, strict=True):
        row = np.zeros((sums.shape[0], sums.shape[1] + len(MISSES)))
        row[:, : sums.shape[1]] = sums
        yield member.name, torch.from_numpy(row)
