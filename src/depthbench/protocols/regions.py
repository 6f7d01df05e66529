"""Named crops: where on the truth a protocol looks."""

from collections.abc import Callable, Sequence

from depthbench.errors import UserError

Box = tuple[int, int, int, int]
"""``(top, bottom, left, right)``, 0-based, ends excluded."""

NYU_SIZE = (480, 640)

PIXELS: dict[str, tuple[Box, tuple[int, int]]] = {
    "eigen": ((20, 460, 24, 616), NYU_SIZE),  # 440x592: Lee and Kim, DenseDepth (its 459 and 615 are inclusive)
    "eigen_short": ((20, 459, 24, 615), NYU_SIZE),  # the same numbers used exclusively: one row and column less
    "eigen_shifted": ((21, 461, 25, 617), NYU_SIZE),  # a 1-based reading, in papers on occlusion
    "toolbox": ((44, 471, 40, 601), NYU_SIZE),  # get_projection_mask of the NYUv2 toolbox
    "bts": ((45, 471, 41, 601), NYU_SIZE),  # BTS, AdaBins, ZoeDepth; 41 px left, 39 px right
    "label_border": ((7, 474, 7, 632), NYU_SIZE),  # the part that the extraction of BTS keeps
    "li2017": ((18, 462, 20, 620), NYU_SIZE),  # 444x600: its 111x150 map four times as large, taken as central
    "hu": ((6, 234, 8, 312), (240, 320)),  # central 228x304 of frames scaled to 240 rows
}
"""Crops in pixels, with the only size ``(height, width)`` on which they are defined."""

FRACTIONS: dict[str, tuple[float, float, float, float]] = {
    "full": (0.0, 1.0, 0.0, 1.0),
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),  # [153:371, 44:1197] at 375x1242
    "eigen_kitti": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
}
"""Crops as fractions of height and width, truncated to pixels; defined on any size."""


def _kb(height: int, width: int) -> Box:
    top, left = height - 352, (width - 1216) // 2
    if top < 0 or left < 0:
        raise UserError(f"The region 'kb' needs a truth of at least 352x1216, not {height}x{width}.")
    return top, height, left, left + 1216


def _make3d_center(height: int, width: int) -> Box:
    if height != 55:
        raise UserError(f"The region 'make3d_center' is rows 17:38 of a 55-row truth, not of {height} rows.")
    return 17, 38, 0, width


COMPUTED: dict[str, Callable[[int, int], Box]] = {
    "kb": _kb,  # bottom 352 rows, central 1216 columns (BTS, AdaBins)
    "make3d_center": _make3d_center,  # the central 852 of 2272 image rows, in the monodepth family
}
"""Crops computed from the size."""

Region = str | Sequence[float]


def region_box(region: Region, size: tuple[int, int]) -> Box:
    """The box of a region on a map of ``size`` ``(height, width)``.

    Args:
        region: a name; names joined by ``+``, each taken within the one before (``kb+garg``); four integers
            ``[top, bottom, left, right]``; or four fractions of the same, of which one at least has a point.
        size: of the map.

    Raises:
        UserError: for an unknown name, a size on which the region is not defined, or an empty or outlying box.
    """
    if isinstance(region, str):
        top, left = 0, 0
        for name in region.split("+"):
            box = _named(name, size)
            size = (box[1] - box[0], box[3] - box[2])
            top, left = top + box[0], left + box[2]
        return top, top + size[0], left, left + size[1]
    return _listed(region, size)


def _named(name: str, size: tuple[int, int]) -> Box:
    if name in FRACTIONS:
        return _scaled(FRACTIONS[name], size)
    if name in COMPUTED:
        return COMPUTED[name](*size)
    if name not in PIXELS:
        known = ", ".join([*FRACTIONS, *PIXELS, *COMPUTED])
        raise UserError(f"Unknown region '{name}'; choose one of {known}, or give [top, bottom, left, right].")
    box, defined = PIXELS[name]
    if defined != tuple(size):
        raise UserError(
            f"The region '{name}' is defined on truth of {defined[0]}x{defined[1]}, not {size[0]}x{size[1]}; "
            "score on truth of that size, or choose a protocol without a crop in pixels (protocol=full)."
        )
    return box


def _listed(edges: Sequence[float], size: tuple[int, int]) -> Box:
    try:
        a, b, c, d = map(float, edges)
    except (TypeError, ValueError):
        raise UserError(f"A region is a name or four numbers [top, bottom, left, right], not {edges}.") from None
    fractions = any(isinstance(edge, float) for edge in edges)
    box = _scaled((a, b, c, d), size) if fractions else (int(a), int(b), int(c), int(d))
    if not (0 <= box[0] < box[1] <= size[0] and 0 <= box[2] < box[3] <= size[1]):
        raise UserError(f"The region {list(edges)} is empty or leaves a truth of {size[0]}x{size[1]}.")
    return box


def _scaled(edges: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    (a, b, c, d), (height, width) = edges, size
    return int(a * height), int(b * height), int(c * width), int(d * width)
