"""The units in which the field stores depth: one table for readers, for the doctor and for prediction files."""

import math
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit of stored depth.

    Attributes:
        per_metre: stored values per metre.
        name: of the unit, and its users.
        scale: metres per stored value, as one writes it.
    """

    per_metre: float
    name: str
    scale: str


UNITS = (
    Unit(1.0, "metres", "1"),
    Unit(100.0, "centimetres", "0.01"),
    Unit(1000.0, "millimetres", "0.001"),
    Unit(256.0, "1/256 m, the png of KITTI", "1/256"),
    Unit(4000.0, "1/4000 m, as Matterport3D", "1/4000"),
    Unit(5000.0, "1/5000 m, as TUM RGB-D", "1/5000"),
    Unit(6553.5, "16 bits for 10 m, as Replica", "10/65535"),
    Unit(1310.7, "16 bits for 50 m, as iBims-1", "50/65535"),
    Unit(25.5, "8 bits for 10 m", "10/255"),
)
RELATIVE = (
    Unit(0.1, "relative to 10 m", "10"),
    Unit(1 / 80, "relative to 80 m", "80"),
    Unit(0.001, "kilometres", "1000"),
)
"""Units of predictions only: no data set is stored so."""


def plausible_units(
    median: float, low: float, high: float, apart_from: float | None = None
) -> list[tuple[Unit, float]]:
    """Units in which a stored median depth lies between ``low`` and ``high`` metres, with that depth.

    Args:
        median: of the stored values.
        low: metres.
        high: metres.
        apart_from: a unit that is known already, in values per metre.

    Returns:
        The nearest to the middle of the range first.
    """
    center = math.sqrt(low * high)
    found = [(unit, median / unit.per_metre) for unit in UNITS if apart_from is None or not close(unit, apart_from)]
    inside = [item for item in found if low <= item[1] <= high]
    return sorted(inside, key=lambda item: abs(math.log(item[1] / center)))


def suggested(median: float, plausible: tuple[float, float]) -> str:
    """A sentence with the units that would make a stored median depth plausible, for a user who has to choose one.

    Args:
        median: of the stored values.
        plausible: metres between which it should lie.
    """
    units = listed(plausible_units(median, *plausible), "data.scale")
    return f" The median of a few frames is {median:.4g}: {units or 'no common unit makes it plausible'}."


def explaining_units(per_metre: float, tolerance: float) -> list[Unit]:
    """Units of so many values per metre, up to the factor ``exp(tolerance)``; the nearest first."""
    every = sorted((*UNITS, *RELATIVE), key=lambda unit: abs(math.log(per_metre / unit.per_metre)))
    return [unit for unit in every if abs(math.log(per_metre / unit.per_metre)) <= tolerance]


def close(unit: Unit, per_metre: float, tolerance: float = 0.02) -> bool:
    """Whether a unit has so many values per metre, up to two percent."""
    return abs(math.log(unit.per_metre / per_metre)) <= tolerance


def listed(units: list[tuple[Unit, float]], key: str) -> str:
    """Units as an answer to type, each with the median depth that it gives."""
    parts = [f"{key}={_decimal(unit.scale)} ({unit.name}) makes it {depth:.3g} m" for unit, depth in units]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""


def _decimal(scale: str) -> str:
    """A fraction as the decimal number that a configuration takes."""
    above, _, below = scale.partition("/")
    return f"{float(above) / float(below):.9g}" if below else scale
