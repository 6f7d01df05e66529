"""Power laws ``error = factor * amount ** exponent``."""

from dataclasses import dataclass

import numpy as np

from depthbench.stats.image_sums import Array
from depthbench.stats.intervals import percentile_bands

ENOUGH_AMOUNTS = 3


@dataclass(frozen=True)
class PowerLaw:
    """Least squares in logarithms, with its bootstrap.

    Attributes:
        factor: error at one image.
        exponent: negative where more data helps.
        misfit: largest relative distance of a point from the curve.
        exponents: of the resampled fits; empty where there is nothing to resample.
        factors: the same.
        over: the resampled units: ``seeds``, ``test images``, both, or nothing.
    """

    factor: float
    exponent: float
    misfit: float
    exponents: Array
    factors: Array
    over: str

    def interval(self) -> tuple[float, float]:
        """The exponent's 95 % interval."""
        low, high = percentile_bands(self.exponents)
        return float(low), float(high)

    def band(self, amounts: Array) -> Array:
        """The curve's 95 % band at some amounts: ``(2, N)``."""
        return percentile_bands(self.factors[:, None] * amounts ** self.exponents[:, None])


def power_law(amounts: Array, errors: Array, resampled: Array | None = None, over: str = "") -> PowerLaw | None:
    """The law through points ``(N,)``; None for fewer than three different amounts, or an error that is not positive.

    Args:
        amounts: of training data.
        errors: at each.
        resampled: ``(R, N)`` errors of resampled seeds and images.
        over: the resampled units.
    """
    if len(set(amounts.tolist())) < ENOUGH_AMOUNTS or np.any(errors <= 0):
        return None
    (factor,), (exponent,) = _fit(amounts, errors[None])
    misfit = float(np.abs(errors / (factor * amounts**exponent) - 1).max())
    if resampled is None:
        return PowerLaw(float(factor), float(exponent), misfit, np.array([]), np.array([]), "")
    factors, exponents = _fit(amounts, np.maximum(resampled, np.finfo(np.float64).tiny))
    return PowerLaw(float(factor), float(exponent), misfit, exponents, factors, over)


def _fit(amounts: Array, errors: Array) -> tuple[Array, Array]:
    """Factors and exponents of many fits at once: ``errors (R, N)``."""
    x, y = np.log(amounts), np.log(errors)
    centered = x - x.mean()
    slope = (y @ centered) / (centered @ centered)
    return np.exp(y.mean(1) - slope * x.mean()), slope
