"""Fixed parts of a room: door, windows, pictures, rug and ceiling lamp."""

import math

from depthbench.rooms import materials as m
from depthbench.rooms import tables
from depthbench.rooms.builder import Builder, Spot, moved
from depthbench.rooms.clutter import centered
from depthbench.rooms.hashing import Draws
from depthbench.rooms.solids import BOX, CYLINDER


def door(build: Builder, draw: Draws) -> None:
    """A door with its frame; the floor before it stays free."""
    w, h = draw(0.8, 0.95), draw(1.98, 2.08)
    spot = build.at_wall(draw, (w + 0.16, 0.75, h))
    if spot is None:
        return
    leaf = m.wood(draw, along_u=False) if draw.chance(0.6) else m.paint(draw)
    panel = leaf._replace(cell=(w, h / draw.pick([1, 2, 3])), joint=0.02, joint_color=m.scale(leaf.color, 0.4))
    frame = build.material(leaf._replace(color=m.scale(leaf.color, draw.pick([0.7, 1.1]))))
    build.put(spot, (-w / 2, w / 2), (-0.05, 0.015), (0, h), build.material(panel))
    for x in (-w / 2 - 0.08, w / 2):
        build.put(spot, (x, x + 0.08), (-0.05, 0.03), (0, h + 0.08), frame)
    build.put(spot, (-w / 2, w / 2), (-0.05, 0.03), (h, h + 0.08), frame)
    x = draw.pick([-1, 1]) * (w / 2 - 0.08)
    build.put(spot, (x - 0.05, x + 0.05), (0.015, 0.06), (1.0, 1.03), build.material(m.metal(draw)))


def window(build: Builder, draw: Draws) -> None:
    """A window with frame and sill, sometimes curtains; it lights the room."""
    w, h, low = draw(0.8, 2.0), draw(0.9, 1.3), draw(0.85, 1.05)
    spot = build.at_wall(draw, (w + 0.5, 0.12, h + 0.1), low - 0.05)
    if spot is None:
        return
    day = draw(0.2, 2.2)
    frame = build.material(m.paint(draw)._replace(color=(0.8, 0.8, 0.78)))
    build.put(spot, (-w / 2, w / 2), (-0.05, 0.01), (low, low + h), build.material(m.glass(draw, day)))
    bars = draw.count(1, 3)
    for i in range(bars + 1):
        x = -w / 2 + i * w / bars
        build.put(spot, (x - 0.03, x + 0.03), (-0.05, 0.035), (low, low + h), frame)
    for z in (low, low + h):
        build.put(spot, (-w / 2 - 0.03, w / 2 + 0.03), (-0.05, 0.035 if z > low else 0.12), (z - 0.03, z + 0.03), frame)
    if draw.chance(0.5):
        cloth = build.material(m.fabric(draw)._replace(cell=(0.07, 50.0), vary=0.4))
        for x0, x1 in ((-w / 2 - 0.22, -w / 2 + 0.12), (w / 2 - 0.12, w / 2 + 0.22)):
            build.put(spot, (x0, x1), (0.05, 0.1), (draw(0.1, 0.7), low + h + 0.08), cloth)
    bright = moved(spot, 0.0, 0.25)
    build.bright = (bright.x, bright.y, low + 0.6 * h) if day > 0.6 else build.bright


def hang_picture(build: Builder, draw: Draws) -> None:
    """A framed picture, a poster, a board or a mirror on a free piece of wall."""
    w, h = draw(0.25, 1.1), draw(0.25, 0.8)
    low = draw(1.15, 1.5)
    spot = build.at_wall(draw, (w + 0.1, 0.04, h), low)
    if spot is None:
        return
    frame = build.material(m.wood(draw) if draw.chance(0.5) else m.paint(draw))
    sheet = m.picture(draw) if draw.chance(0.85) else m.plaster(draw)._replace(reflect=0.0, stain=0.6)
    build.put(spot, (-w / 2, w / 2), (0, 0.02), (low, low + h), frame)
    edge = draw(0.015, 0.05)
    build.put(spot, (-w / 2 + edge, w / 2 - edge), (0, 0.023), (low + edge, low + h - edge), build.material(sheet))


def hang_shelf(build: Builder, draw: Draws) -> None:
    """A board with things on it, on a free piece of wall."""
    size, low = (draw(0.5, 1.2), 0.25, 0.35), draw(1.3, 1.7)
    spot = build.at_wall(draw, size, low)
    if spot:
        tables.shelf(build, draw, spot, size, low)


def skirting(build: Builder, draw: Draws) -> None:
    """A board along the foot of each wall."""
    length, width, _ = build.room
    board = build.material(m.wood(draw) if draw.chance(0.4) else m.paint(draw)._replace(color=(0.75, 0.75, 0.72)))
    tall = draw(0.06, 0.14)
    for spot, side in ((Spot(0, 0, 0), length), (Spot(length, width, math.pi), length)):
        build.put(spot, (0, side), (0, 0.015), (0, tall), board)
    for spot in (Spot(length, 0, math.pi / 2), Spot(0, width, -math.pi / 2)):
        build.put(spot, (0, width), (0, 0.015), (0, tall), board)


def rug(build: Builder, draw: Draws) -> None:
    """A rug on the floor, under whatever stands there."""
    length, width, _ = build.room
    a, b = draw(0.25, 0.38) * length, draw(0.2, 0.35) * width
    cloth = build.material(m.patterned(draw, m.carpet(draw), 0.08, 0.4) if draw.chance(0.6) else m.fabric(draw))
    spot = Spot(length * draw(0.4, 0.6), width * draw(0.4, 0.6), 0.0)
    build.put(spot, (-a, a), (-b, b), (0, 0.012), cloth, draw(-0.3, 0.3) if draw.chance(0.3) else 0.0)


def ceiling_lamp(build: Builder, draw: Draws) -> None:
    """A lamp under the ceiling."""
    length, width, height = build.room
    spot = Spot(length / 2, width / 2, draw(0, 0.8))
    shade = build.material(m.lampshade(draw))
    r, drop = draw(0.12, 0.3), draw(0.03, 0.12)
    centered(build, spot, (2 * r, 2 * r), (height - drop, height), shade, 0.0, draw.pick([BOX, CYLINDER]))
