"""Light on the surfaces: two soft lights with shadows, ambient light with occlusion, and the exposure of the camera."""

import torch
from torch import Tensor

from depthbench.rooms import tiles
from depthbench.rooms.camera import WALLS
from depthbench.rooms.raycast import Hits, View
from depthbench.rooms.solids import BOX, TINY, crossing, piercing
from depthbench.rooms.solids import Maps3 as Maps3
from depthbench.rooms.texture import Surface

_REACH = 0.25
"""Distance (m) up to which a surface darkens its neighbors."""
_DIM = 0.03
"""Light under which a tile's shadows would not show beside the ambient light of 0.3."""
_THIN, _SMALL = 0.012, 0.045
"""Half of the thickness and half of the width (m) under which things throw no shadow."""


def _bounds(point: Maps3) -> tuple[Tensor, Tensor]:
    """Lowest and highest corner ``(N, 3)`` of the points of each tile."""
    return torch.stack([p.amin(1) for p in point], -1), torch.stack([p.amax(1) for p in point], -1)


def _per_tile(values: Tensor, count: int) -> Tensor:
    """Expand ``(B, ...)`` to the tiles of the batch, ``(N, ...)``."""
    return values.repeat_interleave(count // len(values), 0)


def _extents(boxes: Tensor) -> Tensor:
    """Half sizes ``(B, P, 3)`` along the world's axes."""
    c, s, half = boxes[..., 6].abs(), boxes[..., 7].abs(), boxes[..., 3:6]
    return torch.stack([c * half[..., 0] + s * half[..., 1], s * half[..., 0] + c * half[..., 1], half[..., 2]], -1)


def _overlap(boxes: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``(B, N / B, P)``: boxes whose bounding box along the world's axes meets a tile's."""
    per = len(low) // len(boxes)
    extent = _extents(boxes)
    meet = (boxes[..., 3] > 0)[:, None].expand(-1, per, -1).clone()
    for k in range(3):
        meet &= (boxes[..., k] + extent[..., k])[:, None] > low[:, k].view(-1, per, 1)
        meet &= (boxes[..., k] - extent[..., k])[:, None] < high[:, k].view(-1, per, 1)
    return meet


def _shading_boxes(view: View, low: Tensor, high: Tensor, light: Tensor, lit: Tensor) -> Tensor:
    """``(N, P)``: boxes that may stand between the light and a lit tile: between them, and in its cone."""
    boxes = view.boxes
    here = _per_tile(light, len(low))
    meet = _overlap(boxes, torch.minimum(low, here), torch.maximum(high, here))
    radius = boxes[..., 3:6].clamp(min=0).norm(dim=-1)
    to_box = boxes[..., :3] - light[:, None]
    far_box = to_box.norm(dim=-1).clamp(min=1e-6)
    width = (radius / far_box).clamp(max=1).asin()
    to_tile = (low + high) / 2 - here
    far_tile = to_tile.norm(dim=-1).clamp(min=1e-6)
    tile_width = ((high - low).norm(dim=-1) / 2 / far_tile).clamp(max=1).asin()
    per = meet.shape[1]
    cosine = (to_tile / far_tile[:, None]).view(-1, per, 3) @ (to_box / far_box[..., None]).transpose(1, 2)
    limit = (tile_width.view(-1, per, 1) + width[:, None] + 1e-2).clamp(max=3.1415)
    meet &= (cosine > limit.cos()) | (radius >= far_box)[:, None]
    meet &= lit.view(-1, per, 1)
    meet &= _solid(boxes)[:, None]
    return meet.flatten(0, 1)


def _solid(boxes: Tensor) -> Tensor:
    """``(B, P)``: solids with a shadow worth its cost: not the room itself, nor sheets and small things."""
    half = boxes[..., 3:6].sort(-1).values
    solid = (half[..., 0] > _THIN) & (half[..., 1] > _SMALL)
    solid[:, :WALLS] = False
    return solid


def _own(point: Maps3, row: Tensor) -> Maps3:
    """Maps3s in the axes of one box per tile; rows start with center, half sizes, cosine and sine."""
    x, y = point[0] - row[:, 0], point[1] - row[:, 1]
    return row[:, 6] * x + row[:, 7] * y, row[:, 6] * y - row[:, 7] * x, point[2] - row[:, 2]


def shadow(view: View, point: Maps3, light: Tensor, radius: Tensor, lit: Tensor) -> Tensor:
    """Share of a light that reaches each point.

    A ray that passes a box near its edge crosses little of it, so the length of the crossing stands for the covered
    part of the lamp; the penumbra widens with the distance to the box. Tiles that are not ``lit (N,)`` are skipped.
    """
    shading = _shading_boxes(view, *_bounds(point), light, lit)
    square = _per_tile(view.boxes[..., 8] == BOX, len(shading))
    share = _shadow(view, point, light, radius, shading & square, rounds=False)
    return share.mul_(_shadow(view, point, light, radius, shading & ~square, rounds=True))


def _shadow(view: View, point: Maps3, light: Tensor, radius: Tensor, shading: Tensor, rounds: bool) -> Tensor:
    lists = tiles.build(shading, len(point[0]) // len(light))
    share = torch.ones_like(point[0])
    if not lists.active:
        return share
    sorted_point = tuple(p[lists.order] for p in point)
    here = _per_tile(light, len(share))[lists.order].unsqueeze(-1)
    softness = _per_tile(radius, len(share))[lists.order, None]
    way = tuple(here[:, k] - sorted_point[k] for k in range(3))
    distance = (way[0] * way[0] + way[1] * way[1] + way[2] * way[2]).sqrt_()
    table = view.boxes.flatten(0, 1)
    table = torch.cat([table, 2 * table[:, 3:6].amin(1, keepdim=True)], 1).unsqueeze(-1)
    for count, index in lists.slots():
        row = table[index]
        origin = _own(tuple(p[:count] for p in sorted_point), row)  # type: ignore[arg-type]
        lamp = _own(tuple(here[:count, k] for k in range(3)), row)  # type: ignore[arg-type]
        along = [(end - start).add_(TINY) for end, start in zip(lamp, origin, strict=True)]
        half = row[:, 3:6].unbind(1)
        if rounds:
            near, far, _ = piercing(along, origin, half, row[:, 8])
        else:
            near, far = crossing([part.reciprocal_() for part in along], origin, half)
        near.clamp_(min=2e-3)
        crossed = far.clamp_(max=0.98).sub_(near).mul_(distance[:count])
        edge = torch.minimum(near.mul_(distance[:count]).mul_(softness[:count]).add_(0.01), row[:, 9])
        share[:count].mul_(1 - crossed.div_(edge).clamp_(0, 1))
    return torch.empty_like(share).index_copy_(0, lists.order, share)


def occlusion(view: View, point: Maps3, normal: Maps3) -> Tensor:
    """Share of the ambient light that reaches each point: how free the space a little above the surface is."""
    probe: Maps3 = tuple(p + _REACH * n for p, n in zip(point, normal, strict=True))  # type: ignore[assignment]
    low, high = _bounds(probe)
    meet = _overlap(view.boxes, low - _REACH, high + _REACH)
    lists = tiles.build(meet.flatten(0, 1), meet.shape[1])
    share = torch.ones_like(point[0])
    sorted_probe = tuple(p[lists.order] for p in probe)
    table = view.boxes.flatten(0, 1).unsqueeze(-1).clone()
    # A round thing leaves the corners of its box free.
    table[:, 3:6] *= torch.where(table[:, 8:] == BOX, 1.0, 0.8)
    for count, index in lists.slots():
        row = table[index]
        local = _own(tuple(p[:count] for p in sorted_probe), row)  # type: ignore[arg-type]
        beyond = [local[k].abs().sub_(row[:, 3 + k]).clamp_(min=0) for k in range(3)]
        square = (beyond[0] * beyond[0]).add_(beyond[1].mul_(beyond[1])).add_(beyond[2].mul_(beyond[2]))
        near = square.sqrt_().mul_(-1 / _REACH).add_(1).clamp_(min=0)
        share[:count].mul_(near.mul_(-0.55).add_(1))
    return torch.empty_like(share).index_copy_(0, lists.order, share)


def shade(view: View, hits: Hits, surface: Surface, lights: Tensor) -> Tensor:
    """Linear light ``(3, N, M)`` towards the camera; lights ``(B, 2, 7)`` as in the layout."""
    count = len(hits.depth)
    free = occlusion(view, hits.point, hits.normal)
    sky = hits.normal[2] * 0.08 + 0.3
    received = [sky * free * k for k in (1.0, 0.98, 0.94)]
    for lamp in lights.unbind(1):
        here = _per_tile(lamp, count).unsqueeze(-1)
        way = [here[:, k] - hits.point[k] for k in range(3)]
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        cosine = way[0] * hits.normal[0] + way[1] * hits.normal[1] + way[2] * hits.normal[2]
        strength = cosine.clamp_(min=0) / (square.sqrt() * (square + 0.6))
        lit = (strength * here[:, 5]).amax(1) > _DIM
        reached = shadow(view, hits.point, lamp[:, :3], lamp[:, 6], lit)
        strength = strength * reached * (0.3 + 0.7 * free)
        received = [r + strength * here[:, 3 + k] for k, r in enumerate(received)]
    return torch.stack([surface.albedo[k] * (received[k] + surface.glow) for k in range(3)])
