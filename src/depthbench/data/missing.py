"""Stored values that are not depth: from a file's numbers to metres, in which 0 is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError

MOST_AT_TOP = 0.005  # share of a frame's pixels at the largest value of the type that needs no explanation

NO_CAMERA_SEES = 1000.0  # metres

Invalid = float | Sequence[float] | str | None
"""A stored value or several that mean "no depth"; ``none`` where only 0 does; None where nobody has said it."""


@dataclass(frozen=True)
class Missing:
    """Values that mean missing depth, besides 0, negative numbers, NaN and infinities.

    Attributes:
        invalid: values of the file.
        said: whether somebody said which.
        max_depth: metres beyond which a depth is missing, None for no limit.
    """

    invalid: tuple[float, ...] = ()
    said: bool = False
    max_depth: float | None = None

    def metres(self, stored: NDArray[Any], scale: float) -> NDArray[np.float32]:
        """Stored values times ``scale``, float32; 0 where there is no depth."""
        with np.errstate(over="ignore", invalid="ignore"):  # huge numbers become infinities, which are no depth
            depth: NDArray[np.float32] = np.asarray(stored * np.float32(scale), np.float32)
        if stored.dtype.kind != "u":
            depth[~(np.isfinite(depth) & (depth > 0))] = 0
        for value in self.invalid:
            depth[stored == value] = 0
        if self.max_depth is not None:
            depth[depth > self.max_depth] = 0
        return depth

    def check_top(self, name: str, depth: NDArray[np.float32], scale: float, bits: int) -> None:
        """Raise :class:`UserError` if many pixels hold the largest value of the type and no setting gives its meaning.

        Args:
            name: of the frame.
            depth: in metres.
            scale: metres per unit.
            bits: of the stored numbers.
        """
        top = (1 << bits) - 1
        share = float((depth == np.float32(top) * np.float32(scale)).mean()) if depth.size else 0.0
        if share > MOST_AT_TOP and not self.said:
            raise UserError(f"{100 * share:.2g} % of the pixels of {name} hold {two_meanings(top, top * scale, bits)}")

    def check_far(self, name: str, depth: NDArray[np.float32]) -> None:
        """Raise :class:`UserError` if many pixels of a float map hold one depth that no camera sees.

        Renderers write the background so: 1e10 (Blender), 65504, the largest half.

        Args:
            name: of the frame.
            depth: in metres.
        """
        top = float(depth.max()) if depth.size else 0.0
        share = float((depth == np.float32(top)).mean()) if top > NO_CAMERA_SEES else 0.0
        if share > MOST_AT_TOP and not self.said and self.max_depth is None:
            raise UserError(
                f"{100 * share:.2g} % of the pixels of {name} are {top:.6g} m away, as a renderer's background is: "
                "append data.max_depth=METRES beyond which there is no depth, or data.invalid=none if it is a depth."
            )


ZERO_ONLY = Missing()


def two_meanings(top: float, metres: float, bits: int) -> str:
    """The two meanings of the largest value, and the setting for each."""
    return (
        f"{top:g}, the largest value of {bits} bits: append data.invalid={top:g} if that means no depth (sky), "
        f"data.invalid=none if it is a depth ({metres:.4g} m)."
    )


def missing(invalid: Invalid = None, max_depth: float | None = None) -> Missing:
    """The settings of a configuration for missing values.

    Raises:
        UserError: if it is no number, or the limit is not positive.
    """
    if isinstance(max_depth, bool) or not isinstance(max_depth, int | float | None):
        raise UserError(f"data.max_depth={max_depth} is not a number of metres, beyond which depth is missing.")
    if max_depth is not None and not max_depth > 0:
        raise UserError(f"data.max_depth={max_depth} must be positive: metres beyond which depth is missing.")
    if invalid is None or (isinstance(invalid, str) and invalid.lower() == "none"):
        return Missing((), invalid is not None, max_depth)
    values = [invalid] if isinstance(invalid, int | float | str) else list(invalid)
    try:
        return Missing(tuple(float(value) for value in values), True, max_depth)
    except (TypeError, ValueError):
        raise UserError(f"data.invalid={invalid} is not a number, a list of numbers, or none.") from None
