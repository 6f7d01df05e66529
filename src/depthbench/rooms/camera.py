"""Place and view of the camera: poses of every frame of a scene, intrinsics of every size."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depthbench.rooms.hashing import Draws

Array = npt.NDArray[np.float64]

WALLS = 6
"""The first boxes of a scene are floor, ceiling and walls."""
FRAMES = 924
"""Frames of one scene: 249 scenes hold the 230,000 of the training pool."""
_SHOTS, _TRIES, _ROUNDS = 24, 12, 80
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
    steep = _cross(forward, level)
    right = cr[:, None] * level + sr[:, None] * steep
    return np.stack([right, _cross(forward, right), forward], -1)


def _cross(a: Array, b: Array) -> Array:
    """Cross products of ``(N, 3)``; for few of them numpy's own spends most of its time on finding the axes."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def _own(boxes: Array, vector: Array) -> tuple[Array, Array, Array]:
    """World vectors ``(..., 3)`` in the axes of every box ``(P, 9)``: two of ``(..., P)``, and ``(..., 1)`` upwards."""
    c, s = boxes[:, 6], boxes[:, 7]
    x, y, z = (vector[..., k, None] for k in range(3))
    return c * x + s * y, c * y - s * x, z


def _offsets(boxes: Array, eye: Array) -> list[Array]:
    """Offsets of eyes ``(..., 3)`` from the centers of boxes ``(P, 9)`` along the boxes' axes: three ``(..., P)``."""
    c, s, x, y, z = boxes.T[[6, 7, 0, 1, 2]]
    return [there - here for there, here in zip(_own(boxes, eye), (c * x + s * y, c * y - s * x, z), strict=True)]


def clearance(boxes: Array, eye: Array) -> Array:
    """Distance from each eye ``(..., 3)`` to the nearest box ``(P, 9)``; 0 inside."""
    offsets = zip(_offsets(boxes, eye), boxes.T[3:6], strict=True)
    x, y, z = (np.maximum(np.abs(offset) - half, 0) for offset, half in offsets)
    distance: Array = np.sqrt((x * x + y * y + z * z).min(-1))
    return distance


def seen(boxes: Array, eye: Array, rays: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """Depth and number of the box that the rays ``(N, R, 3)`` from eyes ``(N, 3)`` hit, ``(N, R)`` each."""
    near, far = np.array(-np.inf), np.array(np.inf)
    for origin, way, half in zip(_offsets(boxes, eye), _own(boxes, rays), boxes.T[3:6], strict=True):
        inverse = 1 / way
        middle, reach = -origin[:, None] * inverse, np.abs(inverse) * half
        near, far = np.maximum(near, middle - reach), np.minimum(far, middle + reach)
    depth = np.where((near < far) & (near > 0), near, np.inf)
    return depth.min(2), depth.argmin(2)


def _open(poses: Array, boxes: Array) -> npt.NDArray[np.bool_]:
    """Poses whose view is neither blocked nor endless, and not of bare walls: photographs are of things."""
    x, y = np.meshgrid([-0.5, -0.17, 0.17, 0.5], [-0.4, 0.0, 0.4])
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    world = np.einsum("nij,rj->nri", rotations(*poses.T[3:]), rays)
    depth, box = seen(boxes, poses[:, :3], world)
    depth.sort(1)
    nearest, middle, bare = depth[:, 0], (depth[:, 5] + depth[:, 6]) / 2, (box < WALLS).mean(1)
    opened: npt.NDArray[np.bool_] = (nearest > 0.5) & (middle > 1.0) & (middle < 7.0) & (bare < 0.7)
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
    for _ in range(_ROUNDS):
        start, end = _candidates(draw, room, _TRIES)
        looks = np.stack([start + (end - start) * k for k in _LOOKS])
        clear = (clearance(boxes, looks[..., :3]) > 0.25).all(0)
        start, end = start[clear], end[clear]
        for ends in (0, 1):
            opened = _open((start, end)[ends], boxes)
            start, end = start[opened], end[opened]
        found.append(Shots(start, end))
        total += len(start)
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
