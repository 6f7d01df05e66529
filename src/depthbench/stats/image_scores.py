"""Scores of a data set from the scores of its images: means or root mean squares, of images or of all their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depthbench.stats.image_sums import Array, PerImageSums, Read, scenes_of

NEAR = 2e-3  # relative: scores of images are written with fewer digits than they had


@dataclass(frozen=True)
class ImageForm:
    """Rule for a score from scores of images.

    Attributes:
        power: 1 for a mean, 2 for a root mean square.
        pooled: whether images weigh as many pixels as they have.
    """

    power: int
    pooled: bool

    def read(self, metric: str) -> Read:
        """The score from sums of powers and of weights."""
        return lambda totals, images: {metric: (totals[..., 0] / totals[..., 1]) ** (1 / self.power)}

    def score(self, values: Array, pixels: Array) -> float:
        """The score of images ``(N,)``."""
        weights = pixels if self.pooled else np.ones(len(values))
        return float(np.average(values**self.power, weights=weights) ** (1 / self.power))

    def sums(self, metric: str, values: Array, pixels: Array, names: Sequence[str]) -> PerImageSums:
        """Resampled values: scores of images to the power ``(N,)``, weighted, in the order of the names."""
        weights = pixels if self.pooled else np.ones(len(values))
        columns = np.stack([values * weights, weights], 1)
        return PerImageSums(columns, self.read(metric), pixels, scenes_of(names), tuple(names))


FORMS = (ImageForm(1, False), ImageForm(2, False), ImageForm(1, True), ImageForm(2, True))


def form_of(recorded: Sequence[tuple[Array, Array, float]], near: float = NEAR) -> ImageForm | None:
    """The form that gives the recorded scores, the nearest where several do; None where none does.

    Where all images have equally many pixels, several forms fit but for rounding: the first, for every row. Where they
    have almost equally many, rounding may decide; give all networks of a protocol, so that they get one form.

    Args:
        recorded: of each network the scores and pixels of its images ``(N,)``, and its score.
        near: relative difference that may come from rounding.

    Example:
        >>> import numpy as np
        >>> from depthbench.stats.image_scores import form_of
        >>> form_of([(np.array([0.1, 0.3]), np.array([100.0, 300.0]), 0.25)])
        ImageForm(power=1, pooled=True)
    """
    if not recorded:
        return None
    misses = np.zeros(len(FORMS))
    for values, pixels, score in recorded:
        known = np.isfinite(values)
        if known.sum() < 2:
            return None
        for place, form in enumerate(FORMS):
            found = form.score(values[known], pixels[known])
            misses[place] = max(misses[place], abs(found - score) / max(abs(score), 1e-12))
    nearest = int(np.argmax(misses <= misses.min() + 1e-9))
    return FORMS[nearest] if misses[nearest] <= near else None
