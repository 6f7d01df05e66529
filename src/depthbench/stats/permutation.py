"""Paired permutation tests: images of two rows are exchanged, with the same exchanges for all pairs of rows."""

from collections.abc import Mapping
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from depthbench.stats.image_sums import Array, PerImageSums, check_paired, products

PERMUTATIONS = 10_000
ALL_PATTERNS = 12  # images (scenes) up to which every pattern is tried


class Exchanges:
    """Differences of two rows after each pattern of exchanged images; sums of a row are made once for all its pairs.

    The test exchanges first and second image by image (scene by scene where scenes are known): all ways for up to 12 of
    them, else random ones, of which the observed is one (Phipson and Smyth 2010).
    """

    def __init__(self) -> None:
        self._signed = cache(_signed_sums)

    def differences(self, first: PerImageSums, second: PerImageSums) -> Mapping[str, tuple[Array, float]]:
        """First minus second by score after each exchange ``(P,)``, the observed first, and a bound of its rounding.

        Raises:
            UserError: if the images differ.
        """
        check_paired(first, second)
        total = first.values.sum(0) + second.values.sum(0)
        apart = self._signed(first) - self._signed(second)
        plus, minus = (first.read((total + sign * apart) / 2, first.images) for sign in (1, -1))
        found = {}
        for name in plus:
            with np.errstate(invalid="ignore"):
                # Sums of the same numbers in another order differ by rounding.
                size = np.nan_to_num(np.abs(plus[name]) + np.abs(minus[name]), posinf=0.0).max()
                found[name] = (plus[name] - minus[name], 1e-12 * float(size))
        return found


def _signed_sums(sums: PerImageSums) -> Array:
    """Sums over images ``(P, K)``, each with the sign of its pattern."""
    return products(_patterns(sums.units, sums.seed, PERMUTATIONS), sums.by_unit[:, :-1])


@lru_cache(maxsize=4)
def _patterns(units: int, seed: int, count: int) -> NDArray[np.int8]:
    """Signs ``(P, units)``, the first all positive: every pattern for up to 12, else so many random ones more."""
    if units <= ALL_PATTERNS:
        bits = (np.arange(2**units)[:, None] >> np.arange(units)) & 1
    else:
        bits = np.random.default_rng(seed).integers(2, size=(count + 1, units), dtype=np.int8)
        bits[0] = 0
    return (1 - 2 * bits).astype(np.int8)
