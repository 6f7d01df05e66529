"""To sit and to lie on. Each piece takes a spot and its outer width, depth and height in metres."""

from depthbench.rooms import materials as m
from depthbench.rooms.builder import Builder, Faces, Point, Spot, moved
from depthbench.rooms.clutter import centered, thing
from depthbench.rooms.hashing import Draws
from depthbench.rooms.solids import CYLINDER, ELLIPSOID


def legs(build: Builder, spot: Spot, size: Point, thick: float, faces: Faces) -> None:
    """Four legs at the corners of a width and depth, up to a height."""
    w, d, h = size
    for x in (-w / 2 + 0.02, w / 2 - 0.02 - thick):
        for y in (0.02, d - 0.02 - thick):
            build.put(spot, (x, x + thick), (y, y + thick), (0, h), faces)


def veneer(build: Builder, draw: Draws) -> int:
    """Wood or paint."""
    return build.material(m.wood(draw) if draw.chance(0.7) else m.paint(draw))


def chair(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A chair on four legs or a column; its back stands at y = 0."""
    w, d, h = size
    seat = 0.45
    frame = veneer(build, draw)
    cover = build.material(m.fabric(draw)) if draw.chance(0.5) else frame
    build.put(spot, (-w / 2, w / 2), (0, d), (seat - 0.05, seat), cover)
    low = seat + draw(0.05, 0.25)
    if draw.chance(0.3):
        for k in range(4):  # a back of rods
            x = -w / 2 + k * (w - 0.04) / 3
            build.put(spot, (x, x + 0.04), (0, 0.04), (seat, h), frame)
        low = h - 0.1
    build.put(spot, (-w / 2, w / 2), (0, 0.04), (low, h), cover)
    if draw.chance(0.7):
        legs(build, spot, (w, d, seat - 0.05), 0.035, frame)
    else:
        middle = moved(spot, 0.0, d / 2)
        centered(build, middle, (0.06, 0.06), (0.05, seat), frame)
        centered(build, middle, (w, d), (0, 0.07), frame, 0.0, CYLINDER)


def stool(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A pouf, a round stool or a basket of cloth."""
    w, d, h = size
    cover = build.material(m.fabric(draw))
    middle = moved(spot, 0.0, d / 2)
    if draw.chance(0.5):
        centered(build, middle, (w, w), (0, h), cover, 0.0, draw.pick([CYLINDER, CYLINDER, ELLIPSOID]))
    else:
        centered(build, middle, (w, d), (0.04, h), cover)
    if draw.chance(0.3):
        thing(build, draw, middle, h)


def _cushion(build: Builder, draw: Draws, spot: Spot, size: Point, low: float) -> None:
    a, b, c = size
    centered(build, spot, (a, b), (low, low + c), build.material(m.fabric(draw)), draw(-0.3, 0.3), ELLIPSOID)


def bed(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """Frame, mattress, pillows, headboard and a blanket, tidy or not."""
    w, d, h = size
    frame = veneer(build, draw)
    sheet, blanket = build.material(m.fabric(draw)), build.material(m.fabric(draw))
    top, fold = draw(0.45, 0.6), draw(0.6, 1.1)
    build.put(spot, (-w / 2, w / 2), (0, 0.06), (0, h), frame)
    build.put(spot, (-w / 2, w / 2), (0.06, d), (0.1, 0.3), frame)
    build.put(spot, (-w / 2 + 0.03, w / 2 - 0.03), (0.06, d - 0.03), (0.3, top), sheet)
    build.put(spot, (-w / 2 - 0.01, w / 2 + 0.01), (fold, d), (draw(0.25, 0.4), top + 0.04), blanket)
    for _ in range(draw.count(0, 5)):  # an unmade bed
        place = moved(spot, draw(-0.35, 0.35) * w, draw(fold, d - 0.3), draw(0, 3))
        tall = draw(0.05, 0.15)
        extent = (draw(0.3, 0.9), draw(0.2, 0.5))
        centered(build, place, extent, (top - tall, top + 0.04 + tall), blanket, 0.0, ELLIPSOID)
    count = 2 if w > 1.3 else 1
    for k in range(count):
        place = moved(spot, (k + 0.5) * w / count - w / 2, draw(0.25, 0.35))
        _cushion(build, draw, place, (draw(0.55, 0.7), draw(0.35, 0.45), 0.2), top - 0.03)
    if draw.chance(0.4):
        thing(build, draw, moved(spot, draw(-0.3, 0.3) * w, draw(0.5, 0.8) * d), top + 0.04)


def sofa(build: Builder, draw: Draws, spot: Spot, size: Point) -> None:
    """A sofa or an armchair: base, back, arms, seats and cushions."""
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
    for k in range(count):
        x0 = -w / 2 + arm + k * step
        build.put(spot, (x0 + 0.01, x0 + step - 0.01), (0.22, d + 0.02), (seat - 0.12, seat), cover)
    for _ in range(draw.count(0, count + 1)):
        place = moved(spot, draw(-0.5, 0.5) * (w - 2 * arm - 0.4), draw(0.25, 0.4), draw(-0.3, 0.3))
        _cushion(build, draw, place, (draw(0.35, 0.5), draw(0.15, 0.25), draw(0.3, 0.42)), seat - 0.03)
