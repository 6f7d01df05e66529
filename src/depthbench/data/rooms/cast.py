"""Which box each pixel sees, and where: exact ray casting through the tiles."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.data.rooms import tiles
from depthbench.data.rooms.tiles import TILE

_FAR = 1e8
_ID_BITS = 8
NEAR = 1e-3
TINY = 1e-9
"""Added to directions: a ray exactly along a face must not divide by zero."""


class View(NamedTuple):
    """A batch of cameras in their scenes.

    Attributes:
        eyes: ``(B, 3)`` positions in metres.
        turns: ``(B, 3, 3)``; columns are the right, down and forward axes.
        boxes: ``(B, P, 8)``: center, half sizes, cosine and sine of the turn; padding has half sizes < 0.
        xs: ``(columns * TILE,)`` horizontal slopes of the pixel columns; ``ys`` the same of the rows.
    """

    eyes: Tensor
    turns: Tensor
    boxes: Tensor
    xs: Tensor
    ys: Tensor


class Hits(NamedTuple):
    """What the pixels see, all ``(N, TILE * TILE)`` in tile order unless said otherwise.

    Attributes:
        depth: metres along the optical axis.
        box: int64 index into the flattened ``(B * P)`` boxes.
        axis: the box's own axes that the seen face is across: three one-hot maps.
        local: three coordinates of the point in the box's own axes, from its lowest corner.
        point: three world coordinates.
        normal: three world components, towards the camera.
        ray: three world components of the pixel's ray, of depth 1.
        facing: cosine between the normal and the way back to the camera.
    """

    depth: Tensor
    box: Tensor
    axis: tuple[Tensor, Tensor, Tensor]
    local: tuple[Tensor, Tensor, Tensor]
    point: tuple[Tensor, Tensor, Tensor]
    normal: tuple[Tensor, Tensor, Tensor]
    ray: tuple[Tensor, Tensor, Tensor]
    facing: Tensor


def _own_axes(boxes: Tensor, vector: Tensor) -> Tensor:
    """World vectors ``(..., 3)`` in the axes of boxes ``(..., 8)``."""
    c, s = boxes[..., 6], boxes[..., 7]
    x, y, z = vector.unbind(-1)
    return torch.stack([c * x + s * y, c * y - s * x, z.expand_as(c * x)], -1)


def _box_rays(view: View) -> tuple[Tensor, Tensor]:
    """Each box as its camera sees it: center offset ``(B, P, 3)`` and ray axes ``(B, P, 3 own, 3 camera)``."""
    offset = _own_axes(view.boxes, view.eyes[:, None] - view.boxes[..., :3])
    turned = [_own_axes(view.boxes, view.turns[:, None, :, k].expand(*view.boxes.shape[:2], 3)) for k in range(3)]
    return offset, torch.stack(turned, -1)


def _touching(view: View, offset: Tensor, axes: Tensor) -> Tensor:
    """``(B, rows, columns, P)``: boxes that no side of the tile's pyramid of sight excludes."""
    half = view.boxes[..., 3:6]
    middle = -(offset[..., None] * axes).sum(-2)  # the box's center in camera coordinates

    def spans(slopes: Tensor, k: int) -> Tensor:
        edges = slopes.view(-1, TILE)
        low, high = edges[:, 0], edges[:, -1]

        def side(slope: Tensor, sign: float) -> Tensor:
            plane = axes[..., k, None] - axes[..., 2, None] * slope
            reach = (half[..., None] * plane.abs()).sum(-2)
            return sign * (middle[..., k, None] - middle[..., 2, None] * slope) + reach > -1e-4

        return side(low, 1.0) & side(high, -1.0)

    front = middle[..., 2] + (half * axes[..., 2].abs()).sum(-1) > NEAR
    real = front & (half[..., 0] > 0)
    across, along = spans(view.xs, 0) & real[..., None], spans(view.ys, 1)
    return along.permute(0, 2, 1)[:, :, None] & across.permute(0, 2, 1)[:, None]


def _slopes(view: View) -> tuple[Tensor, Tensor, int]:
    rows, columns = len(view.ys) // TILE, len(view.xs) // TILE
    xs = view.xs.view(1, columns, TILE).expand(rows, -1, -1).reshape(-1, TILE)
    ys = view.ys.view(rows, 1, TILE).expand(-1, columns, -1).reshape(-1, TILE)
    return xs, ys, rows * columns


def cast(view: View) -> Hits:
    """The nearest box of every pixel."""
    batch, boxes = view.boxes.shape[:2]
    offset, axes = _box_rays(view)
    lists = tiles.build(_touching(view, offset, axes).flatten(0, 2), len(view.xs) * len(view.ys) // TILE**2)
    xs, ys, per_image = _slopes(view)
    xs, ys = xs.repeat(batch, 1)[lists.order], ys.repeat(batch, 1)[lists.order]
    # One row per box: offset 3, half sizes 3, and for each own axis its camera components.
    table = torch.cat([offset, view.boxes[..., 3:6], axes.flatten(-2)], -1).flatten(0, 1)
    best = torch.full((batch * per_image, TILE, TILE), _FAR, device=xs.device).view(torch.int32)
    for count, index in lists.slots():
        row = table[index].unsqueeze(-1)
        inverse = [
            ((ys[:count] * b + c)[:, :, None] + (xs[:count] * a)[:, None, :]).add_(TINY).reciprocal_()
            for a, b, c in (row[:, k : k + 3].unbind(1) for k in (6, 9, 12))
        ]
        near, far = crossing(inverse, [row[:, k, :, None] for k in range(3)], [row[:, k, :, None] for k in range(3, 6)])
        key = _key(near, far, index % boxes)
        torch.minimum(best[:count], key, out=best[:count])
    restored = torch.empty_like(best)
    restored[lists.order] = best
    image = torch.arange(batch, device=xs.device).repeat_interleave(per_image)[:, None]
    box = restored.flatten(1).bitwise_and_((1 << _ID_BITS) - 1).clamp_(max=boxes - 1) + image * boxes
    return _resolve(view, box, per_image)


def crossing(inverse: list[Tensor], origin: Sequence[Tensor], half: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave a box, in multiples of their direction (entry > exit: they miss it).

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


def _key(near: Tensor, far: Tensor, box: Tensor) -> Tensor:
    """Depth and box in one integer that sorts by depth; a miss is far away. Consumes its arguments.

    Branches cost more than arithmetic here, so a ray that misses (near > far) or points away (near < 0) is pushed
    away in proportion. The last bits of the depth give way to the box's number; the depth is computed anew later.
    """
    miss = (near - far).mul_(_FAR)
    torch.maximum(miss, near * -_FAR, out=miss)
    torch.maximum(miss, near, out=miss)
    bits = miss.view(torch.int32)
    return bits.bitwise_and_(-1 << _ID_BITS).bitwise_or_(box.to(torch.int32)[:, None, None])


def _resolve(view: View, box: Tensor, per_image: int) -> Hits:
    """Exact depth, place and face on the box that each pixel sees."""
    batch = len(view.eyes)
    xs, ys, _ = _slopes(view)
    x = xs[:, None, :].expand(-1, TILE, -1).reshape(-1).repeat(batch).view(-1, TILE * TILE)
    y = ys[:, :, None].expand(-1, -1, TILE).reshape(-1).repeat(batch).view(-1, TILE * TILE)
    turns = view.turns.repeat_interleave(per_image, 0)
    eyes = view.eyes.repeat_interleave(per_image, 0)
    ray = tuple(x * turns[:, k, 0:1] + y * turns[:, k, 1:2] + turns[:, k, 2:3] for k in range(3))
    columns = view.boxes.flatten(0, 1).t().contiguous().index_select(1, box.flatten()).view(8, *box.shape)
    c, s = columns[6], columns[7]
    ox, oy, oz = (eyes[:, k : k + 1] - columns[k] for k in range(3))
    origin = (c * ox + s * oy, c * oy - s * ox, oz)
    way = (c * ray[0] + s * ray[1] + TINY, c * ray[1] - s * ray[0] + TINY, ray[2] + TINY)
    entry = [-(o + h * torch.sign(w)) / w for o, h, w in zip(origin, columns[3:6], way, strict=True)]
    depth = torch.maximum(torch.maximum(entry[0], entry[1]), entry[2])
    on_x = (entry[0] >= depth).float()
    on_y = (entry[1] >= depth).float() * (1 - on_x)
    on_z = 1 - on_x - on_y
    local = tuple(o + h + depth * w for o, h, w in zip(origin, columns[3:6], way, strict=True))
    nx, ny = -on_x * torch.sign(way[0]), -on_y * torch.sign(way[1])
    normal = (c * nx - s * ny, s * nx + c * ny, -on_z * torch.sign(way[2]))
    point = tuple(eyes[:, k : k + 1] + depth * ray[k] for k in range(3))
    length = (ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]).sqrt_()
    facing = -(normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]) / length
    return Hits(depth, box, (on_x, on_y, on_z), local, point, normal, ray, facing)  # type: ignore[arg-type]
