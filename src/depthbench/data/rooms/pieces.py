"""Pieces of furniture from boxes. Each takes a spot and its outer width, depth and height in metres."""

from math import pi

from depthbench.data.rooms import materials as m
from depthbench.data.rooms.builder import Builder, Faces, Point, Spot, moved
from depthbench.data.rooms.hashing import Draws


def _legs(build: Builder, spot: Spot, size: Point, thick: float, faces: Faces) -> None:
    w, d, h = size
    for x in (-w / 2 + 0.02, w / 2 - 0.02 - thick):
        for y in (0.02, d - 0.02 - thick):
            build.put(spot, (x, x + thick), (y, y + thick), (0, h), faces)


def _veneer(build: Builder, draw: Draws) -> int:
    return build.material(m.wood(draw) if draw.chance(0.7) else m.paint(draw))


def clutter(build: Builder, draw: Draws, spot: Spot, size: Point, most: int) -> None:
    """Small things on a surface of width and depth at the given height: books, boxes, cups, bottles."""
    w, d, h = size
    for _ in range(draw.count(0, most)):
        a, b, c = draw.pick(
            [
                (draw(0.15, 0.3), draw(0.1, 0.22), draw(0.02, 0.08)),
                (draw(0.06, 0.1), draw(0.06, 0.1), draw(0.08, 0.3)),
                (draw(0.1, 0.3), draw(0.08, 0.25), draw(0.08, 0.25)),
            ]
        )
        x, y = draw(-w / 2 + 0.12, w / 2 - 0.12), draw(0.12, max(d - 0.12, 0.13))
        faces = build.material(m.paint(draw) if draw.chance(0.6) else m.picture(draw))
        build.put(spot, (x - a / 2, x + a / 2), (y - b / 2, y + b / 2), (h, h + c), faces, draw(-0.6, 0.6))


def table(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A table with four legs."""
    w, d, h = size
    top = _veneer(build, draw)
    build.put(spot, (-w / 2, w / 2), (0, d), (h - 0.04, h), top)
    _legs(build, spot, (w, d, h - 0.04), draw(0.04, 0.07), top)
    clutter(build, draw, spot, size, 4)


def chair(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A chair; its back stands at y = 0."""
    w, d, h = size
    seat = 0.45
    frame = _veneer(build, draw)
    cover = build.material(m.fabric(draw)) if draw.chance(0.5) else frame
    build.put(spot, (-w / 2, w / 2), (0, d), (seat - 0.05, seat), cover)
    build.put(spot, (-w / 2, w / 2), (0, 0.04), (seat + draw(0.05, 0.25), h), cover)
    _legs(build, spot, (w, d, seat - 0.05), 0.035, frame)


def dining_set(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A table with chairs at both long sides."""
    w, d, _ = size
    height, depth = draw(0.72, 0.76), draw(0.75, 0.95)
    middle = (d - depth) / 2
    top = _veneer(build, draw)
    build.put(spot, (-w / 2, w / 2), (middle, middle + depth), (height - 0.04, height), top)
    inner = moved(spot, 0.0, middle)
    _legs(build, inner, (w, depth, height - 0.04), 0.06, top)
    clutter(build, draw, inner, (w, depth, height), 4)
    seed = int(draw() * 2**40)
    for x in (-w / 4, w / 4):
        for back in (False, True):
            if draw.chance(0.85):
                place = moved(spot, x + draw(-0.05, 0.05), d - draw(0, 0.15) if back else draw(0, 0.15), pi * back)
                chair(build, Draws(seed), place, (0.44, 0.44, 0.9))


def bed(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Frame, mattress, blanket, pillows and headboard."""
    w, d, h = size
    frame = _veneer(build, draw)
    sheet, blanket = build.material(m.fabric(draw)), build.material(m.fabric(draw))
    top = draw(0.45, 0.6)
    build.put(spot, (-w / 2, w / 2), (0, 0.06), (0, h), frame)
    build.put(spot, (-w / 2, w / 2), (0.06, d), (0.1, 0.3), frame)
    build.put(spot, (-w / 2 + 0.03, w / 2 - 0.03), (0.06, d - 0.03), (0.3, top), sheet)
    build.put(spot, (-w / 2 - 0.01, w / 2 + 0.01), (draw(0.6, 1.1), d), (draw(0.25, 0.4), top + 0.04), blanket)
    pillow = build.material(m.fabric(draw))
    count = 2 if w > 1.3 else 1
    for i in range(count):
        x = (i + 0.5) * w / count - w / 2
        build.put(spot, (x - 0.3, x + 0.3), (0.1, 0.5), (top, top + 0.13), pillow, draw(-0.15, 0.15))


def sofa(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A sofa or an armchair: base, back, arms and cushions."""
    w, d, h = size
    cover = build.material(m.fabric(draw))
    seat, arm = draw(0.38, 0.46), draw(0.12, 0.22)
    build.put(spot, (-w / 2, w / 2), (0, d), (0.06, seat - 0.12), cover)
    build.put(spot, (-w / 2, w / 2), (0, 0.22), (seat - 0.12, h), cover)
    for side in (-1, 1):
        x = sorted((side * w / 2, side * (w / 2 - arm)))
        build.put(spot, (x[0], x[1]), (0, d), (0.06, seat + draw(0.12, 0.22)), cover)
    count = max(1, round((w - 2 * arm) / 0.7))
    step = (w - 2 * arm) / count
    for i in range(count):
        x0 = -w / 2 + arm + i * step
        build.put(spot, (x0 + 0.01, x0 + step - 0.01), (0.22, d + 0.02), (seat - 0.12, seat), cover)
    if draw.chance(0.6):
        x0 = draw(-w / 2 + arm + 0.2, w / 2 - arm - 0.2)
        build.put(spot, (x0 - 0.2, x0 + 0.2), (0.22, 0.36), (seat, seat + 0.38), build.material(m.fabric(draw)), 0.2)


def drawers(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A chest of drawers, its fronts drawn as cells with dark joints."""
    w, d, h = size
    body = m.wood(draw) if draw.chance(0.75) else m.paint(draw)
    side = build.material(body)
    front = build.material(
        body._replace(
            cell=(w / draw.count(1, 2), h / draw.count(2, 4)), joint=0.012, joint_color=m.scale(body.color, 0.15)
        )
    )
    build.put(spot, (-w / 2, w / 2), (0, d), (0, h), (side, front, side))
    clutter(build, draw, spot, size, 4)
    if draw.chance(0.35):
        table_lamp(build, draw, moved(spot, draw(-w / 4, w / 4), d / 2), h)


def table_lamp(build: Builder, draw: Draws, spot: Spot, height: float) -> None:
    """A small lamp standing at a height."""
    foot, shade = build.material(m.paint(draw)), build.material(m.lampshade(draw))
    tall, r = draw(0.2, 0.3), draw(0.09, 0.14)
    build.put(spot, (-0.02, 0.02), (-0.02, 0.02), (height, height + tall), foot)
    build.put(spot, (-r, r), (-r, r), (height + tall, height + tall + 0.2), shade, 0.4)


def cupboard(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A closed cupboard or wardrobe with doors."""
    w, d, h = size
    body = m.wood(draw, along_u=False) if draw.chance(0.7) else m.paint(draw)
    side = build.material(body)
    doors = max(1, round(w / 0.5))
    front = build.material(
        body._replace(cell=(w / doors, h / draw.pick([1, 1, 2])), joint=0.012, joint_color=m.scale(body.color, 0.12))
    )
    build.put(spot, (-w / 2, w / 2), (0, d), (0, h), (side, front, side))
    handle = build.material(m.metal(draw))
    for i in range(doors):
        x = -w / 2 + (i + (0.85 if i % 2 == 0 else 0.15)) * w / doors
        build.put(spot, (x - 0.01, x + 0.01), (d, d + 0.03), (h * 0.48, h * 0.48 + 0.15), handle)


def bookcase(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Open shelves with rows of books; part of each shelf stays empty."""
    w, d, h = size
    frame = _veneer(build, draw)
    for x in (-w / 2, w / 2 - 0.025):
        build.put(spot, (x, x + 0.025), (0, d), (0, h), frame)
    build.put(spot, (-w / 2, w / 2), (0, 0.015), (0, h), frame)
    levels = max(3, round(h / 0.36))
    step = (h - 0.03) / levels
    for i in range(levels + 1):
        build.put(spot, (-w / 2, w / 2), (0, d), (i * step, i * step + 0.03), frame)
        if i == levels or draw.chance(0.12):
            continue
        tall = step * draw(0.6, 0.85)
        x0, x1 = -w / 2 + 0.03 + draw(0, 0.25) * w, w / 2 - 0.03 - draw(0, 0.35) * w
        z = i * step + 0.03
        row = build.material(m.books(draw, 1.0))
        build.put(spot, (x0, x1), (0.02, d * draw(0.65, 0.9)), (z, z + tall), row)


def television(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A low board with a flat screen on it."""
    w, d, h = size
    low = draw(0.4, 0.55)
    drawers(build, Draws(int(draw() * 2**40)), spot, (w, d, low))
    case = build.material(m.paint(draw)._replace(color=(0.015, 0.015, 0.017)))
    half = min(w * 0.45, (h - low) * 0.85)
    build.put(
        spot, (-half, half), (d * 0.4, d * 0.4 + 0.05), (low + 0.06, h), (case, build.material(m.screen(draw)), case)
    )
    build.put(spot, (-0.15, 0.15), (d * 0.3, d * 0.6), (low, low + 0.06), case)


def desk(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A desk with a monitor, papers and a chair in front of it."""
    w, d, _ = size
    height = draw(0.7, 0.76)
    top = _veneer(build, draw)
    build.put(spot, (-w / 2, w / 2), (0, d), (height - 0.03, height), top)
    if draw.chance(0.5):
        side = build.material(m.paint(draw))
        for x in (-w / 2, w / 2 - 0.4):
            build.put(spot, (x + 0.02, x + 0.38), (0.02, d - 0.05), (0, height - 0.03), side)
    else:
        _legs(build, spot, (w, d, height - 0.03), 0.05, top)
    case = build.material(m.paint(draw)._replace(color=(0.02, 0.02, 0.02)))
    for x in (0.0,) if w < 1.4 else (-0.3, 0.3):
        face = (case, build.material(m.screen(draw)), case)
        build.put(spot, (x - 0.26, x + 0.26), (0.22, 0.25), (height + 0.12, height + 0.46), face, draw(-0.2, 0.2))
        build.put(spot, (x - 0.1, x + 0.1), (0.15, 0.3), (height, height + 0.12), case)
    clutter(build, draw, spot, (w, d, height), 5)
    if draw.chance(0.7):
        chair(build, draw, moved(spot, draw(-0.2, 0.2), d + draw(0.4, 0.55), pi + draw(-0.5, 0.5)), (0.46, 0.46, 0.95))


def counter(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Base cabinets, worktop, wall tiles, wall cabinets and what stands on the worktop."""
    w, d, h = size
    body = m.wood(draw, along_u=False) if draw.chance(0.5) else m.paint(draw)
    side = build.material(body)
    unit = w / max(2, round(w / 0.6))
    front = build.material(body._replace(cell=(unit, 0.78), joint=0.012, joint_color=m.scale(body.color, 0.15)))
    top = build.material(m.tiles(draw, 3.0, 4.0) if draw.chance(0.6) else m.wood(draw))
    build.put(spot, (-w / 2, w / 2), (0, d - 0.05), (0.1, 0.86), (side, front, side))
    build.put(spot, (-w / 2, w / 2), (0, d), (0.86, 0.9), top)
    build.put(spot, (-w / 2, w / 2), (0, 0.01), (0.9, 1.45), build.material(m.tiles(draw, 0.08, 0.16)))
    part = w * draw(0.3, 0.65) * draw.pick([-1, 1])
    hung = sorted((part, w / 2 if part < 0 else -w / 2))
    build.put(spot, (hung[0], hung[1]), (0, 0.35), (1.45, h), (side, front, side))
    steel = build.material(m.metal(draw))
    x = draw(-w / 2 + 0.3, w / 2 - 0.3)
    build.put(spot, (x - 0.29, x + 0.29), (0.03, d + 0.02), (0.1, 0.905), steel)
    build.put(spot, (x - 0.25, x + 0.25), (d + 0.02, d + 0.03), (0.3, 0.65), build.material(m.screen(draw)))
    clutter(build, draw, spot, (w, d, 0.9), 7)


def island(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A block in the middle of a kitchen."""
    w, d, h = size
    build.put(spot, (-w / 2 + 0.05, w / 2 - 0.05), (0.05, d - 0.05), (0, h - 0.04), _veneer(build, draw))
    build.put(spot, (-w / 2, w / 2), (0, d), (h - 0.04, h), build.material(m.tiles(draw, 3.0, 4.0)))
    clutter(build, draw, spot, size, 5)


def fridge(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Two doors and a handle."""
    w, d, h = size
    body = m.metal(draw) if draw.chance(0.4) else m.paint(draw)._replace(color=(0.75, 0.75, 0.73))
    side = build.material(body)
    front = build.material(
        body._replace(cell=(w, h * draw.pick([0.35, 0.65])), joint=0.015, joint_color=(0.05, 0.05, 0.05))
    )
    build.put(spot, (-w / 2, w / 2), (0, d), (0.03, h), (side, front, side))
    build.put(spot, (w / 2 - 0.09, w / 2 - 0.06), (d, d + 0.05), (h * 0.4, h * 0.62), build.material(m.metal(draw)))


def floor_lamp(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A pole with a shade."""
    w, d, h = size
    foot = build.material(m.metal(draw))
    build.put(spot, (-0.13, 0.13), (d / 2 - 0.13, d / 2 + 0.13), (0, 0.03), foot)
    build.put(spot, (-0.015, 0.015), (d / 2 - 0.015, d / 2 + 0.015), (0, h - 0.25), foot)
    build.put(
        spot, (-w / 2.6, w / 2.6), (d / 2 - w / 2.6, d / 2 + w / 2.6), (h - 0.25, h), build.material(m.lampshade(draw))
    )


def plant(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A pot with turned blocks of leaves."""
    w, d, h = size
    r = draw(0.12, 0.18)
    pot = h * draw(0.2, 0.35)
    build.put(spot, (-r, r), (d / 2 - r, d / 2 + r), (0, pot), build.material(m.paint(draw)))
    leaf = build.material(m.plant(draw))
    for _ in range(5):
        x, y, z = draw(-0.2, 0.2) * w, d / 2 + draw(-0.2, 0.2) * d, draw(pot + 0.1, h - 0.12)
        a, b, c = draw(0.06, 0.2) * w, draw(0.06, 0.2) * d, draw(0.06, 0.12)
        build.put(spot, (x - a, x + a), (y - b, y + b), (z - c, z + c), leaf, draw(0, 1.5))


def carton(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A box or a bin on the floor, sometimes two."""
    w, d, h = size
    card = build.material(m.wood(draw)._replace(rough=0.1) if draw.chance(0.5) else m.paint(draw))
    build.put(spot, (-w / 2, w / 2), (0.02, d), (0, h), card, draw(-0.1, 0.1))
    if draw.chance(0.4):
        build.put(
            spot, (-w / 2.5, w / 2.5), (0.05, d * 0.9), (h, h + 0.2), build.material(m.paint(draw)), draw(-0.3, 0.3)
        )


def radiator(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Ribs in front of the wall."""
    w, d, h = size
    ribs = m.Material((0.8, 0.8, 0.78), (0.25, 0.25, 0.25), (0.06, 5.0), joint=0.02, rough=0.03)
    build.put(spot, (-w / 2, w / 2), (0.03, d), (0.12, h), build.material(ribs))


def pouf(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A padded seat."""
    w, d, h = size
    build.put(spot, (-w / 2, w / 2), (0, d), (0, h), build.material(m.fabric(draw)))
