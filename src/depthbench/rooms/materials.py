"""Surfaces: settings that turn one procedural texture into wood, tiles, carpet, books or a picture, at true scale."""

import colorsys
from typing import NamedTuple

from depthbench.rooms.hashing import Draws

RGB = tuple[float, float, float]


class Material(NamedTuple):
    """One texture: cells (planks, tiles, books) with joints between them, under two scales of noise; metres.

    ``reflect`` is the share of the depth sensor's light that returns: under 0.2 little returns, 0 is glass or a mirror.
    """

    color: RGB
    joint_color: RGB
    cell: tuple[float, float] = (50.0, 50.0)
    bond: float = 0.0
    joint: float = 0.0
    vary: float = 0.0
    hue: float = 0.0
    grain: tuple[float, float] = (0.05, 0.05)
    rough: float = 0.1
    stain: float = 0.1
    glow: float = 0.0
    reflect: float = 0.6

    def row(self) -> list[float]:
        """All numbers of the texture, in the order of :data:`FIELDS`."""
        return [*self.color, *self.joint_color, *self.cell, self.bond, self.joint, self.vary, self.hue, *self.grain,
                self.rough, self.stain, self.glow, self.reflect]  # fmt: skip


FIELDS = 18
"""Length of :meth:`Material.row`."""


def tone(draw: Draws, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]) -> RGB:
    """A linear color from ranges of hue, saturation and (displayed) value."""
    r, g, b = colorsys.hsv_to_rgb(draw(*hue) % 1.0, draw(*saturation), draw(*value))
    return r * r, g * g, b * b


def any_hue(draw: Draws) -> tuple[float, float]:
    """A range of hues as common as it is indoors: mostly reds to yellows and blues, now and then a purple."""
    return draw.pick([(0.0, 0.13), (0.0, 0.13), (0.05, 0.15), (0.15, 0.45), (0.5, 0.66), (0.54, 0.67), (0.68, 1.0)])


def neutral(draw: Draws) -> RGB:
    """White, gray or black."""
    return tone(draw, (0.05, 0.65), (0.0, 0.08), draw.pick([(0.8, 0.97), (0.8, 0.97), (0.3, 0.7), (0.06, 0.25)]))


def scale(color: RGB, factor: float) -> RGB:
    """The color made brighter or darker."""
    return color[0] * factor, color[1] * factor, color[2] * factor


def plaster(draw: Draws) -> Material:
    """A painted wall; one in four papered with stripes or small squares."""
    color = tone(draw, (0.07, 0.15), (0.02, 0.16), (0.78, 0.98))
    if draw.chance(0.25):
        color = tone(draw, any_hue(draw), (0.08, 0.35), (0.5, 0.9))
    if draw.chance(0.25):
        width = draw(0.05, 0.25)
        cell = (width, 50.0 if draw.chance(0.6) else width * draw(0.8, 2.0))
        return Material(color, scale(color, 0.8), cell, vary=draw(0.1, 0.3), grain=(0.02, 0.02), rough=0.04, stain=0.08)
    return Material(color, color, grain=(0.03, 0.03), rough=draw(0.03, 0.15), stain=draw(0.05, 0.2))


def ceiling(draw: Draws) -> Material:
    """White paint or office tiles."""
    color = tone(draw, (0.1, 0.15), (0.0, 0.06), (0.85, 0.97))
    if draw.chance(0.3):
        return Material(color, scale(color, 0.45), (0.6, 0.6), joint=0.02, vary=0.05, grain=(0.02, 0.02), rough=0.15)
    return Material(color, color, grain=(0.03, 0.03), rough=0.04, stain=0.05)


def wood(draw: Draws, along_u: bool = True) -> Material:
    """Veneer or solid wood with its grain along one direction."""
    color = tone(draw, (0.025, 0.1), (0.35, 0.75), draw.pick([(0.2, 0.4), (0.4, 0.65), (0.65, 0.85)]))
    if draw.chance(0.2):
        color = neutral(draw)
    grain = (0.35, 0.018) if along_u else (0.018, 0.35)
    return Material(color, scale(color, 0.4), grain=grain, rough=draw(0.25, 0.5), stain=0.15, reflect=draw(0.4, 0.7))


def planks(draw: Draws) -> Material:
    """A wooden floor."""
    base = wood(draw)
    size = (draw(0.8, 1.6), draw(0.07, 0.18))
    return base._replace(cell=size, bond=draw(0.3, 0.45), joint=0.006, vary=draw(0.15, 0.5), hue=0.03)


def tiles(draw: Draws, low: float = 0.2, high: float = 0.6) -> Material:
    """Ceramic tiles with joints."""
    color = tone(draw, (0.03, 0.15), (0.02, 0.35), (0.5, 0.92))
    side = draw(low, high)
    joint = scale(color, draw.pick([0.35, 0.5, 1.3]))
    bond = 0.5 if draw.chance(0.2) else 0.0
    cell = (side, side * draw.pick([1.0, 1.0, 0.5]))
    return Material(
        color, joint, cell, bond, draw(0.006, 0.014), draw(0.05, 0.25), 0.02, (0.06, 0.06), draw(0.05, 0.25)
    )


def carpet(draw: Draws) -> Material:
    """Short pile, plain or in squares."""
    color = tone(draw, (0.03, 0.14) if draw.chance(0.6) else any_hue(draw), (0.03, 0.4), (0.3, 0.8))
    cell = (draw(0.4, 0.7),) * 2 if draw.chance(0.3) else (50.0, 50.0)
    pile = draw(0.012, 0.06)
    return Material(color, color, cell, vary=0.12, grain=(pile, pile), rough=0.5, stain=0.35, reflect=draw(0.25, 0.6))


def floor(draw: Draws, kind: str) -> Material:
    """A floor that is usual in this kind of room."""
    if kind in ("kitchen", "bath"):
        return tiles(draw) if draw.chance(0.65) else planks(draw)
    if kind == "office":
        return carpet(draw) if draw.chance(0.6) else tiles(draw, 0.3, 0.6)
    return planks(draw) if draw.chance(0.6) else carpet(draw)


def fabric(draw: Draws) -> Material:
    """Upholstery, bedding or curtains: plain, striped or checked."""
    color = tone(draw, any_hue(draw), (0.1, 0.55), (0.2, 0.85))
    if draw.chance(0.5):
        color = tone(draw, (0.03, 0.14), (0.03, 0.5), (0.15, 0.95))
    fold = draw.pick([0.03, 0.08, 0.15])
    weave = Material(color, color, grain=(fold, fold), rough=draw(0.2, 0.5), stain=0.3, reflect=draw(0.15, 0.7))
    return patterned(draw, weave, 0.04, 0.2) if draw.chance(0.55) else weave


def patterned(draw: Draws, plain: Material, low: float, high: float) -> Material:
    """Stripes, checks or figures of a size in metres."""
    side = draw(low, high)
    cell = (side, draw.pick([50.0, side, side, 1.7 * side]))
    return plain._replace(cell=cell, bond=draw.pick([0.0, 0.5]), vary=draw(0.3, 1.1), hue=draw(0.0, 0.5))


def paint(draw: Draws) -> Material:
    """Lacquer, plastic or painted metal of any color."""
    color = neutral(draw) if draw.chance(0.65) else tone(draw, any_hue(draw), (0.25, 0.75), (0.2, 0.9))
    return Material(color, color, rough=0.06, stain=0.08, reflect=draw(0.15, 0.7))


def packing(draw: Draws) -> Material:
    """Printed paper, card or plastic."""
    return patterned(draw, paint(draw), 0.03, 0.15)


def metal(draw: Draws) -> Material:
    """Brushed steel."""
    color = tone(draw, (0.55, 0.65), (0.0, 0.06), (0.45, 0.8))
    return Material(color, color, grain=(0.4, 0.01), rough=0.25, stain=0.3, reflect=draw(0.08, 0.4))


def screen(draw: Draws) -> Material:
    """A dark or lit display."""
    lit = draw.chance(0.35)
    color = tone(draw, (0.5, 0.7), (0.2, 0.7), (0.2, 0.6)) if lit else (0.008, 0.008, 0.01)
    detail = {"cell": (draw(0.05, 0.2), draw(0.03, 0.1)), "vary": 0.8, "hue": 0.6} if lit else {}
    return Material(color, color, glow=0.8 * lit, rough=0.1, reflect=0.03, **detail)  # type: ignore[arg-type]


def books(draw: Draws, height: float) -> Material:
    """A row of spines, seen from the front."""
    color = tone(draw, (0.0, 0.15), (0.2, 0.5), (0.4, 0.75))
    cell = (draw(0.025, 0.045), height)
    return Material(color, scale(color, 0.1), cell, 0.37, 0.004, 1.0, 0.55, (0.02, 0.08), 0.3, 0.2, 0.0, 0.45)


def picture(draw: Draws) -> Material:
    """Something framed, a poster or a notice."""
    color = tone(draw, any_hue(draw), (0.1, 0.7), (0.35, 0.9))
    cell = (draw(0.03, 0.3), draw(0.03, 0.3))
    return Material(color, color, cell, draw(), 0.0, draw(0.3, 0.9), draw(0.2, 1.0), (0.09, 0.09), draw(0.2, 0.9), 0.5)


def glass(draw: Draws, day: float) -> Material:
    """A window pane with the sky or a garden behind it; returns nothing to the sensor."""
    color = tone(draw, (0.2, 0.62), (0.05, 0.35), (0.6, 1.0))
    return Material(color, color, grain=(0.25, 0.12), rough=0.35, stain=0.4, glow=day, reflect=0.0)


def leaves(draw: Draws) -> Material:
    """Leaves."""
    color = tone(draw, (0.22, 0.38), (0.4, 0.8), (0.25, 0.6))
    return Material(color, color, (0.05, 0.08), 0.5, 0.012, 0.8, 0.06, (0.03, 0.06), 0.8, 0.4, reflect=0.5)


def lampshade(draw: Draws) -> Material:
    """A shade that glows."""
    color = tone(draw, (0.08, 0.14), (0.1, 0.4), (0.85, 1.0))
    return Material(color, color, rough=0.05, glow=draw(1.0, 2.0), reflect=0.5)
