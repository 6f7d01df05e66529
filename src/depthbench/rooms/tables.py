"""Tables and desks, with the things on and around them."""

from math import pi

from depthbench.rooms import materials as m
from depthbench.rooms.builder import Builder, Point, Spot, moved
from depthbench.rooms.clutter import centered, clutter, thing
from depthbench.rooms.hashing import Draws
from depthbench.rooms.seating import chair, legs, veneer
from depthbench.rooms.solids import CYLINDER


def table(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A table with four legs, or a round one on a column."""
    w, d, h = size
    top = veneer(build, draw)
    if draw.chance(0.25):
        middle = moved(spot, 0.0, d / 2)
        centered(build, middle, (d, d), (h - 0.03, h), top, 0.0, CYLINDER)
        centered(build, middle, (0.08, 0.08), (0, h - 0.03), top, 0.0, CYLINDER)
        clutter(build, draw, spot, (0.7 * d, d, h), 4)
        return
    build.put(spot, (-w / 2, w / 2), (0, d), (h - 0.04, h), top)
    legs(build, spot, (w, d, h - 0.04), draw(0.04, 0.07), top)
    clutter(build, draw, spot, size, 6)


def dining_set(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A table with chairs at both long sides."""
    w, d, _ = size
    height, depth = draw(0.72, 0.76), draw(0.75, 0.95)
    inner = moved(spot, 0.0, (d - depth) / 2)
    table(build, draw, inner, (w, depth, height))
    seed = int(draw() * 2**40)
    for x in (-w / 4, w / 4):
        for back in (False, True):
            if draw.chance(0.85):
                place = moved(spot, x + draw(-0.05, 0.05), d - draw(0, 0.15) if back else draw(0, 0.15), pi * back)
                chair(build, Draws(seed), place, (0.44, 0.44, 0.9))


def desk(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A desk with screens, a keyboard, papers and a chair in front of it."""
    w, d, _ = size
    height = draw(0.7, 0.76)
    top = veneer(build, draw)
    build.put(spot, (-w / 2, w / 2), (0, d), (height - 0.03, height), top)
    if draw.chance(0.5):
        side = build.material(m.paint(draw))
        for x in (-w / 2, w / 2 - 0.4):
            build.put(spot, (x + 0.02, x + 0.38), (0.02, d - 0.05), (0, height - 0.03), side)
    else:
        legs(build, spot, (w, d, height - 0.03), 0.05, top)
    case = build.material(m.paint(draw)._replace(color=(0.02, 0.02, 0.02)))
    for x in (0.0,) if w < 1.4 else (-0.3, 0.3):
        face = (case, build.material(m.screen(draw)), case)
        build.put(spot, (x - 0.26, x + 0.26), (0.22, 0.25), (height + 0.12, height + 0.46), face, draw(-0.2, 0.2))
        build.put(spot, (x - 0.1, x + 0.1), (0.15, 0.3), (height, height + 0.12), case)
    build.put(spot, (-0.22, 0.22), (d - 0.28, d - 0.14), (height, height + 0.03), case, draw(-0.1, 0.1))
    clutter(build, draw, spot, (w, d, height), 9)
    if draw.chance(0.3):  # a computer on the floor
        build.put(spot, (-w / 2 + 0.45, -w / 2 + 0.65), (0.1, 0.55), (0, 0.45), case)
    if draw.chance(0.7):
        chair(build, draw, moved(spot, draw(-0.2, 0.2), d + draw(0.4, 0.55), pi + draw(-0.5, 0.5)), (0.46, 0.46, 0.95))


def island(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A block in the middle of a kitchen."""
    w, d, h = size
    build.put(spot, (-w / 2 + 0.05, w / 2 - 0.05), (0.05, d - 0.05), (0, h - 0.04), veneer(build, draw))
    build.put(spot, (-w / 2, w / 2), (0, d), (h - 0.04, h), build.material(m.tiles(draw, 3.0, 4.0)))
    clutter(build, draw, spot, size, 7)


def shelf(build: Builder, draw: Draws, spot: Spot, size: Point, low: float) -> None:
    """A board on the wall at a height, with things on it."""
    w, d, _ = size
    build.put(spot, (-w / 2, w / 2), (0, d), (low, low + 0.03), veneer(build, draw))
    for k in range(draw.count(1, max(2, int(w / 0.2)))):
        thing(build, draw, moved(spot, -w / 2 + 0.1 + 0.2 * k, d / 2), low + 0.03)
