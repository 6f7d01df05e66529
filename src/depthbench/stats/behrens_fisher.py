"""The sum of independent Student variables, each at its own scale: error of a mean over few seeds and many images.

The Behrens-Fisher solution (Behrens 1929, Fisher 1935). Its tests and intervals keep their level for any scales and
down to one degree of freedom (Robinson 1976, "Properties of Student's t and of the Behrens-Fisher solution to the two
means problem"). Satterthwaite's approximation does not with two or three seeds: where their scatter looks small by
chance, it forgets how little is known of it (about 30 % false findings instead of 5 % in simulations).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from depthbench.stats.image_sums import Array

_NODES = 256


class Part(NamedTuple):
    """A standard error and the degrees of freedom behind it."""

    error: float
    freedom: float


def tail(x: float, parts: Sequence[Part]) -> float:
    """Probability that the sum of one or two parts is ``x`` or more; NaN where an error is no finite number."""
    known = sorted((part for part in parts if part.error), key=lambda part: part.error)
    if not known:
        return 0.0 if x > 0 else 1.0 if x < 0 else 0.5
    *smaller, largest = known
    if not smaller:
        return float(special.stdtr(largest.freedom, -x / largest.error))
    nodes, weights = _quadrature(smaller[0].freedom)
    return float(weights @ special.stdtr(largest.freedom, (smaller[0].error * nodes - x) / largest.error))


def two_sided(value: float, parts: Sequence[Part]) -> float:
    """p-value of "the truth is 0"."""
    if not any(part.error for part in parts):
        return 1.0 if value == 0 else 0.0
    return min(1.0, 2 * tail(abs(value), parts))


def half_width(parts: Sequence[Part], level: float) -> float:
    """Half of the interval at confidence ``1 - level``."""
    errors = [part for part in parts if part.error]
    if not errors:
        return 0.0
    if not np.isfinite([part.error for part in errors]).all():
        return float("nan")
    # Each part alone is narrower than both together, and the sum of the parts' own widths is wider.
    alone = [-float(special.stdtrit(part.freedom, level / 2)) * part.error for part in errors]
    if len(alone) == 1:
        return alone[0]
    return float(optimize.brentq(lambda x: tail(x, parts) - level / 2, 0.5 * max(alone), 2 * sum(alone), rtol=1e-6))


@lru_cache(maxsize=32)
def _quadrature(freedom: float) -> tuple[Array, Array]:
    """Nodes and weights of Student's distribution: Gauss and Legendre over its probabilities."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    return special.stdtrit(freedom, (places + 1) / 2), weights / 2
