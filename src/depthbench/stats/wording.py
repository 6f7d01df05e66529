"""The form of p-values, everywhere."""

import math
from collections.abc import Sequence

from depthbench.stats.intervals import LEVEL


def p_number(p: float) -> str:
    """``0.034``, ``< 0.001``, ``1``, or ``–`` where there is none; a value below 0.05 never rounds to it."""
    if math.isnan(p):
        return "–"
    if p < 0.001:
        return "< 0.001"
    if p >= 0.995:
        return "1"
    text = f"{p:.2g}"
    return f"{math.floor(p * 1000) / 1000:g}" if p < LEVEL <= float(text) else text


def p_text(p_values: Sequence[float]) -> str:
    """``p = 0.034``, or the bound that holds for all: ``p < 0.001``, ``p ≤ 0.02``, ``p ≥ 0.4``."""
    least, most = min(p_values), max(p_values)
    if p_number(least) == p_number(most):
        number = p_number(most)
        return f"p {number}" if number.startswith("<") else f"p = {number}"
    if most < LEVEL:
        return f"p ≤ {math.ceil(most * 1000) / 1000:g}"
    return f"p ≥ {math.floor(least * 1000) / 1000:g}" if least >= 0.001 else f"p from < 0.001 to {p_number(most)}"
