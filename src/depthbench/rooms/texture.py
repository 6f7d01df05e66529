"""Procedural textures at true scale: cells with joints under two scales of noise, faded where pixels are coarser."""

from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.rooms.hashing import scramble, unit
from depthbench.rooms.raycast import Hits

_U, _V = 0x27D4EB2F, 0x165667B1


class Surface(NamedTuple):
    """Optical properties of each pixel's surface, maps in tile order.

    Attributes:
        albedo: ``(3, N, M)`` linear RGB.
        glow: ``(N, M)`` its own light, as a multiple of the albedo.
        reflect: ``(N, M)`` how well the depth sensor sees it.
    """

    albedo: Tensor
    glow: Tensor
    reflect: Tensor


def value_noise(x: Tensor, y: Tensor, key: Tensor) -> Tensor:
    """Smooth noise in [-1, 1] with one value per unit square of ``(x, y)``; ``key`` int32 chooses the pattern."""
    column, row = x.floor(), y.floor()
    fx, fy = x - column, y - row
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    base = column.int().mul_(_U).add_(row.int().mul_(_V)).add_(key)
    low, high = (
        a + fx * (unit(scramble(base + step + _U)) - a)
        for step in (0, _V)
        for a in (unit(scramble(base + step)),)
    )  # fmt: skip
    return (low + fy * (high - low)).mul_(2).sub_(1)


def surfaces(hits: Hits, faces: Tensor, materials: Tensor, keys: Tensor, pixel: float) -> Surface:
    """Look up and evaluate the texture of every pixel.

    Args:
        hits: of the pixels' rays.
        faces: ``(B, P, 3)`` material of each box and axis.
        materials: ``(B, M, FIELDS)``.
        keys: ``(B,)`` int32, one per scene.
        pixel: size of a pixel at a distance of 1 (the reciprocal of the focal length).
    """
    shape = hits.depth.shape
    on_x, on_y, on_z = hits.axis
    face = hits.box * 3 + (on_y + 2 * on_z).long()
    batch = torch.arange(len(faces), device=faces.device)[:, None, None]
    table = torch.cat([materials[batch, faces], _face_keys(faces, keys)], -1).flatten(0, 2)
    row = table.t().contiguous().index_select(1, face.flatten()).view(-1, *shape)
    key = row[-1].int()
    u = on_x * hits.local[1] + (1 - on_x) * hits.local[0]
    v = on_z * hits.local[1] + (1 - on_z) * hits.local[2]
    width = hits.depth * pixel / hits.facing.clamp(min=0.1).sqrt()
    change, joint, hash_of_cell = _cells(u, v, row, key, width)
    change = change + _grain(u, v, row, key, width)
    albedo = []
    for k in range(3):
        tint = change + row[11] * (unit(hash_of_cell, 5 * k) - 0.5) * (1 - joint)
        color = row[k] + joint * (row[3 + k] - row[k])
        albedo.append((color * (1 + tint)).clamp_(0.004, 1.0))
    return Surface(torch.stack(albedo), row[16], row[17])


def _face_keys(faces: Tensor, keys: Tensor) -> Tensor:
    """``(B, P, 3, 1)``: a number of 24 bits for each face, exact in float32."""
    count = torch.arange(faces[0].numel(), dtype=torch.int32, device=faces.device).view(1, *faces.shape[1:])
    return (scramble(count * 0x3504F333 + keys[:, None, None]) & 0xFFFFFF).float()[..., None]


def _cells(u: Tensor, v: Tensor, row: Tensor, key: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness change of the cell, coverage by a joint, and the cell's hash."""
    cu, cv, joint = row[6], row[7], row[9]
    y = v / cv
    j = y.floor()
    x = u / cu + j * row[8]
    i = x.floor()
    hashed = scramble(i.int().mul_(_U).add_(j.int().mul_(_V)).add_(key))
    edge = torch.minimum((0.5 - (x - i - 0.5).abs()) * cu, (0.5 - (y - j - 0.5).abs()) * cv)
    covered = ((joint * 0.5 - edge) / width + 0.5).clamp_(0, 1) * (joint / width).clamp_(max=1.0)
    visible = (torch.minimum(cu, cv) / width - 0.5).clamp_(0, 1)
    return row[10] * (unit(hashed, 3) - 0.5) * visible * (1 - covered), covered, hashed


def _grain(u: Tensor, v: Tensor, row: Tensor, key: Tensor, width: Tensor) -> Tensor:
    gu, gv = row[12], row[13]
    visible = (torch.minimum(gu, gv) / width - 0.3).clamp_(0, 1)
    fine = value_noise(u / gu, v / gv, key)
    finer = value_noise(u * 2.7 / gu, v * 2.7 / gv, key + 77)
    coarse = value_noise(u * 1.9, v * 1.9, key + 177)
    return row[14] * visible * (fine + 0.6 * finer) * 0.7 + row[15] * coarse
