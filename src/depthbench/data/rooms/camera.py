"""Where the camera stands and what it sees: poses of every frame of a scene, intrinsics of every size."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depthbench.data.rooms.hashing import Draws

Array = npt.NDArray[np.float64]

FRAMES = 924
"""Frames of one scene: 249 scenes hold the 230,000 of the training pool."""
_SHOTS, _TRIES = 24, 72
_LOOKS = (0.0, 0.5, 1.0)


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


def cast(boxes: Array, eye: Array, direction: Array) -> Array:
    """Distance along ``direction`` to the nearest box: boxes ``(P, 8)``, eye and direction ``(N, 3)`` -> ``(N,)``."""
    c, s = boxes[:, 6], boxes[:, 7]
    offset = eye[:, None] - boxes[None, :, :3]

    def local(vector: Array) -> Array:
        x, y = vector[..., 0], vector[..., 1]
        return np.stack([c * x + s * y, c * y - s * x, np.broadcast_to(vector[..., 2], x.shape)], -1)

    o = local(offset)
    d = local(np.broadcast_to(direction[:, None], offset.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, reach = -o / d, np.abs(boxes[None, :, 3:6] / d)
        near, far = (middle - reach).max(-1), (middle + reach).min(-1)
    # Inside a box counts as touching it: such a pose is refused.
    t: Array = np.where((near < far) & (far > 0), np.maximum(near, 0), np.inf).min(1)
    return t


def _clear(poses: Array, boxes: Array) -> npt.NDArray[np.bool_]:
    """Poses in free space whose view is neither blocked nor empty."""
    x, y = np.meshgrid([-0.55, -0.2, 0.2, 0.55], [-0.4, -0.1, 0.4])
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    world = np.einsum("nij,rj->nri", rotations(*poses.T[3:]), rays)
    eye = np.repeat(poses[:, :3], len(rays), 0)
    depth = cast(boxes, eye, world.reshape(-1, 3)).reshape(len(poses), -1)
    ring = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    around = np.stack([np.cos(ring), np.sin(ring), 0 * ring], -1)
    space = cast(boxes, np.repeat(poses[:, :3], 8, 0), np.tile(around, (len(poses), 1))).reshape(len(poses), -1)
    free: npt.NDArray[np.bool_] = (
        (space.min(1) > 0.25) & (depth.min(1) > 0.6) & (np.median(depth, 1) > 1.3) & (np.median(depth, 1) < 5.5)
    )
    return free


def plan(draw: Draws, room: tuple[float, float], boxes: Array) -> Shots:
    """Camera moves through the free space of a room ``(length, width)`` with these boxes."""
    length, width = room
    first, last = [], []
    for _ in range(_TRIES):
        x, y, z = draw(0.35, length - 0.35), draw(0.35, width - 0.35), draw(1.0, 1.7)
        # Mostly towards the room's far side, as people hold a camera.
        yaw = np.arctan2(width * draw(0.1, 0.9) - y, length * draw(0.1, 0.9) - x)
        pitch, roll = draw(-0.45, 0.0) - 0.12 * (z - 1.35), draw(-0.05, 0.05)
        first.append((x, y, z, yaw, pitch, roll))
        move = (
            draw(-0.4, 0.4),
            draw(-0.4, 0.4),
            draw(-0.1, 0.1),
            draw(-0.5, 0.5),
            draw(-0.12, 0.12),
            draw(-0.04, 0.04),
        )
        last.append(tuple(np.add(first[-1], move)))
    start, end = np.array(first), np.array(last)
    clear = np.all([_clear(start + (end - start) * part, boxes) for part in _LOOKS], 0)
    order = np.argsort(~clear, kind="stable")
    order = order[: max(1, min(_SHOTS, int(clear.sum())))]
    return Shots(start[order], end[order])


def poses(shots: Shots) -> tuple[Array, Array]:
    """Eye ``(FRAMES, 3)`` and rotation ``(FRAMES, 3, 3)`` of every frame of a scene."""
    along = np.arange(FRAMES) * len(shots.first) / FRAMES
    shot = along.astype(int)
    part = (along - shot)[:, None]
    pose = shots.first[shot] + (shots.last[shot] - shots.first[shot]) * part
    return pose[:, :3], rotations(*pose.T[3:])
