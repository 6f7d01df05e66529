"""p-values of many tests at once, so that the chance of any false finding stays below each."""

from collections.abc import Sequence

import numpy as np

from depthbench.stats.image_sums import Array


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979); NaN has no p-value and takes no part."""
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    steps = np.minimum(1.0, (len(order) - np.arange(len(order))) * p[order])
    adjusted[order] = np.maximum.accumulate(steps) if len(order) else steps
    return [float(value) for value in adjusted]


def max_t(differences: Sequence[tuple[Array, float]]) -> tuple[list[float], list[float]]:
    """Raw and adjusted p-values of two-sided permutation tests that share their patterns.

    The step-down max-T of Westfall and Young (1993, algorithm 4.1): each difference is divided by its root mean square
    over the patterns, which makes it a one-to-one function of the paired t, and compared with the largest among itself
    and all weaker ones. Sign flips keep the differences of any subset of true hypotheses jointly symmetric, so the
    family-wise error is controlled whichever hypotheses are true (Romano and Wolf 2005); exactly where differences
    are symmetric, else for large numbers of images.

    Args:
        differences: of each test ``(P,)`` over the patterns, the observed first, and a bound of its rounding.

    Returns:
        p-values and adjusted p-values, NaN where the observed difference is no finite number.
    """
    raw, adjusted = np.full(len(differences), np.nan), np.full(len(differences), np.nan)
    usable = [index for index, (changes, _) in enumerate(differences) if np.isfinite(changes[0])]
    if not usable:
        return raw.tolist(), adjusted.tolist()
    sizes = [_standardized(*differences[index]) for index in usable]
    order = sorted(range(len(usable)), key=lambda place: sizes[place][0][0])  # weakest first
    largest = np.zeros_like(sizes[0][0])
    found = {}
    for place in order:
        size, slack = sizes[place]
        raw[usable[place]] = np.mean(size >= size[0] - slack)
        largest = np.maximum(largest, size)
        found[place] = float(np.mean(largest >= size[0] - slack))
    highest = 0.0
    for place in reversed(order):  # from the strongest on, no p-value is below an earlier one
        highest = max(highest, found[place])
        adjusted[usable[place]] = highest
    return raw.tolist(), adjusted.tolist()


def _standardized(changes: Array, rounding: float) -> tuple[Array, float]:
    """Absolute differences and rounding in units of their root mean square.

    An exchange after which there is no score counts against the observed difference.
    """
    with np.errstate(invalid="ignore"):
        size = np.where(np.isfinite(changes), np.abs(changes), np.inf)
    finite = size[np.isfinite(size)]
    scale = float(np.sqrt(np.mean(finite**2)))
    if scale <= rounding:
        return np.zeros_like(size), 0.0  # both rows are the same
    return size / scale, rounding / scale
