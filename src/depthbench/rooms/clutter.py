"""Small things: things on tables, shelves and floors, lamps, plants, boxes and bags."""

from depthbench.rooms import materials as m
from depthbench.rooms.builder import Builder, Extent, Point, Spot, moved
from depthbench.rooms.hashing import Draws
from depthbench.rooms.solids import BOX, CYLINDER, ELLIPSOID

# Width, depth and height in metres, and the solid that fills that box.
THINGS: dict[str, tuple[Extent, Extent, Extent, float]] = {
    "book": ((0.15, 0.3), (0.1, 0.22), (0.02, 0.06), BOX),
    "box": ((0.1, 0.3), (0.08, 0.25), (0.08, 0.3), BOX),
    "pile": ((0.2, 0.32), (0.15, 0.25), (0.1, 0.35), BOX),
    "frame": ((0.12, 0.25), (0.02, 0.03), (0.15, 0.3), BOX),
    "cup": ((0.07, 0.12), (0.07, 0.12), (0.07, 0.15), CYLINDER),
    "bottle": ((0.06, 0.1), (0.06, 0.1), (0.18, 0.3), CYLINDER),
    "bowl": ((0.15, 0.3), (0.15, 0.3), (0.08, 0.2), ELLIPSOID),
    "cloth": ((0.2, 0.45), (0.15, 0.35), (0.06, 0.16), ELLIPSOID),
}


def thing(build: Builder, draw: Draws, spot: Spot, low: float) -> None:
    """One small thing whose bottom is at a height."""
    kind = draw.pick(list(THINGS))
    *ranges, shape = THINGS[kind]
    a, b, c = (draw(*span) for span in ranges)
    cover = m.books(draw, 0.03) if kind == "pile" else m.fabric(draw) if kind == "cloth" else m.packing(draw)
    faces = build.material(m.picture(draw) if kind in ("box", "frame") and draw.chance(0.5) else cover)
    centered(build, spot, (a, a if shape == CYLINDER else b), (low, low + c), faces, draw(-0.8, 0.8), shape)
    if kind == "bottle":
        centered(build, spot, (a / 3, a / 3), (low + c, low + 1.4 * c), faces, shape=CYLINDER)


def centered(
    build: Builder, spot: Spot, size: Extent, z: Extent, faces: int, turn: float = 0.0, shape: float = BOX
) -> None:
    """A box of width and depth, or the solid that fills it, with its middle over the spot."""
    a, b = size[0] / 2, size[1] / 2
    build.put(spot, (-a, a), (-b, b), z, faces, turn, shape)


def clutter(build: Builder, draw: Draws, spot: Spot, size: Point, most: int) -> None:
    """Small things on a surface of this width and depth, at this height."""
    w, d, h = size
    for _ in range(draw.count(most // 3, most)):
        thing(build, draw, moved(spot, draw(-w / 2 + 0.12, w / 2 - 0.12), draw(0.1, max(d - 0.1, 0.11))), h)


def litter(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Things on a floor: bags, clothes, toys."""
    w, d, h = size
    for _ in range(draw.count(1, 4)):
        place = moved(spot, draw(-w / 2, w / 2), draw(0, d), draw(0, 3))
        if draw.chance(0.5):
            thing(build, draw, place, 0.0)
        else:
            a, b, c = draw(0.12, 0.3), draw(0.1, 0.25), draw(0.3, 1.0) * h
            centered(build, place, (2 * a, 2 * b), (-0.15 * c, c), build.material(m.fabric(draw)), 0.0, ELLIPSOID)


def carton(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A box on the floor, sometimes with another on it."""
    w, d, h = size
    card = build.material(m.wood(draw)._replace(rough=0.1) if draw.chance(0.5) else m.paint(draw))
    build.put(spot, (-w / 2, w / 2), (0.02, d), (0, h), card, draw(-0.1, 0.1))
    if draw.chance(0.6):
        thing(build, draw, moved(spot, 0.0, d / 2), h)


def bin_(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A basket or a waste bin, sometimes full."""
    w, _, h = size
    middle = moved(spot, 0.0, w / 2)
    centered(build, middle, (w, w), (0, h), build.material(m.paint(draw)), 0.0, CYLINDER)
    if draw.chance(0.5):
        full = build.material(m.fabric(draw))
        centered(build, middle, (0.9 * w, 0.9 * w), (0.6 * h, 1.25 * h), full, 0.0, ELLIPSOID)


def table_lamp(build: Builder, draw: Draws, spot: Spot, low: float) -> None:
    """A small lamp standing at a height."""
    foot, shade = build.material(m.paint(draw)), build.material(m.lampshade(draw))
    tall, r = draw(0.2, 0.3), draw(0.1, 0.16)
    bulge = draw.chance(0.5)
    centered(build, spot, (r, r), (low, low + tall), foot, 0.0, ELLIPSOID if bulge else CYLINDER)
    top = low + tall - 0.05 * bulge
    centered(build, spot, (2 * r, 2 * r), (top, top + draw(0.15, 0.25)), shade, 0.0, CYLINDER)


def floor_lamp(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A pole with a shade."""
    w, d, h = size
    foot, shade = build.material(m.metal(draw)), build.material(m.lampshade(draw))
    middle = moved(spot, 0.0, d / 2)
    centered(build, middle, (0.26, 0.26), (0, 0.03), foot, 0.0, CYLINDER)
    centered(build, middle, (0.03, 0.03), (0, h - 0.25), foot)
    centered(build, middle, (w, w), (h - 0.25, h), shade, 0.0, CYLINDER)


def plant(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A pot with tufts of leaves."""
    w, d, h = size
    middle, r, pot = moved(spot, 0.0, d / 2), draw(0.2, 0.36), h * draw(0.2, 0.35)
    centered(build, middle, (r, r), (0, pot), build.material(m.paint(draw)), 0.0, CYLINDER)
    leaf = build.material(m.leaves(draw))
    for _ in range(7):
        place = moved(middle, draw(-0.25, 0.25) * w, draw(-0.25, 0.25) * d)
        z, half = draw(pot + 0.05, h - 0.12), draw(0.06, 0.16)
        centered(build, place, (draw(0.1, 0.5) * w, draw(0.1, 0.5) * d), (z - half, z + half), leaf, 0.0, ELLIPSOID)


def radiator(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Ribs in front of the wall."""
    w, d, h = size
    ribs = m.Material((0.8, 0.8, 0.78), (0.25, 0.25, 0.25), (0.06, 5.0), joint=0.02, rough=0.03)
    build.put(spot, (-w / 2, w / 2), (0.03, d), (0.12, h), build.material(ribs))
