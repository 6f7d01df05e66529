"""Where the camera stands and what it sees: poses of every frame of a scene, intrinsics of every size."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depthbench.data.rooms.hashing import Draws

Array = npt.NDArray[np.float64]

WALLS = 6
"""The first boxes of a scene are floor, ceiling and walls."""
FRAMES = 924
"""Frames of one scene: 249 scenes hold the 230,000 of the training pool."""
_SHOTS, _TRIES = 24, 48
_LOOKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Shots(NamedTuple):
    """Straight camera moves, each from a first to a last pose ``(x, y, z, yaw, pitch, roll)``: ``(N, 6)`` each."""

    first: Array
    last: Array


def intrinsics(size: tuple[int, int]) -> Array:
    """``(3, 3)`` of a Kinect color image of 640x480 resized to ``size`` (height, width); facts of the NYUv2 toolbox."""
    sy, sx = size[0] / 480, size[1] / 640
    return np.array(
        [
            [518.85790117 * sx, 0, (325.58244941 + 0.5) * sx - 0.5],
            [0, 519.46961112 * sy, (253.73616633 + 0.5) * sy - 0.5],
            [0, 0, 1],
        ]
    )


def rotations(yaw: Array, pitch: Array, roll: Array) -> Array:
    """``(N, 3, 3)``: the columns are the camera's right, down and forward axes in the world (z is up)."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    forward = np.stack([cy * cp, sy * cp, sp], -1)
    level = np.stack([sy, -cy, 0 * cy], -1)
    steep = np.cross(forward, level)
    right = cr[:, None] * level + sr[:, None] * steep
    return np.stack([right, np.cross(forward, right), forward], -1)


def _own(boxes: Array, vector: Array) -> Array:
    """World vectors ``(N, 3)`` in the axes of every box ``(P, 9)``: ``(3, N, P)``."""
    c, s = boxes[:, 6], boxes[:, 7]
    x, y, z = vector.T[..., None]
    return np.stack([c * x + s * y, c * y - s * x, np.broadcast_to(z, (len(vector), len(boxes)))])


def clearance(boxes: Array, eye: Array) -> Array:
    """Distance from each eye ``(N, 3)`` to the nearest box ``(P, 9)``; 0 inside."""
    offset = _own(boxes, eye) - _centers(boxes)
    beyond = np.maximum(np.abs(offset) - boxes[:, 3:6].T[:, None], 0)
    distance: Array = np.sqrt((beyond**2).sum(0)).min(1)
    return distance


def _centers(boxes: Array) -> Array:
    """Centers in the boxes' own axes, ``(3, 1, P)``."""
    c, s, x, y = boxes[:, 6], boxes[:, 7], boxes[:, 0], boxes[:, 1]
    return np.stack([c * x + s * y, c * y - s * x, boxes[:, 2]])[:, None]


def seen(boxes: Array, eye: Array, rays: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """Depth and number of the box that the rays ``(N, R, 3)`` from eyes ``(N, 3)`` hit, ``(N, R)`` each."""
    count = rays.shape[1]
    origin = np.repeat(_own(boxes, eye) - _centers(boxes), count, 1)
    inverse = 1 / _own(boxes, rays.reshape(-1, 3))
    middle, reach = -origin * inverse, np.abs(inverse) * boxes[:, 3:6].T[:, None]
    near, far = (middle - reach).max(0), (middle + reach).min(0)
    depth = np.where((near < far) & (near > 0), near, np.inf)
    return depth.min(1).reshape(-1, count), depth.argmin(1).reshape(-1, count)


def _open(poses: Array, boxes: Array) -> npt.NDArray[np.bool_]:
    """Poses whose view is neither blocked nor endless, and not of bare walls: photographs are of things."""
    x, y = np.meshgrid([-0.5, -0.17, 0.17, 0.5], [-0.4, 0.0, 0.4])
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    world = np.einsum("nij,rj->nri", rotations(*poses.T[3:]), rays)
    depth, box = seen(boxes, poses[:, :3], world)
    middle, bare = np.median(depth, 1), (box < WALLS).mean(1)
    opened: npt.NDArray[np.bool_] = (depth.min(1) > 0.5) & (middle > 1.0) & (middle < 7.0) & (bare < 0.7)
    return opened


def _candidates(draw: Draws, room: tuple[float, float], count: int) -> tuple[Array, Array]:
    length, width = room
    first, move = [], []
    for _ in range(count):
        x, y, z = draw(0.35, length - 0.35), draw(0.35, width - 0.35), draw(1.0, 1.7)
        # Towards the rest of the room, as people hold a camera.
        yaw = np.arctan2(width * draw(0.1, 0.9) - y, length * draw(0.1, 0.9) - x)
        first.append((x, y, z, yaw, draw(-0.55, -0.05) - 0.12 * (z - 1.35), draw(-0.05, 0.05)))
        walk = draw(-0.4, 0.4), draw(-0.4, 0.4), draw(-0.1, 0.1)
        move.append((*walk, draw(-0.5, 0.5), draw(-0.12, 0.12), draw(-0.04, 0.04)))
    return np.array(first), np.array(first) + np.array(move)


def plan(draw: Draws, room: tuple[float, float], boxes: Array) -> Shots:
    """Camera moves through the free space of a room ``(length, width)`` with these boxes."""
    found: list[Shots] = []
    total = 0
    for _ in range(20):
        start, end = _candidates(draw, room, _TRIES)
        clear = np.all([clearance(boxes, (start + (end - start) * k)[:, :3]) > 0.25 for k in _LOOKS], 0)
        start, end = start[clear], end[clear]
        opened = _open(start, boxes) & _open(end, boxes)
        found.append(Shots(start[opened], end[opened]))
        total += int(opened.sum())
        if total >= _SHOTS:
            break
    return Shots(*(np.concatenate(part)[:_SHOTS] for part in zip(*found, strict=True)))


def poses(shots: Shots) -> tuple[Array, Array]:
    """Eye ``(FRAMES, 3)`` and rotation ``(FRAMES, 3, 3)`` of every frame of a scene."""
    along = np.arange(FRAMES) * len(shots.first) / FRAMES
    shot = along.astype(int)
    part = (along - shot)[:, None]
    pose = shots.first[shot] + (shots.last[shot] - shots.first[shot]) * part
    return pose[:, :3], rotations(*pose.T[3:])
