"""Reductions: how the errors of pixels become one number, over the batch of all processes.

``pixel``: mean over all valid pixels of the batch. ``image``: mean over the images that have a valid pixel of each
image's mean. ``holes_as_zero_error``: mean over all pixels of the batch, where a hole counts as a pixel without error
(released codes that multiply both maps by the mask).
"""

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.across_processes import global_count, global_max, global_sum


class Reducer:
    """Means over groups of pixels, and the mean of the groups. A group is the whole batch, or an image.

    A loss that is no mean of a map (a variance) is made of the means of each group::

        over = reducer(difference, valid)
        over.mean(over.means(difference.square()) - over.means(difference).square())

    Args:
        like: a map ``(B, ...)`` of the shape of those to come.
        valid: bool mask of that shape; None means that all pixels count.
    """

    def __init__(self, like: Tensor, valid: Tensor | None) -> None:
        self.valid = valid

    def __call__(self, values: Tensor) -> Tensor:
        """The scalar of an error map."""
        return self.mean(self.means(values))

    def means(self, values: Tensor) -> Tensor:
        """Mean of each group, ``(B, ...) -> (G,)``; 0 with gradient 0 for a group without a valid pixel."""
        raise NotImplementedError

    def mean(self, groups: Tensor) -> Tensor:
        """Mean of ``(G,)`` over the groups that have a valid pixel; 0 with gradient 0 where none has."""
        raise NotImplementedError

    @staticmethod
    def of_sums(totals: Tensor, counts: Tensor | int) -> Tensor:
        """The reduction of errors that are summed per image: ``(B, ...) -> (...)``.

        Args:
            totals: sum of each image.
            counts: pixels of each image, of the same shape, or one number for all.
        """
        raise NotImplementedError


class PixelMean(Reducer):
    """One group: all valid pixels of the batch."""

    def __init__(self, like: Tensor, valid: Tensor | None) -> None:
        super().__init__(like, valid)
        self.count = global_count(like.numel() if valid is None else valid, like.device)

    def means(self, values: Tensor) -> Tensor:
        """Mean over the batch: ``(1,)``."""
        total = values.sum() if self.valid is None else values.where(self.valid, 0.0).sum()
        return (global_sum(total) / at_least_one(self.count)).view(1)

    def mean(self, groups: Tensor) -> Tensor:
        """The one mean, or 0."""
        return groups[0] if isinstance(self.count, int) else groups[0].where(self.count > 0, 0.0)

    @staticmethod
    def of_sums(totals: Tensor, counts: Tensor | int) -> Tensor:
        """Sum over the images' sums, divided by all their pixels."""
        total = global_sum(totals.sum(dim=0))
        if isinstance(counts, int):
            return total / at_least_one(global_count(len(totals), totals.device)) / max(counts, 1)
        return total / global_sum(counts.sum(dim=0)).clamp(min=1)


class ImageMean(Reducer):
    """One group for each image."""

    def means(self, values: Tensor) -> Tensor:
        """Mean of each image: ``(B,)``."""
        values = values.flatten(1)
        if self.valid is None:
            return values.sum(dim=1) / max(values.shape[1], 1)
        valid = self.valid.flatten(1)
        return values.where(valid, 0.0).sum(dim=1) / valid.sum(dim=1).clamp(min=1)

    def mean(self, groups: Tensor) -> Tensor:
        """Mean over the images that have a valid pixel."""
        if self.valid is None:
            return global_sum(groups.sum()) / at_least_one(global_count(len(groups), groups.device))
        present = self.valid.flatten(1).any(dim=1)
        return global_sum(groups.where(present, 0.0).sum()) / at_least_one(global_count(present, present.device))

    @staticmethod
    def of_sums(totals: Tensor, counts: Tensor | int) -> Tensor:
        """Mean over the images that have pixels of each image's mean."""
        if isinstance(counts, int):
            return PixelMean.of_sums(totals, counts)
        total = global_sum((totals / counts.clamp(min=1)).sum(dim=0))
        return total / global_sum((counts > 0).sum(dim=0)).clamp(min=1)


class HolesAsZeroError(PixelMean):
    """One group: all pixels of the batch; the error of a hole is 0."""

    def __init__(self, like: Tensor, valid: Tensor | None) -> None:
        super().__init__(like, None)
        self.valid = valid


REDUCERS: dict[str, type[Reducer]] = {"pixel": PixelMean, "image": ImageMean, "holes_as_zero_error": HolesAsZeroError}
OVER_IMAGES = ("pixel", "image")  # where errors are summed per image, a hole has no place
Reduction = str | type[Reducer]


def check_reduction(reduction: Reduction, allowed: tuple[str, ...] = tuple(REDUCERS)) -> Reduction:
    """Return the reduction if it is one of ``allowed`` or a class of one's own, else raise a :class:`UserError`."""
    if isinstance(reduction, str) and reduction not in allowed:
        raise UserError(f"reduction is {reduction!r}, but must be one of: {', '.join(allowed)}.")
    return reduction


def reducer(reduction: Reduction) -> type[Reducer]:
    """The class of a reduction by name."""
    return REDUCERS[reduction] if isinstance(reduction, str) else reduction


def mean_of_terms(terms: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of each term over the images of all processes: ``(B, K) -> (K,)``; 0 where no image has the term.

    Args:
        terms: per image.
        weights: of the images, same shape: whether an image has the term, or by how many pixels. None: all count once.
    """
    if weights is None:
        return global_sum(terms.sum(dim=0)) / at_least_one(global_count(len(terms), terms.device))
    counted = terms.where(weights, 0.0) if weights.dtype == torch.bool else terms * weights
    return global_sum(counted.sum(dim=0)) / global_sum(weights.sum(dim=0)).clamp(min=1)


def any_image(present: Tensor) -> Tensor:
    """Whether any image of all processes has each term: bool ``(B, K) -> (K,)``."""
    return global_max(present.any(dim=0))


def at_least_one(count: Tensor | int) -> Tensor | int:
    """The count, at least 1: the divisor of a sum, also of an empty one."""
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)
