"""The box that each pixel sees, and the place: exact ray casting through the tiles."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.rooms import tiles
from depthbench.rooms.solids import BOX, ELLIPSOID, TINY, Maps3, crossing, piercing, round_normal
from depthbench.rooms.tiles import TILE

_FAR = 1e8
_ID_BITS = 8
NEAR = 1e-3
Passage = Callable[[list[Tensor], Tensor], tuple[Tensor, Tensor]]


class View(NamedTuple):
    """A batch of cameras in their scenes.

    Attributes:
        eyes: ``(B, 3)`` positions in metres.
        turns: ``(B, 3, 3)``; columns are the right, down and forward axes.
        boxes: ``(B, P, 9)``: center, half sizes, cosine and sine of the turn, and the solid in it (see ``solids``);
            padding has half sizes < 0.
        xs: ``(columns * TILE,)`` horizontal slopes of the pixel columns; ``ys`` the same of the rows.
    """

    eyes: Tensor
    turns: Tensor
    boxes: Tensor
    xs: Tensor
    ys: Tensor


class Hits(NamedTuple):
    """Hits of the pixels' rays, all ``(N, TILE * TILE)`` in tile order unless said otherwise.

    Attributes:
        depth: metres along the optical axis.
        box: int64 index into the flattened ``(B * P)`` boxes.
        axis: the box's own axis that the seen face is (mostly) across: three one-hot maps.
        local: three coordinates of the point in the box's own axes, from its lowest corner.
        point: three world coordinates.
        normal: three world components, towards the camera.
        ray: three world components of the pixel's ray, of depth 1.
        facing: cosine between the normal and the way back to the camera.
    """

    depth: Tensor
    box: Tensor
    axis: Maps3
    local: Maps3
    point: Maps3
    normal: Maps3
    ray: Maps3
    facing: Tensor


def _own_axes(boxes: Tensor, vector: Tensor) -> Tensor:
    """World vectors ``(..., 3)`` in the axes of boxes ``(..., 9)``."""
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
        """Boxes that reach between the two sides of each tile along axis ``k``."""
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
    """The thing that each pixel sees: the nearest of all boxes and round things."""
    batch, boxes = view.boxes.shape[:2]
    offset, axes = _box_rays(view)
    touching = _touching(view, offset, axes)
    # One row per box: offset 3, half sizes 3, for each own axis its camera components, and the solid in it.
    table = torch.cat([offset, view.boxes[..., 3:6], axes.flatten(-2), view.boxes[..., 8:]], -1).flatten(0, 1)
    square = (view.boxes[..., 8] == BOX)[:, None, None]
    nearest = _nearest(view, touching & square, table, _through_boxes)
    nearest = torch.minimum(nearest, _nearest(view, touching & ~square, table, _through_rounds))
    per_image = len(nearest) // batch
    image = torch.arange(batch, device=nearest.device).repeat_interleave(per_image)[:, None]
    box = nearest.flatten(1).bitwise_and_((1 << _ID_BITS) - 1).clamp_(max=boxes - 1) + image * boxes
    return _resolve(view, box, per_image)


def _nearest(view: View, touching: Tensor, table: Tensor, passage: Passage) -> Tensor:
    """Depth and box of the nearest, as one integer (see :func:`_key`): ``(N, TILE, TILE)`` int32."""
    batch, boxes = view.boxes.shape[:2]
    xs, ys, per_image = _slopes(view)
    lists = tiles.build(touching.flatten(0, 2), per_image)
    xs, ys = xs.repeat(batch, 1)[lists.order], ys.repeat(batch, 1)[lists.order]
    best = torch.full((batch * per_image, TILE, TILE), _FAR, device=xs.device).view(torch.int32)
    for count, index in lists.slots():
        row = table[index][..., None, None]
        way = [
            (ys[:count, :, None] * row[:, k + 1] + row[:, k + 2] + xs[:count, None] * row[:, k]).add_(TINY)
            for k in (6, 9, 12)
        ]
        near, far = passage(way, row)
        torch.minimum(best[:count], _key(near, far, index % boxes), out=best[:count])
    return torch.empty_like(best).index_copy_(0, lists.order, best)


def _through_boxes(way: list[Tensor], row: Tensor) -> tuple[Tensor, Tensor]:
    return crossing([part.reciprocal_() for part in way], row[:, :3].unbind(1), row[:, 3:6].unbind(1))


def _through_rounds(way: list[Tensor], row: Tensor) -> tuple[Tensor, Tensor]:
    return piercing(way, row[:, :3].unbind(1), row[:, 3:6].unbind(1), row[:, 15])[:2]


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
    columns = view.boxes.flatten(0, 1).t().contiguous().index_select(1, box.flatten()).view(9, *box.shape)
    c, s = columns[6], columns[7]
    ox, oy, oz = (eyes[:, k : k + 1] - columns[k] for k in range(3))
    origin = (c * ox + s * oy, c * oy - s * ox, oz)
    way = (c * ray[0] + s * ray[1] + TINY, c * ray[1] - s * ray[0] + TINY, ray[2] + TINY)
    depth, axis, own = _faces(origin, way, columns[3:6])
    _bend(columns, origin, way, (depth, *axis, *own))
    local = tuple(o + h + depth * w for o, h, w in zip(origin, columns[3:6], way, strict=True))
    normal = (c * own[0] - s * own[1], s * own[0] + c * own[1], own[2])
    point = tuple(eyes[:, k : k + 1] + depth * ray[k] for k in range(3))
    length = (ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]).sqrt_()
    facing = -(normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]) / length
    return Hits(depth, box, axis, local, point, normal, ray, facing)  # type: ignore[arg-type]


def _faces(origin: Maps3, way: Maps3, half: Tensor) -> tuple[Tensor, Maps3, Maps3]:
    """Depth, axis of the face (one-hot) and normal in the box's own axes, where rays meet the front of a box."""
    entry = [-(o + h * torch.sign(w)) / w for o, h, w in zip(origin, half, way, strict=True)]
    depth = torch.maximum(torch.maximum(entry[0], entry[1]), entry[2])
    on_x = (entry[0] >= depth).float()
    on_y = (entry[1] >= depth).float() * (1 - on_x)
    axis = (on_x, on_y, 1 - on_x - on_y)
    return depth, axis, tuple(-a * torch.sign(w) for a, w in zip(axis, way, strict=True))


def _bend(columns: Tensor, origin: Maps3, way: Maps3, maps: tuple[Tensor, ...]) -> None:
    """Replace the depth, axis and normal of boxes by the values of the round things that fill them."""
    seen = (columns[8] != BOX).flatten().nonzero().squeeze(1)
    half = columns[3:6].flatten(1)[:, seen].unbind(0)
    shape = columns[8].flatten()[seen]
    start, along = ([part.flatten()[seen] for part in vector] for vector in (origin, way))
    depth, _, lid = piercing(along, start, half, shape)
    cap = (lid >= depth).float() * -torch.sign(along[2]) * (shape != ELLIPSOID)
    own = round_normal([o + depth * w for o, w in zip(start, along, strict=True)], half, shape, cap)
    size = [part.abs() for part in own]
    on_z = (size[2] >= torch.maximum(size[0], size[1])).float()
    on_x = (size[0] >= size[1]).float() * (1 - on_z)
    for whole, part in zip(maps, (depth, on_x, 1 - on_x - on_z, on_z, *own), strict=True):
        whole.view(-1)[seen] = part
