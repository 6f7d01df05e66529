"""Groups of protocols that share a pass over the same maps, and the region of each in its cells."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from depthbench.metrics.pixel_pass import Rule
from depthbench.protocols.equal_work import Itself
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Box
from depthbench.protocols.shared_maps import SharedMaps


class PassMember(NamedTuple):
    """A protocol in a pass: its box and its rule."""

    name: str
    box: Box
    rule: Rule


class PassGroup:
    """Protocols that share a pass, and places in its cells; kept over images."""

    def __init__(self, acting: EvalProtocol, members: Sequence[PassMember]) -> None:
        self.acting, self.members = acting, members
        self.rules = sorted({member.rule for member in members})
        boxes = [member.box for member in members]
        rows = sorted({edge for box in boxes for edge in box[:2]})
        columns = sorted({edge for box in boxes for edge in box[2:]})
        self.around: Box = (rows[0], rows[-1], columns[0], columns[-1])
        self.rows, self.columns = [row - rows[0] for row in rows], [column - columns[0] for column in columns]
        self.inner = [(a - rows[0], b - rows[0], c - columns[0], d - columns[0]) for a, b, c, d in boxes]
        self.by_rule = [self.rules.index(member.rule) for member in members]
        self.cells = [self._cells(*one) for one in zip(self.inner, self.by_rule, strict=True)]

    def _cells(self, box: Box, rule: int) -> tuple[Any, ...]:
        top, bottom, left, right = box
        down = slice(self.rows.index(top), self.rows.index(bottom))
        return slice(None), rule, down, slice(self.columns.index(left), self.columns.index(right))


_KEPT = 64  # groupings, of as many sets of protocols and kinds of maps
_GROUPINGS: dict[tuple[object, ...], list[PassGroup]] = {}


def pass_groups(protocols: Sequence[EvalProtocol], maps: SharedMaps) -> list[PassGroup]:
    """Protocols that share a pass; found once for all maps with equal facts."""
    key = tuple(map(Itself, protocols))
    known = (key, maps.facts(_with_own_extent(key)))
    if known not in _GROUPINGS:
        if len(_GROUPINGS) >= _KEPT:
            _GROUPINGS.clear()
        _GROUPINGS[known] = _grouped(protocols, maps)
    return _GROUPINGS[known]


@lru_cache(maxsize=_KEPT)
def _with_own_extent(protocols: Iterable[Itself]) -> list[EvalProtocol]:
    """One of all that ask the same of the least and the greatest numbers of maps."""
    found: dict[object, EvalProtocol] = {}
    for protocol in (one.protocol for one in protocols):
        asked = protocol.flip_average, protocol.truth, protocol.score_size, protocol.limits, protocol.interval
        found.setdefault(asked, protocol)
    return list(found.values())


def _grouped(protocols: Sequence[EvalProtocol], maps: SharedMaps) -> list[PassGroup]:
    members: dict[int, tuple[EvalProtocol, list[PassMember]]] = {}
    for protocol in protocols:
        truth = maps.true(protocol)
        box = protocol.box((truth.shape[-2], truth.shape[-1]), maps.covers)
        acting = maps.acting(protocol)
        rule = (protocol.strict, protocol.swap_prediction_and_truth)
        members.setdefault(id(acting), (acting, []))[1].append(PassMember(protocol.name, box, rule))
    return [PassGroup(*one) for one in members.values()]
