"""Sums of one prediction under several alignments on a CPU, by ``aligned_sums.c``: in one pass, without a depth map."""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthbench.metrics import pixel_kernel
from depthbench.metrics.pixel_kernel import SumKey, Sums
from depthbench.metrics.pixel_pass import Rule, delta_limits
from depthbench.metrics.pixel_sums import COLUMNS, sum_keys
from depthbench.native import compiled
from depthbench.protocols.alignment import AS_DEPTH, Declared, FittedLine, fit_kernel
from depthbench.protocols.alignment.fit_kernel import Way
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.equal_work import fit_key
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.scored_maps import ClampLimits

SOURCE = Path(__file__).with_name("aligned_sums.c")


def _library() -> ctypes.CDLL | None:
    return compiled(SOURCE, pixel_kernel.SOURCE, fit_kernel.SOURCE)


def aligned_sums(
    rules: Mapping[EvalProtocol, Sequence[Rule]], pixels: FitPixels, declared: Declared = AS_DEPTH
) -> dict[EvalProtocol, Tensor]:
    """``masked_sums`` of a prediction that protocols align, under each of their rules: ``(B, rules, S)``.

    Args:
        rules: of each protocol, which has an alignment. All have the same pixels.
        pixels: see :meth:`EvalProtocol.pixels`.
        declared: what the prediction holds.

    Returns:
        Of those protocols of which nothing needs a look: none without the kernels or where the prediction has holes;
        none of a protocol where a depth is not above 0 before limits, or where a sum is not finite.
    """
    serves = fit_kernel.serves_maps(pixels.prediction, pixels.truth) and _library() is not None
    if declared.holes or not serves:
        return {}
    own = [one for one in rules if fit_kernel.goes_between(pixels.quantity, one.alignment.space)]
    if not own:
        return {}
    keys, _ = sum_keys(tuple({rule for one in own for rule in rules[one]}), COLUMNS)
    ways = [one.alignment.ways(pixels, _line(one, declared), _limits(one)) for one in own]
    images = [_image_sums(pixels, image, own[0], [way[image] for way in ways], keys) for image in range(len(ways[0]))]
    found = {}
    for place, one in enumerate(own):
        sums = [_by_rule(totals[place], rules[one]) for totals, wrong in images if not wrong[place]]
        if len(sums) == len(images) and all(np.isfinite(part.sum()) for part in sums):
            found[one] = torch.from_numpy(np.stack(sums))
    return found


def limited_depth(
    protocol: EvalProtocol, pixels: FitPixels, declared: Declared = AS_DEPTH
) -> tuple[Tensor, Tensor | None]:
    """Aligned depth of :meth:`EvalProtocol.pixels` within limits, and before them; None where all are above 0."""
    if not declared.holes:
        limits, line = _limits(protocol), _line(protocol, declared)
        limited, wrong = protocol.alignment.limited_pixels(pixels, line, limits) or (None, 0)
        if limited is not None and (not wrong or limits == (None, None)):
            return limited, limited if wrong else None
    depth = protocol.aligned_pixels(pixels, declared)
    return protocol.limited(depth), depth


def _limits(protocol: EvalProtocol) -> ClampLimits:
    return protocol.limits if protocol.clamp_at == "scored" else (None, None)


def _line(protocol: EvalProtocol, declared: Declared) -> FittedLine | None:
    """That was fitted over more than an image."""
    return declared.lines.get(fit_key(protocol)) if declared.lines else None


def _image_sums(
    pixels: FitPixels, image: int, protocol: EvalProtocol, ways: Sequence[Way], keys: Sequence[SumKey]
) -> tuple[Sums, Sequence[int]]:
    """Of each way all sums of the C file, and how many depths are not above 0."""
    library = _library()
    assert library is not None
    maps = pixel_kernel.maps_of(pixels.prediction[image, 0], pixels.truth[image, 0], protocol.interval)
    totals = np.empty((len(ways), len(pixel_kernel.ROWS)))
    wrong = (ctypes.c_int64 * len(ways))()
    limits = (ctypes.c_float * 6)(*delta_limits())
    sizes = limits, pixel_kernel.wanted_sums(tuple(keys)), ctypes.c_long(len(pixel_kernel.ROWS))
    given = ctypes.byref(maps), (Way * len(ways))(*ways), ctypes.c_long(len(ways))
    if not library.aligned_sums(*given, *sizes, ctypes.c_void_p(totals.ctypes.data), wrong):
        raise MemoryError
    return totals, wrong[:]


def _by_rule(sums: Sums, rules: Sequence[Rule]) -> Sums:
    keys, order = sum_keys(tuple(rules), COLUMNS)
    return pixel_kernel.chosen(sums, keys).take(order).reshape(len(rules), -1)
