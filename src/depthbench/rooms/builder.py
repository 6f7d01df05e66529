"""Puts boxes into a room without letting pieces of furniture overlap."""

import math
from typing import NamedTuple

from depthbench.rooms.hashing import Draws
from depthbench.rooms.materials import Material
from depthbench.rooms.solids import BOX

Point = tuple[float, float, float]
Extent = tuple[float, float]
Faces = int | tuple[int, int, int]


class Spot(NamedTuple):
    """A place for a piece: origin on the floor (metres) and the direction (radians) of its own x axis."""

    x: float
    y: float
    angle: float


def moved(spot: Spot, x: float, y: float, turn: float = 0.0) -> Spot:
    """The spot shifted along its own axes, then turned."""
    c, s = math.cos(spot.angle), math.sin(spot.angle)
    return Spot(spot.x + c * x - s * y, spot.y + s * x + c * y, spot.angle + turn)


class Builder:
    """Collects the boxes and materials of one room of ``room`` = length, width, height in metres."""

    def __init__(self, room: Point) -> None:
        self.room = room
        self.boxes: list[list[float]] = []
        self.faces: list[tuple[int, int, int]] = []
        self.materials: list[list[float]] = []
        self.bright: Point | None = None
        self._taken: list[tuple[Extent, Extent, Extent]] = []

    def material(self, material: Material) -> int:
        """Register a material; returns its number."""
        self.materials.append(material.row())
        return len(self.materials) - 1

    def box(self, center: Point, half: Point, faces: Faces, angle: float = 0.0, shape: float = BOX) -> None:
        """A box, or the solid that fills it, in room coordinates, turned about the vertical."""
        self.boxes.append([*center, *half, math.cos(angle), math.sin(angle), shape])
        self.faces.append((faces, faces, faces) if isinstance(faces, int) else faces)

    def put(
        self, spot: Spot, x: Extent, y: Extent, z: Extent, faces: Faces, turn: float = 0.0, shape: float = BOX
    ) -> None:
        """A box in the coordinates of a piece at ``spot``: x along its front, y away from its back, z up."""
        mx, my = (x[0] + x[1]) / 2, (y[0] + y[1]) / 2
        c, s = math.cos(spot.angle), math.sin(spot.angle)
        center = (spot.x + c * mx - s * my, spot.y + s * mx + c * my, (z[0] + z[1]) / 2)
        half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2, (z[1] - z[0]) / 2)
        self.box(center, half, faces, spot.angle + turn, shape)

    def reserve(self, spot: Spot, x: Extent, y: Extent, z: Extent) -> bool:
        """Claim the space of a piece; False (and nothing claimed) if it is taken or leaves the room."""
        c, s = math.cos(spot.angle), math.sin(spot.angle)
        xs = [spot.x + c * u - s * v for u in x for v in y]
        ys = [spot.y + s * u + c * v for u in x for v in y]
        space = ((min(xs), max(xs)), (min(ys), max(ys)), z)
        inside = all(low > -1e-6 and high < side + 1e-6 for (low, high), side in zip(space, self.room, strict=True))
        if not inside or any(_meet(space, other) for other in self._taken):
            return False
        self._taken.append(space)
        return True

    def at_wall(self, draw: Draws, size: Point, low: float = 0.0, tries: int = 12) -> Spot | None:
        """A free place with its back to a wall for a piece of width, depth and height, ``low`` above the floor."""
        length, width, _ = self.room
        for _ in range(tries):
            wall = draw.count(0, 3)
            side = length if wall % 2 == 0 else width
            if side < size[0]:
                continue
            s = draw(size[0] / 2, side - size[0] / 2)
            # Furniture likes corners.
            s = size[0] / 2 + 0.01 if draw.chance(0.3) else s
            spot = (Spot(s, 0, 0.0), Spot(length, s, math.pi / 2), Spot(s, width, math.pi), Spot(0, s, -math.pi / 2))
            half = size[0] / 2
            if self.reserve(spot[wall], (-half, half), (0.0, size[1]), (low, low + size[2])):
                return spot[wall]
        return None

    def in_middle(self, draw: Draws, size: Point, tries: int = 12) -> Spot | None:
        """A free place away from the walls, mostly parallel to them; the origin is the middle of its back."""
        length, width, _ = self.room
        for _ in range(tries):
            angle = draw.count(0, 3) * math.pi / 2 + (draw(-0.5, 0.5) if draw.chance(0.25) else 0.0)
            spot = Spot(draw(0.2, 0.8) * length, draw(0.2, 0.8) * width, angle)
            if self.reserve(spot, (-size[0] / 2, size[0] / 2), (0.0, size[1]), (0.0, size[2])):
                return spot
        return None


def _meet(a: tuple[Extent, Extent, Extent], b: tuple[Extent, Extent, Extent]) -> bool:
    (ax, ay, az), (bx, by, bz) = a, b  # written out: asked tens of thousands of times
    along = ax[0] < bx[1] and bx[0] < ax[1] and ay[0] < by[1] and by[0] < ay[1]
    return along and az[0] < bz[1] and bz[0] < az[1]
