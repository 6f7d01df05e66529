"""Furniture: which pieces a bedroom, kitchen, office, living or dining room holds, and where."""

from collections.abc import Callable

from depthbench.rooms import cabinets as storage
from depthbench.rooms import clutter as small
from depthbench.rooms import fixtures, tables
from depthbench.rooms import seating as seats
from depthbench.rooms.builder import Builder, Point, Spot
from depthbench.rooms.hashing import Draws

Piece = Callable[[Builder, Draws, Spot, Point], None]
Sizes = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

# Width, depth and height in metres, and the function that builds it.
WALL: dict[str, tuple[Sizes, Piece]] = {
    "bed": (((1.0, 1.9), (1.95, 2.15), (0.8, 1.1)), seats.bed),
    "nightstand": (((0.4, 0.55), (0.35, 0.45), (0.45, 0.6)), storage.drawers),
    "dresser": (((0.8, 1.5), (0.4, 0.55), (0.7, 1.1)), storage.drawers),
    "wardrobe": (((0.9, 2.0), (0.55, 0.65), (1.8, 2.2)), storage.cupboard),
    "cupboard": (((0.5, 1.1), (0.35, 0.5), (1.2, 2.0)), storage.cupboard),
    "bookcase": (((0.6, 1.6), (0.25, 0.38), (1.2, 2.2)), storage.bookcase),
    "sofa": (((1.5, 2.3), (0.8, 0.95), (0.7, 0.9)), seats.sofa),
    "armchair": (((0.75, 0.95), (0.75, 0.9), (0.75, 0.95)), seats.sofa),
    "television": (((1.0, 1.8), (0.4, 0.5), (0.9, 1.3)), storage.television),
    "desk": (((1.1, 1.7), (0.6, 0.8), (1.2, 1.3)), tables.desk),
    "counter": (((1.6, 3.0), (0.6, 0.65), (2.1, 2.25)), storage.counter),
    "fridge": (((0.6, 0.8), (0.6, 0.7), (1.5, 1.9)), storage.fridge),
    "floor_lamp": (((0.35, 0.45), (0.35, 0.45), (1.4, 1.75)), small.floor_lamp),
    "plant": (((0.4, 0.7), (0.4, 0.7), (0.7, 1.6)), small.plant),
    "carton": (((0.25, 0.5), (0.25, 0.45), (0.2, 0.6)), small.carton),
    "bin": (((0.25, 0.45), (0.25, 0.45), (0.3, 0.6)), small.bin_),
    "litter": (((0.4, 0.9), (0.3, 0.5), (0.08, 0.3)), small.litter),
    "radiator": (((0.6, 1.4), (0.08, 0.12), (0.5, 0.65)), small.radiator),
}
MIDDLE: dict[str, tuple[Sizes, Piece]] = {
    "coffee_table": (((0.8, 1.2), (0.5, 0.7), (0.35, 0.5)), tables.table),
    "dining_set": (((1.2, 1.9), (1.9, 2.2), (0.95, 1.05)), tables.dining_set),
    "chair": (((0.42, 0.48), (0.42, 0.5), (0.8, 0.95)), seats.chair),
    "sofa": WALL["sofa"],
    "armchair": WALL["armchair"],
    "island": (((1.2, 1.8), (0.7, 0.9), (0.88, 0.95)), tables.island),
    "desk": WALL["desk"],
    "carton": WALL["carton"],
    "stool": (((0.35, 0.6), (0.35, 0.6), (0.35, 0.5)), seats.stool),
    "litter": (((0.5, 1.2), (0.4, 1.0), (0.08, 0.3)), small.litter),
}
# Furniture that may stand along the walls, and in the middle.
PROGRAM: dict[str, tuple[str, str]] = {
    "bedroom": (
        "bed nightstand wardrobe nightstand dresser desk bookcase armchair plant litter bin",
        "chair stool litter litter",
    ),
    "living": (
        "sofa television bookcase sofa armchair cupboard floor_lamp plant dresser plant litter",
        "coffee_table stool armchair litter litter",
    ),
    "kitchen": (
        "counter counter fridge counter cupboard radiator bin carton",
        "dining_set island chair litter",
    ),
    "office": (
        "desk desk bookcase desk cupboard bookcase dresser carton plant bin",
        "desk chair chair litter carton",
    ),
    "dining": (
        "dresser cupboard bookcase radiator plant armchair floor_lamp",
        "dining_set dining_set chair stool litter",
    ),
}
SIDES: dict[str, tuple[float, float]] = {
    "bedroom": (3.1, 5.2),
    "living": (3.7, 6.7),
    "kitchen": (2.8, 5.2),
    "office": (3.2, 6.3),
    "dining": (3.4, 5.8),
}
_MOST_BOXES = 170


def room_size(draw: Draws, kind: str) -> Point:
    """Length, width and height of a room of this kind, in metres."""
    # Now and then a hall: NYUv2 has shops, classrooms and lobbies, whence its long tail of depth.
    large = draw(1.5, 2.0) if draw.chance(0.22) else 1.0
    return draw(*SIDES[kind]) * large, draw(*SIDES[kind]) * min(large, 1.7), draw(2.35, 2.9) + 0.3 * (large > 1)


def furnish(build: Builder, draw: Draws, kind: str) -> None:
    """Fill the room: door and windows first, then furniture along the walls and in the middle, then hanging things."""
    fixtures.door(build, draw)
    for _ in range(draw.count(0, 2)):
        fixtures.window(build, draw)
    fixtures.skirting(build, draw)
    wall, middle = (names.split() for names in PROGRAM[kind])
    repeat = 2 if build.room[0] * build.room[1] > 30 else 1
    _place(build, draw, WALL, wall * repeat, 0.9, build.at_wall)
    _place(build, draw, MIDDLE, middle * repeat, 0.8, build.in_middle)
    for _ in range(draw.count(0, 3)):
        fixtures.hang_shelf(build, draw)
    for _ in range(draw.count(3, 9)):
        fixtures.hang_picture(build, draw)
    if draw.chance(0.5):
        fixtures.rug(build, draw)
    fixtures.ceiling_lamp(build, draw)


def _place(
    build: Builder,
    draw: Draws,
    pieces: dict[str, tuple[Sizes, Piece]],
    names: list[str],
    chance: float,
    find: Callable[[Draws, Point], Spot | None],
) -> None:
    """Put most of the named pieces where there is room for them."""
    for name in names:
        sizes, piece = pieces[name]
        if len(build.boxes) < _MOST_BOXES and draw.chance(chance):
            size = draw(*sizes[0]), draw(*sizes[1]), draw(*sizes[2])
            spot = find(draw, size)
            if spot:
                piece(build, draw, spot, size)
