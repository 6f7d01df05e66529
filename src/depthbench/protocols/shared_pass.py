"""Work that protocols share on the same maps: equal truths, equal predictions, equal passes over the pixels."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.metrics.pixel_pass import Rule
from depthbench.metrics.pixel_sums import cell_sums
from depthbench.protocols.aligned_sums import aligned_sums, limited_depth
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.grouping import PassGroup, PassMember, pass_groups
from depthbench.protocols.misses import MISSES, Misses
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.scored_maps import crop
from depthbench.protocols.shared_maps import SharedMaps


def shared_sums(
    protocols: Iterable[EvalProtocol], maps: SharedMaps, extended: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """``masked_sums`` of each protocol by name, and :data:`MISSES` after them, ``(B, S + 2)``, in any order."""
    groups = pass_groups(list(protocols), maps)
    summed = {} if extended else _aligned_sums(groups, maps)
    for group in groups:
        if id(group.acting) in summed:
            found = summed[id(group.acting)].numpy()
            yield from _without_misses(group.members, [found[:, rule] for rule in group.by_rule])
        else:
            yield from _group_sums(group, maps, extended)


def _aligned_sums(groups: Iterable[PassGroup], maps: SharedMaps) -> dict[int, Tensor]:
    """Sums of the groups that are aligned, as far as one pass over their pixels gives them."""
    shared: dict[int, tuple[FitPixels, list[tuple[EvalProtocol, list[Rule]]]]] = {}
    for group in groups:
        if group.acting.alignment.fit != "none":  # its region is its own, so equal keys have equal boxes
            pixels = maps.pixels(group.acting, group.members[0].box)
            shared.setdefault(id(pixels), (pixels, []))[1].append((group.acting, group.rules))
    found: dict[int, Tensor] = {}
    for pixels, wanted in shared.values():
        for (acting, _), sums in zip(wanted, aligned_sums(wanted, pixels, maps.declared), strict=True):
            if sums is not None:
                found[id(acting)] = sums
    return found


def _group_sums(group: PassGroup, maps: SharedMaps, extended: bool) -> Iterator[tuple[str, Tensor]]:
    acting, members, around = group.acting, group.members, group.around
    if acting.alignment.fit == "none":
        truth = crop(maps.true(acting), around)
        prediction = acting.fit(maps.predicted(acting), maps.true(acting), maps.covers, maps.image)
        prediction = crop(prediction, around)
        depth, limited = None, acting.limited(acting.aligned(prediction, truth, maps.declared))
    else:
        pixels = maps.pixels(acting, around)
        prediction, truth = pixels.prediction, pixels.truth
        limited, depth = limited_depth(acting, pixels, maps.declared)
    cells = cell_sums(limited, truth, acting.interval, group.rules, group.rows, group.columns, extended)
    holes = prediction.isnan() if maps.declared.holes else None
    misses = Misses.of(acting, depth, limited, truth, holes)
    if cells.device.type == "cpu" and all(part is None for part in misses):  # numpy adds few numbers faster
        table = cells.numpy()
        yield from _without_misses(members, [table[place].sum((1, 2)) for place in group.cells])
        return
    for member, place, inner in zip(members, group.cells, group.inner, strict=True):
        sums = cells[place].sum((1, 2))
        yield member.name, torch.cat([misses.counted(sums, inner), misses.counts(inner, sums)], 1)


def _without_misses(
    members: Sequence[PassMember], found: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[str, Tensor]]:
    rows = np.zeros((len(found), *found[0].shape[:-1], found[0].shape[-1] + len(MISSES)))
    for row, sums in zip(rows, found, strict=True):
        row[:, : sums.shape[1]] = sums
    yield from zip((member.name for member in members), torch.from_numpy(rows), strict=True)
