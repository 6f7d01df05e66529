"""Kinds of output: the quantity that a prediction holds, and how far it is known. Declared, recorded, never guessed.

A metric prediction is known, one up to scale has an unknown factor, an affine one an unknown factor and an unknown
shift. A stronger kind is also scored as every weaker one; whether rules of scoring can do justice to a kind is decided
by the changes that their alignment undoes.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

from depthbench.errors import UserError

Quantity = Literal["depth", "disparity", "log", "log1p"]
"""Quantity of a map: metres, 1 / metres, ``ln(metres)`` or ``ln(1 + metres)``."""

LeftOpen = Literal["scale", "shift", "order"]
"""Changes of a prediction that a loss does not see: a factor, a summand; with ``order``, any rising function."""

DETERMINED: frozenset[LeftOpen] = frozenset()
"""A loss that leaves nothing open."""


class OutputKind(StrEnum):
    """The kind of a prediction, as its model declares it.

    Example:
        >>> from depthbench.output_kinds import OutputKind
        >>> kind = OutputKind("affine_disparity")  # MiDaS, Depth Anything (relative)
        >>> kind.quantity, kind.unknown, kind.words
        ('disparity', 'affine_disparity', 'disparity up to scale and shift')
        >>> OutputKind.METRIC_DEPTH.is_metric
        True
    """

    METRIC_DEPTH = "metric_depth"
    SCALE_DEPTH = "scale_depth"
    AFFINE_DEPTH = "affine_depth"
    METRIC_DISPARITY = "metric_disparity"
    SCALE_DISPARITY = "scale_disparity"
    AFFINE_DISPARITY = "affine_disparity"
    LOG_DEPTH = "log_depth"
    SCALE_LOG_DEPTH = "scale_log_depth"
    AFFINE_LOG_DEPTH = "affine_log_depth"
    AFFINE_LOG1P_DEPTH = "affine_log1p_depth"
    METRIC_POINTS = "metric_points"
    SCALE_POINTS = "scale_points"
    AFFINE_POINTS = "affine_points"
    ORDINAL_DEPTH = "ordinal_depth"

    @property
    def quantity(self) -> Quantity:
        """The scored quantity: depth if the scale is known; with an unknown shift, the quantity that is shifted."""
        return _TABLE[self].quantity

    @property
    def unknown(self) -> str:
        """Unknowns that an alignment must fit: nothing (empty), ``scale``, scale and shift of a quantity; or ``order``.

        No alignment makes depth of an order.
        """
        return _TABLE[self].unknown

    @property
    def words(self) -> str:
        """The kind in sentences."""
        return _TABLE[self].words

    @property
    def is_metric(self) -> bool:
        """Whether nothing is unknown."""
        return not self.unknown

    @property
    def is_positive(self) -> bool:
        """Whether a value of 0 or below can only be a mistake or a hole; with an unknown shift it is a value."""
        return self.unknown in ("", "scale") and self.stored not in ("log",)

    @property
    def falls(self) -> bool:
        """Whether the stored values fall where depth rises."""
        return self.stored == "disparity"

    @property
    def stored(self) -> str:
        """The quantity in files: ``depth``, ``disparity``, ``log``, ``log1p`` or ``points``."""
        return _TABLE[self].stored


class _About(NamedTuple):
    stored: str
    quantity: Quantity
    unknown: str
    words: str


_TABLE: dict[OutputKind, _About] = {
    OutputKind.METRIC_DEPTH: _About("depth", "depth", "", "metric depth"),
    OutputKind.SCALE_DEPTH: _About("depth", "depth", "scale", "depth up to scale"),
    OutputKind.AFFINE_DEPTH: _About("depth", "depth", "affine_depth", "depth up to scale and shift"),
    OutputKind.METRIC_DISPARITY: _About("disparity", "depth", "", "metric disparity"),
    OutputKind.SCALE_DISPARITY: _About("disparity", "depth", "scale", "disparity up to scale"),
    OutputKind.AFFINE_DISPARITY: _About(
        "disparity", "disparity", "affine_disparity", "disparity up to scale and shift"
    ),
    OutputKind.LOG_DEPTH: _About("log", "depth", "", "the logarithm of metric depth"),
    OutputKind.SCALE_LOG_DEPTH: _About("log", "depth", "scale", "log depth up to a constant, so depth up to scale"),
    OutputKind.AFFINE_LOG_DEPTH: _About("log", "log", "affine_log", "log depth up to scale and shift"),
    OutputKind.AFFINE_LOG1P_DEPTH: _About("log1p", "log1p", "affine_log1p", "log(1 + depth) up to scale and shift"),
    OutputKind.METRIC_POINTS: _About("points", "depth", "", "metric points"),
    OutputKind.SCALE_POINTS: _About("points", "depth", "scale", "points up to scale"),
    OutputKind.AFFINE_POINTS: _About("points", "depth", "affine_depth", "points up to scale and shift"),
    OutputKind.ORDINAL_DEPTH: _About("depth", "depth", "order", "the order of depths, and no distances"),
}

_UP_TO_AFFINE: dict[Quantity, OutputKind] = {
    "depth": OutputKind.AFFINE_DEPTH,
    "disparity": OutputKind.AFFINE_DISPARITY,
    "log": OutputKind.AFFINE_LOG_DEPTH,
    "log1p": OutputKind.AFFINE_LOG1P_DEPTH,
}
_SCALES: dict[Quantity, frozenset[LeftOpen]] = {
    "depth": frozenset({"scale"}),
    "disparity": frozenset({"scale"}),
    "log": frozenset({"shift"}),
}


def trained_kind(left_open: frozenset[LeftOpen], quantity: Quantity = "depth", from_zero: bool = True) -> OutputKind:
    """The strongest kind that is true of a network, from changes of a perfect prediction that its loss does not see.

    Args:
        left_open: by the loss, of the maps that it compares.
        quantity: of these maps.
        from_zero: whether 0 in these maps is 0 of the quantity; else a factor of them also shifts the quantity.

    Example:
        >>> trained_kind(frozenset({"scale", "shift"})).words
        'depth up to scale and shift'
        >>> trained_kind(frozenset({"shift"}), "log").words  # a summand of log depth is a factor of depth
        'depth up to scale'
    """
    if not left_open:
        return OutputKind.METRIC_DEPTH
    if "order" in left_open:
        return OutputKind.ORDINAL_DEPTH
    if from_zero and left_open == _SCALES.get(quantity):
        return OutputKind.SCALE_DEPTH
    return _UP_TO_AFFINE[quantity]


def output_kind(name: str, unit: float | None = None) -> OutputKind:
    """The kind of this name.

    Args:
        name: of a kind; ``disparity`` alone is metric where a unit is given.
        unit: of the predictions.

    Raises:
        UserError: if there is none, or the name leaves open how far the output is known.
    """
    if name == "disparity" and unit is not None:
        return OutputKind.METRIC_DISPARITY
    if name in ("disparity", "points"):
        metric = " with unit, focal length (pixels) times baseline (metres)" if name == "disparity" else ""
        raise UserError(
            f"kind={name} leaves open how far it is known: kind=affine_{name} is up to scale and shift"
            f"{' (MiDaS, Depth Anything)' if metric else ''}, kind=scale_{name} up to scale, kind=metric_{name} "
            f"known{metric}."
        )
    try:
        return OutputKind(name)
    except ValueError:
        raise UserError(f"Predictions can be {', '.join(OutputKind)}, not '{name}'.") from None
