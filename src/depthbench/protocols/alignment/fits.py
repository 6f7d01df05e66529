"""Pure fits of a line (or of a factor) that brings predictions to the truth, for many images at once.

All take ``x`` (prediction), ``y`` (truth) and ``weight``, ``(B, N)`` float64: pixels with weight 0 have no part in the
fit and hold any finite number; without weights (None) all pixels count the same, which takes half the time. Nothing
waits for the device, but for a CPU, where that costs nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.medians import masked_median, weighted_median
from depthbench.protocols.alignment import fit_kernel
from depthbench.protocols.alignment.fit_kernel import Moments

FLOOR = 1e-6  # of a residual, whose inverse is a weight
HUBER = 1.345  # spreads
MAD_TO_SPREAD = 1.4826  # of a normal distribution
LEAST_FACTOR = 1e-3  # of the Weiszfeld fit


Numbers = tuple[float, float, float]
"""Of the line of one image: scale, x0 and y0."""


class FittedLine(NamedTuple):
    """``y = scale (x - x0) + y0`` of each image, ``(B,)`` float64: centered, so that nothing cancels.

    Example:
        >>> import torch
        >>> from depthbench.protocols.alignment import FittedLine
        >>> line = FittedLine(*(torch.tensor([value], dtype=torch.float64) for value in (2.0, 3.0, 5.0)))
        >>> line.shift.item(), line.of(torch.tensor([[3.0, 4.0]])).tolist()
        (-1.0, [[5.0, 7.0]])
    """

    scale: Tensor
    x0: Tensor
    y0: Tensor

    @classmethod
    def factor(cls, scale: Tensor) -> "FittedLine":
        """A line without a shift."""
        return cls(scale.double(), torch.zeros_like(scale.double()), torch.zeros_like(scale.double()))

    @classmethod
    def of_numbers(cls, lines: Sequence[Numbers]) -> "FittedLine":
        """The lines of some images from numbers, on a CPU."""
        return cls(*torch.tensor(lines, dtype=torch.float64).reshape(-1, 3).unbind(1))

    def numbers(self) -> list[Numbers]:
        """The numbers of each image's line; waits for a device."""
        return list(zip(*(one.tolist() for one in self), strict=True))

    @property
    def shift(self) -> Tensor:
        """The value of the line at x = 0."""
        return self.y0 - self.scale * self.x0

    def of(self, x: Tensor) -> Tensor:
        """The values of the lines at maps or rows ``(B, ...)``, float64."""
        scale, x0, y0 = (one.view(-1, *(1,) * (x.ndim - 1)) for one in self)
        return (x.double() - x0).mul_(scale).add_(y0)

    def at(self, rows: slice) -> "FittedLine":
        """The lines of some of the images."""
        return FittedLine(*(one[rows] for one in self))


def _times(values: Tensor, weight: Tensor | None) -> Tensor:
    return values if weight is None else values * weight


def _sum(weight: Tensor | None, like: Tensor) -> Tensor:
    """The sum of the weights of each row."""
    return like.new_full((len(like),), like.shape[1]) if weight is None else weight.sum(1)


def _used(weight: Tensor | None) -> Tensor | None:
    return None if weight is None else weight > 0


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The dot product of each row, ``(B,)``."""
    dot: Tensor = torch.linalg.vecdot(a, b)
    return dot


def ratio_of_medians(x: Tensor, y: Tensor, weight: Tensor | None, middle: str = "mean") -> FittedLine:
    """``median(y) / median(x)`` (Eigen, Monodepth2, DenseDepth's "scaled" row, DUSt3R's frames).

    ``middle`` as in :func:`~depthbench.protocols.alignment.masked_median`: torch's lower median is UniDepth's ``si``.
    """
    return FittedLine.factor(masked_median(y, _used(weight), middle) / masked_median(x, _used(weight), middle))


def median_of_ratios(x: Tensor, y: Tensor, weight: Tensor | None) -> FittedLine:
    """``median(y / x)`` (plumbline's ``median``)."""
    return FittedLine.factor(masked_median(y / x, _used(weight)))


def least_squares_scale(x: Tensor, y: Tensor, weight: Tensor | None) -> FittedLine:
    """The factor that minimizes ``sum w (s x - y)^2``; 0 for a prediction of zeros."""
    weighted = _times(x, weight)
    square = _dot(weighted, x)
    return FittedLine.factor(_dot(weighted, y) / torch.where(square > 0, square, 1.0))


def least_squares_line(x: Tensor, y: Tensor, weight: Tensor | None, ridge: float = 0.0) -> FittedLine:
    """The line that minimizes ``sum w (s x + t - y)^2``; a constant prediction becomes the mean of the truth.

    Args:
        x: predictions.
        y: truths.
        weight: of each pixel.
        ridge: on the diagonal of the normal equations of (s, t) (UniDepth: 1e-9).
    """
    if ridge:
        return _ridge_line(x, y, weight, ridge)
    if fit_kernel.serves(x, y, weight):
        return FittedLine(*fit_kernel.lines(x, y, weight).unbind(1))
    total = _sum(weight, x)[:, None]
    x0, y0 = ((one.sum(1) if weight is None else _dot(weight, one))[:, None] / total for one in (x, y))
    from_mean = x - x0
    centered = _times(from_mean, weight)
    variance = _dot(centered, from_mean)
    scale = _dot(centered, y - y0) / torch.where(variance > 0, variance, 1.0)
    return FittedLine(scale, x0[:, 0], y0[:, 0])


def _ridge_line(x: Tensor, y: Tensor, weight: Tensor | None, ridge: float) -> FittedLine:
    weighted = _times(x, weight)
    xx, x1, n = _dot(weighted, x) + ridge, weighted.sum(1), _sum(weight, x) + ridge
    xy, y1 = _dot(weighted, y), _times(y, weight).sum(1)
    determinant = xx * n - x1 * x1
    shift = (xx * y1 - x1 * xy) / determinant
    return FittedLine((n * xy - x1 * y1) / determinant, torch.zeros_like(shift), shift)


def line_of_moments(found: Moments, factor: bool = False, ridge: float = 0.0) -> Numbers:
    """:func:`least_squares_line`, or :func:`least_squares_scale`, of the pixels whose moments these are.

    Args:
        found: the moments.
        factor: whether there is no shift.
        ridge: as there.
    """
    n, x, y, xx, xy = found
    if factor:
        square = xx + n * x * x
        return (xy + n * x * y) / (square if square > 0 else 1.0), 0.0, 0.0
    if not ridge:
        return xy / (xx if xx > 0 else 1.0), x, y
    # (n + r) (Σxx + r) - (Σx)² and its like, of centered sums: the parts that are left cancel exactly.
    determinant = n * xx + ridge * (n + xx + n * x * x + ridge)
    scale = (n * xy + ridge * (xy + n * x * y)) / determinant
    return scale, 0.0, (n * y - scale * n * x) / (n + ridge)


def weighted_l1_scale(x: Tensor, y: Tensor, weight: Tensor | None) -> FittedLine:
    """The factor that minimizes ``sum w |s x - y|``: the median of y / x with weights w |x|; exact."""
    used = _times(x.abs(), weight)
    return FittedLine.factor(weighted_median(torch.where(used > 0, y / x, float("inf")), used))


def weighted_l1_line(x: Tensor, y: Tensor, weight: Tensor | None, rounds: int = 50) -> FittedLine:
    """The line that minimizes ``sum w |s x + t - y|``, by ``rounds`` of reweighted least squares (MoGe's objective).

    From 50 rounds on the objective lies within 1e-5 of the least one; trying every pixel as an anchor is exact, and
    takes the square of the number of pixels.
    """
    if fit_kernel.serves(x, y, weight):
        return FittedLine(*fit_kernel.lines(x, y, weight, rounds, FLOOR).unbind(1))
    line = least_squares_line(x, y, weight)
    for _ in range(rounds):
        again = line.of(x).sub_(y).abs_().clamp_(min=FLOOR).reciprocal_()
        line = least_squares_line(x, y, again if weight is None else again.mul_(weight))
    return line


def huber_line(x: Tensor, y: Tensor, weight: Tensor | None, rounds: int = 20, power: int = 1) -> FittedLine:
    """The line of Huber's loss with k = 1.345 spreads, the spread from the median absolute deviation of residuals.

    Args:
        x: predictions.
        y: truths.
        weight: of each pixel.
        rounds: at most; an image whose line changes by less than 1e-4 keeps it.
        power: of Huber's weights: 1 is the textbook's, 2 plumbline's code, which weights both sides of the equations.
    """
    line = least_squares_line(x, y, weight)
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    used = _used(weight)
    for _ in range(rounds):
        residual = y - line.of(x)
        deviation = (residual - masked_median(residual, used)[:, None]).abs_()
        edge = HUBER * (MAD_TO_SPREAD * masked_median(deviation, used)).clamp(min=1e-8)[:, None]
        huber = (edge / residual.abs_().clamp_(min=1e-12)).clamp_(max=1.0)
        found = least_squares_line(x, y, _times(huber if power == 1 else huber.square_(), weight))
        changes = [_change(a, b) for a, b in ((found.scale, line.scale), (found.shift, line.shift))]
        line = FittedLine(*(torch.where(done, old, new) for old, new in zip(line, found, strict=True)))
        done = done | (torch.stack(changes).amax(0) < 1e-4)
        if done.device.type == "cpu" and bool(done.all()):
            break
    return line


def _change(new: Tensor, old: Tensor) -> Tensor:
    return (new - old).abs() / old.abs().clamp(min=1e-8)


def weiszfeld_scale(x: Tensor, y: Tensor, weight: Tensor | None, rounds: int = 10) -> FittedLine:
    """The factor that minimizes ``sum w |s x - y|``, by reweighting from the ratio of means (CUT3R's video line).

    Ten rounds do not reach the minimum; numbers published with them have that part in them. At least 1e-3.
    """
    weighted = _times(x, weight)
    xx, xy = weighted * x, weighted * y
    scale = _times(y, weight).sum(1) / weighted.sum(1)
    for _ in range(rounds):
        again = (x * scale[:, None]).sub_(y).abs_().add_(1e-8).reciprocal_()
        scale = _dot(again, xy) / _dot(again, xx)
    return FittedLine.factor(scale.clamp(min=LEAST_FACTOR))
