"""The pixels that alignments are fitted to: taken from the maps once, whatever number of alignments asks for them."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from depthbench.maps import places_of
from depthbench.output_kinds import Quantity
from depthbench.protocols.alignment import fit_kernel
from depthbench.protocols.alignment.fits import FittedLine, Numbers
from depthbench.protocols.alignment.samples import Rows, limited_to, one_per_cell
from depthbench.protocols.alignment.spaces import RECIPROCAL, in_space

if TYPE_CHECKING:
    from depthbench.protocols.alignment.alignment import Alignment

_DEPTH: Quantity = "depth"
_INVERTIBLE = 1e-300  # numbers above have a finite inverse
BLOCK = 2**15
"""Pixels that a CPU aligns at once: in float64 they and their intermediate values stay in its second cache."""


def blocks_of(maps: Tensor, other: Tensor) -> Iterator[Iterator[tuple[Tensor, Tensor]]]:
    """Pairs of blocks of rows of both maps ``(B, 1, H, W)``, for each image."""
    rows = max(1, BLOCK // max(maps.shape[-1], 1))
    for image in range(len(maps)):
        at = slice(image, image + 1)
        yield zip(torch.split(maps[at], rows, 2), torch.split(other[at], rows, 2), strict=True)


class FitPixels:
    """A batch whose alignments share masks, spaces, samples and lines.

    On a CPU each image's valid pixels are copied together, so that no fit looks at others; elsewhere counting them
    would wait for the device, and fits take weights of 0.

    Args:
        prediction: ``(B, 1, H, W)`` of a quantity.
        truth: ``(B, 1, H, W)`` metres.
        valid: bool mask of the pixels that are scored and predicted.
        quantity: of the prediction.
    """

    def __init__(self, prediction: Tensor, truth: Tensor, valid: Tensor, quantity: Quantity = "depth") -> None:
        self.prediction, self.truth, self.valid, self.quantity = prediction, truth, valid, quantity
        self._known: dict[Any, Any] = {}

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def line(self, alignment: "Alignment") -> FittedLine:
        """The fitted line of each image; alignments that differ in limits only share it."""
        found: FittedLine = self._once(("line", alignment.fitted_part), lambda: self._line(alignment))
        return found

    def _line(self, alignment: "Alignment") -> FittedLine:
        if self.truth.device.type != "cpu":
            return alignment.line(*self.rows(alignment))
        return FittedLine.of_numbers(self.numbers_of_line(alignment))

    def numbers_of_line(self, alignment: "Alignment") -> list[Numbers]:
        """Like :meth:`line`, as numbers on a CPU: a tensor of one number takes as long as its arithmetic."""
        key = ("numbers", alignment.fitted_part)
        return self._once(  # type: ignore[no-any-return]
            key, lambda: [self._line_of_one(alignment, image) for image in range(len(self.truth))]
        )

    def _line_of_one(self, alignment: "Alignment", image: int) -> Numbers:
        if alignment.sample is not None or alignment.max_side is not None:
            rows = self._once(("rows", alignment.rows_part), lambda: self.rows(alignment))
            return alignment.line(*(one[image : image + 1] for one in rows)).numbers()[0]
        truth = self._taken(image)[1]
        if not len(truth):
            return math.nan, 0.0, 0.0
        line = self._line_of_moments(alignment, image)
        return self._line_of_pixels(alignment, image).numbers()[0] if line is None else line

    def _line_of_pixels(self, alignment: "Alignment", image: int) -> FittedLine:
        truth = self._taken(image)[1]
        x = alignment.raised(self._side("x", alignment.space, alignment.precision, image))
        y = self._side("y", alignment.space, alignment.precision, image)
        kept = alignment.kept(x, alignment.space != "depth" and self._has_all_spaces(image))
        return alignment.line_of(x, truth, y) if kept is None else alignment.line_of(x[kept], truth[kept], y[kept])

    def _has_all_spaces(self, image: int) -> bool:
        """Whether predictions are seen to be positive and finite, and so are their inverses and logarithms."""
        if self.quantity not in RECIPROCAL:
            return False
        x = self._taken(image)[0]
        return self._least(image) > _INVERTIBLE and float(self._once(("greatest", image), x.amax)) < math.inf

    def _least(self, image: int) -> float:
        """Prediction; not a number where one is none."""
        return float(self._once(("least", image), self._taken(image)[0].amin))

    def _line_of_moments(self, alignment: "Alignment", image: int) -> Numbers | None:
        """The line of all pixels from sums of the kernel; None where it needs others, or not all pixels have a part."""
        x, y = self._taken(image)
        if not alignment.needs_moments or self.quantity not in RECIPROCAL or not fit_kernel.serves_maps(x, y):
            return None
        if alignment.positive_only and not self._least(image) > 0:
            return None
        inverts = alignment.space != self.quantity, alignment.space == "disparity"
        found = self._once(("moments", image, inverts), lambda: fit_kernel.moments(x, y, inverts))
        return alignment.line_of_moments(found) if math.isfinite(sum(found)) else None

    def _side(self, side: str, space: Quantity, precision: torch.dtype | None, image: int) -> Tensor:
        """The valid pixels of the prediction (x) or the truth (y) in a space, in a precision or their own."""

        def make() -> Tensor:
            if precision is not None:
                return self._side(side, space, None, image).to(precision)
            values, quantity = (
                (self._taken(image)[0], self.quantity) if side == "x" else (self._taken(image)[1], _DEPTH)
            )
            kernel = quantity != space and fit_kernel.goes_between(quantity, space) and fit_kernel.serves_maps(values)
            return (fit_kernel.row_in_space if kernel else in_space)(values, quantity, space)

        return self._once((side, space, precision, image), make)  # type: ignore[no-any-return]

    def _taken(self, image: int) -> tuple[Tensor, Tensor]:
        """Prediction and truth of the valid pixels of an image ``(N,)`` each."""
        return self._once(("taken", image), lambda: self._take(image))  # type: ignore[no-any-return]

    def _take(self, image: int) -> tuple[Tensor, Tensor]:
        maps = self.prediction[image, 0], self.truth[image, 0]
        if fit_kernel.serves_maps(*maps):
            return fit_kernel.valid_pixels(*maps, self.valid[image, 0])
        places = places_of(self.valid[image])
        prediction, truth = (one.flatten() for one in maps)
        if len(places) < len(truth):
            prediction, truth = (one.index_select(0, places) for one in (prediction, truth))
        return prediction, truth

    def rows(self, alignment: "Alignment") -> Rows:
        """Prediction in the space, truth in metres ``(B, N)``, and which of them count."""
        x, valid = alignment.raised(in_space(self.prediction, self.quantity, alignment.space)), self.valid
        if alignment.space != "depth":
            valid = valid & x.isfinite()  # a depth of 0 has no disparity and no logarithm
        if alignment.positive_only:
            valid = valid & (x > 0)
        if alignment.sample is not None:
            rows = one_per_cell((alignment.sample[0], alignment.sample[1]), x, self.truth, valid)
        elif alignment.max_side is not None:
            rows = limited_to(alignment.max_side, x, self.truth, valid)
        else:
            rows = x.flatten(1), self.truth.flatten(1), valid.flatten(1)
        return rows if alignment.trim is None else alignment.trimmed(*rows)

    def extreme_truth(self, side: str) -> Tensor:
        """The nearest (``near``) or farthest (``far``) valid truth ``(B, 1, 1, 1)`` float64; infinite where none is."""
        return self._once(("extreme", side), lambda: self._extreme(side))  # type: ignore[no-any-return]

    def extremes(self, side: str) -> list[float]:
        """Like :meth:`extreme_truth`, of each image; on a CPU."""
        return self._once(("extremes", side), lambda: self._extremes(side))  # type: ignore[no-any-return]

    def _extremes(self, side: str) -> list[float]:
        taken = [self._taken(image)[1].numpy() for image in range(len(self.truth))]
        return [float(one.min() if side == "near" else one.max()) if len(one) else math.inf for one in taken]

    def _extreme(self, side: str) -> Tensor:
        if self.truth.device.type == "cpu":
            return torch.tensor(self.extremes(side), dtype=torch.float64).view(-1, 1, 1, 1)
        flat, mask = self.truth.flatten(1), self.valid.flatten(1)
        edge = flat.where(mask, torch.inf).amin(1) if side == "near" else flat.where(mask, -torch.inf).amax(1)
        return edge.double().view(-1, 1, 1, 1)
