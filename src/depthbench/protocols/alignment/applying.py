"""A prediction goes to depth by an alignment: into its space, through its line, within its limits, and out again."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from depthbench.output_kinds import Quantity
from depthbench.protocols.alignment import fit_kernel
from depthbench.protocols.alignment.fits import FittedLine
from depthbench.protocols.alignment.pixels import FitPixels, blocks_of
from depthbench.protocols.alignment.spaces import SPACES, in_space, of_metres
from depthbench.protocols.scored_maps import ClampLimits

if TYPE_CHECKING:
    from depthbench.protocols.alignment.alignment import Alignment

Limit = float | str | None
"""Metres; ``truth``: the least or greatest scored truth; None for no limit."""


def aligned_pixels(alignment: "Alignment", pixels: FitPixels, line: FittedLine | None = None) -> Tensor:
    """Like :meth:`Alignment.aligned`, of pixels that alignments share.

    Args:
        alignment: by which the prediction goes.
        pixels: the prediction, the truth and the mask.
        line: that was fitted over more than the image (``over``); None fits each image.
    """
    if alignment.fit == "none":
        return SPACES[pixels.quantity].to_depth(pixels.prediction)
    limited = limited_pixels(alignment, pixels, line)
    if limited is not None:
        return limited[0]
    found = line or pixels.line(alignment)
    least, greatest = _limits(alignment, pixels)
    if pixels.truth.device.type != "cpu":
        return _through(alignment, pixels.prediction, pixels.quantity, found, least, greatest)
    depth = torch.empty_like(pixels.prediction, dtype=torch.float32)
    for image, blocks in enumerate(blocks_of(pixels.prediction, depth)):
        at = slice(image, image + 1)
        edges = [None if edge is None else edge[at if len(edge) > 1 else slice(None)] for edge in (least, greatest)]
        for block, out in blocks:
            out.copy_(_through(alignment, block, pixels.quantity, found.at(at), *edges))
    return depth


def limited_pixels(
    alignment: "Alignment", pixels: FitPixels, line: FittedLine | None = None, limits: ClampLimits = (None, None)
) -> tuple[Tensor, int] | None:
    """Like :func:`aligned_pixels`, by ``fits.c``: depth within limits; None where it does not serve.

    Args:
        alignment: as there.
        pixels: as there.
        line: as there.
        limits: of finite depth in metres.

    Returns:
        The depth, and how many pixels of all are not above 0 before the limits.
    """
    between = fit_kernel.goes_between(pixels.quantity, alignment.space)
    if alignment.fit == "none" or not (
        between and fit_kernel.serves_maps(pixels.prediction) and len(pixels.prediction)
    ):
        return None
    every = ways_of(alignment, pixels, line, limits)
    found = [fit_kernel.through(one, way) for one, way in zip(pixels.prediction[:, 0], every, strict=True)]
    depth = torch.stack([one for one, _ in found])[:, None] if len(found) != 1 else found[0][0][None, None]
    return depth, sum(nonpositive for _, nonpositive in found)


def ways_of(
    alignment: "Alignment", pixels: FitPixels, line: FittedLine | None, limits: ClampLimits
) -> list[fit_kernel.Way]:
    """Say how ``fits.c`` brings each image to depth; arguments as for :func:`limited_pixels`."""
    near, far = (
        _edge_values(alignment, limit, pixels, side)
        for limit, side in zip(alignment.clamp or (None, None), ("near", "far"), strict=True)
    )
    least, greatest = (far, near) if alignment.space == "disparity" else (near, far)
    floor = -math.inf if alignment.floor is None else alignment.floor
    lines = pixels.numbers_of_line(alignment) if line is None else line.numbers()
    between = pixels.quantity, alignment.space
    return [
        fit_kernel.way(own, between, (floor, -math.inf if a is None else a, math.inf if b is None else b), limits)
        for own, a, b in zip(lines, least, greatest, strict=True)
    ]


def _through(
    alignment: "Alignment",
    prediction: Tensor,
    quantity: Quantity,
    line: FittedLine,
    least: Tensor | None,
    greatest: Tensor | None,
) -> Tensor:
    """Depth of maps ``(B, 1, H, W)``."""
    value = line.of(alignment.raised(in_space(prediction, quantity, alignment.space)))
    if least is not None:
        torch.maximum(value, least, out=value)
    if greatest is not None:
        torch.minimum(value, greatest, out=value)
    return SPACES[alignment.space].to_depth(value).float()


def _limits(alignment: "Alignment", pixels: FitPixels) -> tuple[Tensor | None, Tensor | None]:
    """Least and greatest value in the space; NaN is within any."""
    if alignment.clamp is None:
        return None, None
    sides = zip(alignment.clamp, ("near", "far"), strict=True)
    near, far = (_edge(alignment, limit, pixels, side) for limit, side in sides)
    return (far, near) if alignment.space == "disparity" else (near, far)


def _edge(alignment: "Alignment", limit: Limit, pixels: FitPixels, side: str) -> Tensor | None:
    if limit is None:
        return None
    if limit == "truth":
        metres = pixels.extreme_truth(side)
    else:
        metres = torch.full((1, 1, 1, 1), float(limit), dtype=torch.float64, device=pixels.truth.device)
    return SPACES[alignment.space].of_depth(metres)


def _edge_values(alignment: "Alignment", limit: Limit, pixels: FitPixels, side: str) -> Sequence[float | None]:
    """:func:`_edge` of each image."""
    if limit == "truth":
        return [of_metres(alignment.space, metres) for metres in pixels.extremes(side)]
    return [None if limit is None else of_metres(alignment.space, float(limit))] * len(pixels.prediction)
