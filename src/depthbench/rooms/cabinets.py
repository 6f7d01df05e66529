"""To keep things in: chests, cupboards, shelves, kitchens."""

from depthbench.rooms import materials as m
from depthbench.rooms.builder import Builder, Point, Spot, moved
from depthbench.rooms.clutter import clutter, table_lamp, thing
from depthbench.rooms.hashing import Draws
from depthbench.rooms.materials import Material
from depthbench.rooms.seating import veneer


def _fronted(build: Builder, body: Material, cell: tuple[float, float]) -> tuple[int, int, int]:
    """Faces of a body whose front is cut into doors or drawers by dark joints."""
    side = build.material(body)
    front = build.material(body._replace(cell=cell, joint=0.014, joint_color=m.scale(body.color, 0.12)))
    return side, front, side


def drawers(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A chest of drawers with handles."""
    w, d, h = size
    body = m.wood(draw) if draw.chance(0.75) else m.paint(draw)
    columns, rows = draw.count(1, 2), draw.count(2, 4)
    build.put(spot, (-w / 2, w / 2), (0, d), (0, h), _fronted(build, body, (w / columns, h / rows)))
    handle = build.material(m.metal(draw))
    for row in range(rows):
        z = (row + 0.55) * h / rows
        build.put(spot, (-0.06, 0.06), (d, d + 0.025), (z, z + 0.02), handle)
    clutter(build, draw, spot, size, 7)
    if draw.chance(0.35):
        table_lamp(build, draw, moved(spot, draw(-w / 4, w / 4), d / 2), h)


def cupboard(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A closed cupboard or wardrobe with doors; things on top of the lower ones."""
    w, d, h = size
    body = m.wood(draw, along_u=False) if draw.chance(0.7) else m.paint(draw)
    doors = max(1, round(w / 0.5))
    build.put(spot, (-w / 2, w / 2), (0, d), (0, h), _fronted(build, body, (w / doors, h / draw.pick([1, 1, 2]))))
    handle = build.material(m.metal(draw))
    for i in range(doors):
        x = -w / 2 + (i + (0.85 if i % 2 == 0 else 0.15)) * w / doors
        build.put(spot, (x - 0.01, x + 0.01), (d, d + 0.03), (h * 0.48, h * 0.48 + 0.15), handle)
    if h < 1.9:
        clutter(build, draw, spot, size, 4)


def bookcase(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Open shelves with rows of books and other things; part of each shelf stays empty."""
    w, d, h = size
    frame = veneer(build, draw)
    for x in (-w / 2, w / 2 - 0.025):
        build.put(spot, (x, x + 0.025), (0, d), (0, h), frame)
    build.put(spot, (-w / 2, w / 2), (0, 0.015), (0, h), frame)
    levels = max(3, round(h / 0.36))
    step = (h - 0.03) / levels
    for level in range(levels + 1):
        z = level * step + 0.03
        build.put(spot, (-w / 2, w / 2), (0, d), (z - 0.03, z), frame)
        if level == levels or draw.chance(0.12):
            continue
        x0, x1 = -w / 2 + 0.03 + draw(0, 0.4) * w, w / 2 - 0.03 - draw(0, 0.4) * w
        row = build.material(m.books(draw, 1.0))
        build.put(spot, (x0, x1), (0.02, d * draw(0.65, 0.9)), (z, z + step * draw(0.6, 0.85)), row)
        for x in (x0 - 0.12, x1 + 0.12):
            if abs(x) < w / 2 - 0.1 and draw.chance(0.6):
                thing(build, draw, moved(spot, x, d / 2), z)
    clutter(build, draw, spot, size, 3)


def television(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A low board with a flat screen on it."""
    w, d, h = size
    low = draw(0.4, 0.55)
    drawers(build, Draws(int(draw() * 2**40)), spot, (w, d, low))
    case = build.material(m.paint(draw)._replace(color=(0.015, 0.015, 0.017)))
    half = min(w * 0.45, (h - low) * 0.85)
    face = (case, build.material(m.screen(draw)), case)
    build.put(spot, (-half, half), (d * 0.4, d * 0.4 + 0.05), (low + 0.06, h), face)
    build.put(spot, (-0.15, 0.15), (d * 0.3, d * 0.6), (low, low + 0.06), case)


def counter(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Base cabinets, worktop, wall tiles, wall cabinets, an oven and the things on the worktop."""
    w, d, h = size
    body = m.wood(draw, along_u=False) if draw.chance(0.5) else m.paint(draw)
    faces = _fronted(build, body, (w / max(2, round(w / 0.6)), 0.78))
    top = build.material(m.tiles(draw, 3.0, 4.0) if draw.chance(0.6) else m.wood(draw))
    build.put(spot, (-w / 2, w / 2), (0, d - 0.05), (0.1, 0.86), faces)
    build.put(spot, (-w / 2, w / 2), (0, d), (0.86, 0.9), top)
    build.put(spot, (-w / 2, w / 2), (0, 0.01), (0.9, 1.45), build.material(m.tiles(draw, 0.08, 0.16)))
    part = w * draw(0.3, 0.65) * draw.pick([-1, 1])
    hung = sorted((part, w / 2 if part < 0 else -w / 2))
    build.put(spot, (hung[0], hung[1]), (0, 0.35), (1.45, h), faces)
    steel = build.material(m.metal(draw))
    x = draw(-w / 2 + 0.3, w / 2 - 0.3)
    build.put(spot, (x - 0.29, x + 0.29), (0.03, d + 0.02), (0.1, 0.905), steel)
    build.put(spot, (x - 0.25, x + 0.25), (d + 0.02, d + 0.03), (0.3, 0.65), build.material(m.screen(draw)))
    build.put(spot, (x - 0.24, x + 0.24), (d + 0.02, d + 0.06), (0.7, 0.72), steel)
    clutter(build, draw, spot, (w, d, 0.9), 12)


def fridge(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Two doors, a handle, notes and things on top."""
    w, d, h = size
    body = m.metal(draw) if draw.chance(0.4) else m.paint(draw)._replace(color=(0.75, 0.75, 0.73))
    build.put(spot, (-w / 2, w / 2), (0, d), (0.03, h), _fronted(build, body, (w, h * draw.pick([0.35, 0.65]))))
    build.put(spot, (w / 2 - 0.09, w / 2 - 0.06), (d, d + 0.05), (h * 0.4, h * 0.62), build.material(m.metal(draw)))
    for _ in range(draw.count(0, 3)):
        x, z = draw(-w / 2 + 0.1, w / 2 - 0.25), draw(0.8, h - 0.3)
        build.put(spot, (x, x + 0.15), (d, d + 0.004), (z, z + 0.2), build.material(m.picture(draw)))
    clutter(build, draw, spot, size, 3)
