"""Number of seeds, or of test images, that would separate two rows: measured scatter, extrapolated.

The error of a difference has two parts (:mod:`depthbench.stats.crossed`): of seeds, which falls as one over the root
of their number, and of test images, which falls likewise. Both are measured here with the seeds and images at hand.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from depthbench.stats.behrens_fisher import Part, half_width
from depthbench.stats.crossed import Tested
from depthbench.stats.intervals import LEVEL

MOST_SEEDS = 1000
MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class Effort:
    """Seeds and images that would tell a difference of the measured size apart from 0 at a level of 5 %.

    Attributes:
        seeds: of each row on the images at hand; None where :data:`MOST_SEEDS` would not do.
        images: with the seeds at hand; None where :data:`MOST_IMAGES` would not do.
    """

    seeds: int | None
    images: int | None


def effort(tested: Tested, difference: float | None = None) -> Effort:
    """Seeds and images that would tell two rows apart.

    Args:
        tested: a comparison with two or more seeds of each row.
        difference: assumed to be true; the measured one where None. The ends of its interval give the
            uncertainty of the extrapolation.

    Example:
        >>> from depthbench.report.analyze.effort import effort
        >>> from depthbench.stats.behrens_fisher import Part
        >>> from depthbench.stats.crossed import Difference, Tested
        >>> parts = (Part(0.004, 4), Part(0.001, 653))
        >>> effort(Tested(Difference(0.005, -0.006, 0.016, 0.3), 0.3, 654, 0, (5, 5), parts))
        Effort(seeds=17, images=None)
    """
    size = abs(tested.difference.value if difference is None else difference)
    seeds, images = tested.parts[0], tested.parts[-1]
    now = min(tested.seeds)

    def with_seeds(count: int) -> bool:
        part = Part(seeds.error * math.sqrt(now / count), _freedom(seeds, now, count))
        return half_width((part, images), LEVEL) < size

    def with_images(count: int) -> bool:
        part = Part(images.error * math.sqrt(tested.images / count), max(count - 1, 1))
        return half_width((seeds, part), LEVEL) < size

    return Effort(_smallest(with_seeds, 2, MOST_SEEDS), _smallest(with_images, 2, MOST_IMAGES))


def _freedom(part: Part, now: int, then: int) -> float:
    """The degrees of freedom of more seeds: paired and independent seeds have one less than their number."""
    return max(part.freedom + then - now, 1)


def _smallest(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest number that is enough, by halving; None where the highest is not."""
    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
