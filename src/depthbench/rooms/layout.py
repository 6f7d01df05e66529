"""One scene as numbers: the boxes of a room, their surfaces, the lights and the camera's way through it."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depthbench.rooms import camera, furniture, materials
from depthbench.rooms.builder import Builder
from depthbench.rooms.hashing import Draws

KINDS = ("bedroom", "living", "kitchen", "office", "dining", "bedroom", "living", "office")


class Layout(NamedTuple):
    """A scene. Boxes are padded by nothing: ``P`` differs from scene to scene.

    Attributes:
        boxes: ``(P, 9)`` float32: center, half sizes (metres), cosine and sine of the turn about the vertical, and
            the solid in it (see ``solids``).
        faces: ``(P, 3)`` int64: the material of the faces across the box's own x, y and z axis.
        materials: ``(M, FIELDS)`` float32, see :class:`~depthbench.rooms.materials.Material`.
        lights: ``(2, 7)`` float32: position, color, and the radius that softens its shadow.
        eyes: ``(FRAMES, 3)`` float32 positions of the camera.
        turns: ``(FRAMES, 3, 3)`` float32: columns are the camera's right, down and forward axes.
    """

    boxes: Tensor
    faces: Tensor
    materials: Tensor
    lights: Tensor
    eyes: Tensor
    turns: Tensor


def _shell(build: Builder, draw: Draws, kind: str) -> None:
    length, width, height = build.room
    paint = build.material(materials.plaster(draw))
    accent = build.material(materials.plaster(draw)) if draw.chance(0.3) else paint
    ground, top = build.material(materials.floor(draw, kind)), build.material(materials.ceiling(draw))
    thick = 0.1
    x, y, z = length / 2, width / 2, height / 2
    over = 2 * thick
    build.box((x, y, -thick), (x + over, y + over, thick), ground)
    build.box((x, y, height + thick), (x + over, y + over, thick), top)
    build.box((-thick, y, z), (thick, y + over, z + over), paint)
    build.box((length + thick, y, z), (thick, y + over, z + over), accent)
    build.box((x, -thick, z), (x + over, thick, z + over), paint)
    build.box((x, width + thick, z), (x + over, thick, z + over), paint)


def _lights(build: Builder, draw: Draws) -> list[list[float]]:
    length, width, height = build.room
    warm = draw(0.55, 1.0)
    power = draw(3.0, 7.0)
    x, y = length * draw(0.35, 0.65), width * draw(0.35, 0.65)
    main = [x, y, height - draw(0.15, 0.6), power, power * (0.7 + 0.3 * warm), power * warm, draw(0.05, 0.2)]
    other = build.bright or (length * draw(0.1, 0.9), width * draw(0.1, 0.9), draw(1.2, 1.8))
    power = draw(2.0, 8.0) if build.bright else draw(0.5, 2.5)
    return [main, [*other, power * 0.85, power * 0.95, power, 0.35]]


@cache
def layout(seed: int, scene: int) -> Layout:
    """Scene number ``scene`` of the world ``seed``."""
    draw = Draws(seed, scene, 1)
    kind = draw.pick(KINDS)
    build = Builder(furniture.room_size(draw, kind))
    _shell(build, draw, kind)
    furniture.furnish(build, draw, kind)
    boxes = np.array(build.boxes)
    shots = camera.plan(Draws(seed, scene, 2), build.room[:2], boxes)
    eyes, turns = camera.poses(shots)
    return Layout(
        boxes=torch.tensor(boxes, dtype=torch.float32),
        faces=torch.tensor(np.array(build.faces)),
        materials=torch.tensor(np.array(build.materials), dtype=torch.float32),
        lights=torch.tensor(_lights(build, Draws(seed, scene, 3))),
        eyes=torch.tensor(eyes, dtype=torch.float32),
        turns=torch.tensor(turns, dtype=torch.float32),
    )
