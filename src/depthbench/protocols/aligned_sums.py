"""Sums of one prediction under several alignments on a CPU, by ``aligned_sums.c``: in one pass, without a depth map."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthbench.metrics import pixel_kernel
from depthbench.metrics.pixel_kernel import SumKey, Sums
from depthbench.metrics.pixel_pass import Interval, Rule, delta_limits
from depthbench.metrics.pixel_sums import COLUMNS, sum_keys
from depthbench.native import compiled
from depthbench.protocols.alignment import AS_DEPTH, Declared, FittedLine, fit_kernel
from depthbench.protocols.alignment.applying import limited_pixels, ways_of
from depthbench.protocols.alignment.fit_kernel import Way
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.equal_work import fit_key
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.scored_maps import ClampLimits

SOURCE = Path(__file__).with_name("aligned_sums.c")


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE, pixel_kernel.SOURCE, fit_kernel.SOURCE)


def aligned_sums(
    wanted: Sequence[tuple[EvalProtocol, Sequence[Rule]]], pixels: FitPixels, declared: Declared = AS_DEPTH
) -> list[Tensor | None]:
    """``masked_sums`` of a prediction that protocols align, each under its rules: ``(B, rules, S)``.

    Args:
        wanted: protocols that have an alignment, all with the same pixels, and their rules.
        pixels: see :meth:`EvalProtocol.pixels`.
        declared: the kind of the prediction.

    Returns:
        None of a protocol that needs a look: of all without the kernels or where the prediction has holes, of one where
        a depth is not above 0 before limits or a sum is not finite.
    """
    found: list[Tensor | None] = [None] * len(wanted)
    serves = fit_kernel.serves_maps(pixels.prediction, pixels.truth) and _library() is not None
    own = [
        place for place, (one, _) in enumerate(wanted) if fit_kernel.goes_between(pixels.quantity, one.alignment.space)
    ]
    if declared.holes or not serves or not own:
        return found
    keys, _ = sum_keys(tuple({rule for place in own for rule in wanted[place][1]}), COLUMNS)
    protocols = [wanted[place][0] for place in own]
    ways = [ways_of(one.alignment, pixels, _line(one, declared), _limits(one)) for one in protocols]
    interval = protocols[0].interval
    images = [_image_sums(pixels, image, interval, [way[image] for way in ways], keys) for image in range(len(ways[0]))]
    wrong = np.any([one for _, one in images], 0)
    totals = np.stack([one for one, _ in images])
    by_rules = {rules: _by_rule(totals, rules) for rules in {tuple(wanted[place][1]) for place in own}}
    finite = {rules: np.isfinite(sums.sum((0, 2, 3))) for rules, sums in by_rules.items()}
    for index, place in enumerate(own):
        rules = tuple(wanted[place][1])
        if not wrong[index] and finite[rules][index]:
            found[place] = torch.from_numpy(by_rules[rules][:, index])
    return found


def limited_depth(
    protocol: EvalProtocol, pixels: FitPixels, declared: Declared = AS_DEPTH
) -> tuple[Tensor, Tensor | None]:
    """Aligned depth of :meth:`EvalProtocol.pixels` within limits, and before them; None where all are above 0."""
    if not declared.holes:
        limits, line = _limits(protocol), _line(protocol, declared)
        limited, wrong = limited_pixels(protocol.alignment, pixels, line, limits) or (None, 0)
        if limited is not None and (not wrong or limits == (None, None)):
            return limited, limited if wrong else None
    depth = protocol.aligned_pixels(pixels, declared)
    return protocol.limited(depth), depth


def _limits(protocol: EvalProtocol) -> ClampLimits:
    return protocol.limits if protocol.clamp_at == "scored" else (None, None)


def _line(protocol: EvalProtocol, declared: Declared) -> FittedLine | None:
    """The line that was fitted over more than an image; None where each image has its own."""
    return declared.lines.get(fit_key(protocol)) if declared.lines else None


def _image_sums(
    pixels: FitPixels, image: int, interval: Interval, ways: Sequence[Way], keys: Sequence[SumKey]
) -> tuple[Sums, Sequence[int]]:
    """All sums of the C file for each way, and the number of depths that are not above 0."""
    library = _library()
    assert library is not None
    maps = pixel_kernel.maps_of(pixels.prediction[image, 0], pixels.truth[image, 0], interval)
    totals = np.empty((len(ways), len(pixel_kernel.ROWS)))
    wrong = (ctypes.c_int64 * len(ways))()
    limits = (ctypes.c_float * 6)(*delta_limits())
    sizes = limits, pixel_kernel.wanted_sums(tuple(keys)), ctypes.c_long(len(pixel_kernel.ROWS))
    given = ctypes.byref(maps), (Way * len(ways))(*ways), ctypes.c_long(len(ways))
    if not library.aligned_sums(*given, *sizes, ctypes.c_void_p(totals.ctypes.data), wrong):
        raise MemoryError
    return totals, wrong[:]


def _by_rule(totals: Sums, rules: tuple[Rule, ...]) -> Sums:
    """Select the sums under rules ``(B, ways, rules, S)`` from all sums of the C file ``(B, ways, ...)``."""
    keys, order = sum_keys(rules, COLUMNS)
    return pixel_kernel.chosen(totals, keys).take(order, -1).reshape(*totals.shape[:2], len(rules), -1)
