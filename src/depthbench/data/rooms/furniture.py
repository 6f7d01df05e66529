"""What stands in a room: which pieces a bedroom, kitchen, office, living or dining room holds, and where."""

from collections.abc import Callable

from depthbench.data.rooms import fixtures, pieces
from depthbench.data.rooms.builder import Builder, Point, Spot
from depthbench.data.rooms.hashing import Draws

Piece = Callable[[Builder, Draws, Spot, Point], None]
Sizes = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

# Width, depth and height in metres, and what builds it.
WALL: dict[str, tuple[Sizes, Piece]] = {
    "bed": (((1.0, 1.9), (1.95, 2.15), (0.8, 1.1)), pieces.bed),
    "nightstand": (((0.4, 0.55), (0.35, 0.45), (0.45, 0.6)), pieces.drawers),
    "dresser": (((0.8, 1.5), (0.4, 0.55), (0.7, 1.1)), pieces.drawers),
    "wardrobe": (((0.9, 2.0), (0.55, 0.65), (1.8, 2.2)), pieces.cupboard),
    "cupboard": (((0.5, 1.1), (0.35, 0.5), (1.2, 2.0)), pieces.cupboard),
    "bookcase": (((0.6, 1.6), (0.25, 0.38), (1.2, 2.2)), pieces.bookcase),
    "sofa": (((1.5, 2.3), (0.8, 0.95), (0.7, 0.9)), pieces.sofa),
    "armchair": (((0.75, 0.95), (0.75, 0.9), (0.75, 0.95)), pieces.sofa),
    "television": (((1.0, 1.8), (0.4, 0.5), (0.9, 1.3)), pieces.television),
    "desk": (((1.1, 1.7), (0.6, 0.8), (1.2, 1.3)), pieces.desk),
    "counter": (((1.6, 3.0), (0.6, 0.65), (2.1, 2.25)), pieces.counter),
    "fridge": (((0.6, 0.8), (0.6, 0.7), (1.5, 1.9)), pieces.fridge),
    "floor_lamp": (((0.35, 0.45), (0.35, 0.45), (1.4, 1.75)), pieces.floor_lamp),
    "plant": (((0.4, 0.7), (0.4, 0.7), (0.7, 1.6)), pieces.plant),
    "carton": (((0.25, 0.5), (0.25, 0.45), (0.2, 0.6)), pieces.carton),
    "radiator": (((0.6, 1.4), (0.08, 0.12), (0.5, 0.65)), pieces.radiator),
}
MIDDLE: dict[str, tuple[Sizes, Piece]] = {
    "coffee_table": (((0.8, 1.2), (0.5, 0.7), (0.35, 0.5)), pieces.table),
    "dining_set": (((1.2, 1.9), (1.9, 2.2), (0.95, 1.05)), pieces.dining_set),
    "chair": (((0.42, 0.48), (0.42, 0.5), (0.8, 0.95)), pieces.chair),
    "sofa": WALL["sofa"],
    "island": (((1.2, 1.8), (0.7, 0.9), (0.88, 0.95)), pieces.island),
    "desk": WALL["desk"],
    "carton": WALL["carton"],
    "pouf": (((0.4, 0.6), (0.4, 0.6), (0.35, 0.45)), pieces.pouf),
}
PROGRAM: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bedroom": (
        ("bed", "nightstand", "wardrobe", "nightstand", "dresser", "desk", "bookcase", "armchair", "plant", "carton"),
        ("chair", "pouf", "carton"),
    ),
    "living": (
        ("sofa", "television", "bookcase", "sofa", "armchair", "cupboard", "floor_lamp", "plant", "dresser", "plant"),
        ("coffee_table", "pouf", "carton"),
    ),
    "kitchen": (
        ("counter", "counter", "fridge", "counter", "cupboard", "radiator", "carton"),
        ("dining_set", "island", "chair"),
    ),
    "office": (
        ("desk", "desk", "bookcase", "desk", "cupboard", "bookcase", "dresser", "carton", "plant"),
        ("desk", "chair", "chair", "carton"),
    ),
    "dining": (
        ("dresser", "cupboard", "bookcase", "radiator", "plant", "armchair", "floor_lamp"),
        ("dining_set", "dining_set", "chair"),
    ),
}
SIDES: dict[str, tuple[float, float]] = {
    "bedroom": (2.7, 4.5),
    "living": (3.2, 5.8),
    "kitchen": (2.5, 4.5),
    "office": (2.8, 5.5),
    "dining": (3.0, 5.0),
}
_MOST_BOXES = 118


def room_size(draw: Draws, kind: str) -> Point:
    """Length, width and height of a room of this kind, in metres."""
    # Now and then a hall: NYUv2 has shops, classrooms and lobbies, whence its long tail of depth.
    large = draw(1.7, 2.4) if draw.chance(0.24) else 1.0
    return draw(*SIDES[kind]) * large, draw(*SIDES[kind]) * min(large, 1.7), draw(2.35, 2.9) + 0.3 * (large > 1)


def _size(draw: Draws, sizes: Sizes) -> Point:
    return draw(*sizes[0]), draw(*sizes[1]), draw(*sizes[2])


def furnish(build: Builder, draw: Draws, kind: str) -> None:
    """Fill the room: door and windows first, then furniture along the walls and in the middle, then what hangs."""
    fixtures.door(build, draw)
    for _ in range(draw.count(0, 2)):
        fixtures.window(build, draw)
    wall, middle = PROGRAM[kind]
    if build.room[0] * build.room[1] > 30:
        wall, middle = wall * 2, middle * 2
    for name in wall:
        sizes, piece = WALL[name]
        if len(build.boxes) < _MOST_BOXES and draw.chance(0.85):
            size = _size(draw, sizes)
            spot = build.at_wall(draw, size)
            if spot:
                piece(build, draw, spot, size)
    for name in middle:
        sizes, piece = MIDDLE[name]
        if len(build.boxes) < _MOST_BOXES and draw.chance(0.7):
            size = _size(draw, sizes)
            place = build.in_middle(draw, size)
            if place:
                piece(build, draw, place, size)
    for _ in range(draw.count(2, 7)):
        fixtures.hang_picture(build, draw)
    if draw.chance(0.5):
        fixtures.rug(build, draw)
    fixtures.ceiling_lamp(build, draw)
