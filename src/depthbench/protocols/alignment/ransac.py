"""A line by RANSAC: the same draws and decisions as scikit-learn's ``RANSACRegressor`` with a seed."""

import math
import threading
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.medians import median_distance, median_of
from depthbench.protocols.alignment import fit_kernel
from depthbench.protocols.alignment.fits import FittedLine, least_squares_line

_Row = NDArray[np.float64]
_Point = tuple[float, float, float]
"""Scale, and a point on the line."""

TRIALS = 1000
CONFIDENCE = 0.99
_EPSILON = float(np.spacing(1))


class _Draws(threading.local):
    """scikit-learn's generator, one of each thread: to make another takes as long as a trial."""

    def __init__(self) -> None:
        self.random = np.random.RandomState(0)

    def seeded(self, seed: int) -> np.random.RandomState:
        """The generator at the first draw of a seed."""
        self.random.seed(seed)
        return self.random


_DRAWS = _Draws()


def ransac_line(x: Tensor, y: Tensor, weight: Tensor | None, seed: int = 0) -> FittedLine:
    """The line through the pixels that agree with the best of the lines through two (Pixel-Perfect Depth).

    The threshold is the median absolute deviation of y; at most 1000 trials, fewer once all inliers were drawn with a
    probability of 0.99. Where nothing can be fitted the line is the identity; where it does not rise, the factor
    ``mean(y) / mean(x)``. Trials depend on each other, so they run on the CPU: a GPU is waited for.

    Args:
        x: predictions ``(B, N)``.
        y: truths.
        weight: 0 where a pixel has no part; otherwise, and without weights, all count the same.
        seed: of each image's draws.
    """
    used = [slice(None)] * len(x) if weight is None else list(weight.cpu() > 0)
    sides = zip(x.cpu(), y.cpu(), used, strict=True)
    rows = [_one_line(one[kept].numpy(), other[kept].numpy(), seed) for one, other, kept in sides]
    return FittedLine(*torch.tensor(rows, dtype=torch.float64, device=x.device).reshape(-1, 3).unbind(1))


def _one_line(x: _Row, y: _Row, seed: int) -> _Point:
    if len(x) < 3:
        return 1.0, 0.0, 0.0
    best = _consensus(x, y, _DRAWS.seeded(seed))
    line = (1.0, 0.0, 0.0) if best is None else _refined(x, y, best)
    return line if line[0] > 0 else (float(y.mean() / x.mean()), 0.0, 0.0)


class _Trial(NamedTuple):
    """A line through a point, and its inliers."""

    scale: float
    point: tuple[float, float]
    inside: NDArray[np.bool_]
    agreeing: int

    @property
    def shift(self) -> float:
        """The value of the line at x = 0."""
        return self.point[1] - self.scale * self.point[0]

    def explained(self, x: _Row, y: _Row) -> float:
        """The coefficient of determination of the inliers; not a number for a single pixel."""
        if self.agreeing < 2:
            return math.nan
        left, spread = (fit_kernel.explained if _serves(x) else _explained)(x, y, self.inside, self.scale, self.shift)
        return 1 - left / spread if spread else float(not left)


def _serves(x: _Row) -> bool:
    return fit_kernel.serves(torch.from_numpy(x))


def _explained(x: _Row, y: _Row, inside: NDArray[np.bool_], scale: float, shift: float) -> tuple[float, float]:
    x, y = x[inside], y[inside]
    return float(((y - (x * scale + shift)) ** 2).sum()), float(((y - y.mean()) ** 2).sum())


def _consensus(x: _Row, y: _Row, random: np.random.RandomState) -> _Trial | None:
    """The best trial; None if no trial has any inlier."""
    threshold = median_distance(y, median_of(y))
    agree = fit_kernel.agreeing if _serves(x) else _agreeing
    best, explained = None, math.nan  # of the best, where it was asked for
    trial, trials = 0, float(TRIALS)
    while trial < trials:
        trial += 1
        drawn = _two_of(len(x), random)
        scale, x0, y0 = _least_squares(x[drawn], y[drawn])
        inside = np.empty(len(y), dtype=bool)
        agreeing = agree(x, y, scale, y0 - scale * x0, threshold, inside)
        found = _Trial(scale, (x0, y0), inside, agreeing)
        if found.agreeing < (1 if best is None else best.agreeing):
            continue
        own = math.nan
        if best is not None and found.agreeing == best.agreeing:
            explained = best.explained(x, y) if math.isnan(explained) else explained
            own = found.explained(x, y)
            if own < explained:
                continue
        best, explained = found, own
        trials = min(trials, _enough_trials(found.agreeing / len(x)))
    return best


def _agreeing(x: _Row, y: _Row, scale: float, shift: float, threshold: float, inside: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(np.less_equal(np.abs(y - (x * scale + shift)), threshold, out=inside)))


def _two_of(count: int, random: np.random.RandomState) -> list[int]:
    """Two different places, drawn as scikit-learn draws them from few and from many."""
    if 2 / count > 0.01:
        return [int(place) for place in random.permutation(count)[:2]]
    first = second = int(random.randint(count))
    while second == first:
        second = int(random.randint(count))
    return [first, second]


def _refined(x: _Row, y: _Row, trial: _Trial) -> _Point:
    """The line of least squares through the inliers; one that does not rise through a single one."""
    if trial.agreeing < 2:
        return 0.0, *trial.point
    if _serves(x):
        return fit_kernel.line_inside(x, y, trial.inside, trial.point)
    places = np.flatnonzero(trial.inside)  # a fraction of a mask's time
    return _least_squares(x.take(places), y.take(places))


def _least_squares(x: _Row, y: _Row) -> _Point:
    if len(x) > 2:
        scale, *mean = least_squares_line(torch.from_numpy(x)[None], torch.from_numpy(y)[None], None)
        return float(scale), float(mean[0]), float(mean[1])
    (a, b), (c, d) = x.tolist(), y.tolist()
    x0, y0 = (a + b) / 2, (c + d) / 2
    variance = (a - x0) ** 2 + (b - x0) ** 2
    return (((a - x0) * (c - y0) + (b - x0) * (d - y0)) / variance if variance > 0 else 0.0), x0, y0


def _enough_trials(share: float) -> float:
    """Trials after which two inliers were drawn together with the wanted probability."""
    missed = max(_EPSILON, 1 - share**2)
    return math.inf if missed == 1 else abs(math.ceil(math.log(1 - CONFIDENCE) / math.log(missed)))
