"""Intersections of rays with boxes and the round solids that fill a box: upright cylinders and ellipsoids."""

from collections.abc import Sequence

import torch
from torch import Tensor

Maps3 = tuple[Tensor, Tensor, Tensor]
BOX, CYLINDER, ELLIPSOID = 0.0, 1.0, 2.0
"""Solids that fill a box: itself, an upright cylinder, or an ellipsoid, which touch its sides from inside."""
TINY = 1e-9
"""Added to directions: a ray exactly along a face must not divide by zero."""


def crossing(inverse: list[Tensor], origin: Sequence[Tensor], half: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Entry and exit of rays through a box, in multiples of their direction (entry > exit: they miss it).

    Args:
        inverse: the reciprocal of the direction along each of the box's own axes; consumed.
        origin: the origin in the box's own axes.
        half: the half sizes.
    """
    entries, exits = [], []
    for i, o, h in zip(inverse, origin, half, strict=True):
        middle = (i * o).neg_()
        reach = i.abs_().mul_(h)
        entries.append(middle - reach)
        exits.append(middle.add_(reach))
    near = torch.maximum(entries[0], entries[1], out=entries[0])
    far = torch.minimum(exits[0], exits[1], out=exits[0])
    return torch.maximum(near, entries[2], out=near), torch.minimum(far, exits[2], out=far)


def piercing(way: Sequence[Tensor], origin: Sequence[Tensor], half: Sequence[Tensor], shape: Tensor) -> Maps3:
    """Entry and exit of rays through a round solid, and their entry into the slab between its bottom and top.

    The middle of the way through comes first, the distance to it second: the textbook's discriminant loses half of the
    digits where a thing is small and far away.

    Args:
        way: the direction along each of its own axes.
        origin: the origin in its own axes.
        half: the half sizes.
        shape: CYLINDER or ELLIPSOID.
    """
    (u, v, w), (x, y, z) = ([part / h for part, h in zip(vector, half, strict=True)] for vector in (way, origin))
    ball = (shape == ELLIPSOID).float()
    square = u * u + v * v + w * w * ball
    middle = -(u * x + v * y + w * z * ball) / square
    x, y, height = x + middle * u, y + middle * v, z + middle * w
    room = (1 - (x * x + y * y + height * height * ball)) / square
    reach = room.clamp(min=0).sqrt_().add_(room.clamp(max=0))  # where they miss: entry after exit
    inverse = w.reciprocal()
    slab, depth = -z * inverse, inverse.abs()
    lid = slab - depth
    return torch.maximum(middle - reach, lid), torch.minimum(middle + reach, slab + depth), lid


def round_normal(point: Sequence[Tensor], half: Sequence[Tensor], shape: Tensor, lid: Tensor) -> Maps3:
    """Outward unit normal on a round thing, in its own axes.

    Args:
        point: on its surface, from its center, in its own axes.
        half: the half sizes.
        shape: CYLINDER or ELLIPSOID.
        lid: 1 on the top of a cylinder, -1 on its bottom, 0 elsewhere.
    """
    side = 1 - lid.abs()
    x, y, z = (p / (h * h) for p, h in zip(point, half, strict=True))
    x, y, z = x * side, y * side, z * side * (shape == ELLIPSOID) + lid
    length = (x * x + y * y + z * z).sqrt_()
    return x / length, y / length, z / length
