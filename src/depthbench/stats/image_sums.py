"""Scores as functions of sums over images: the form in which every score is resampled.

A mean over images, a root of a mean square and a score that pools pixels are all functions of sums over images, so
that images are drawn (or exchanged) first and the score is read from the new sums. Draws depend on the number of images
and the seed alone: two rows on the same images share them, wherever they are compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthbench.errors import UserError

Array = NDArray[np.float64]
Read = Callable[[Array, int], Mapping[str, Array]]

RESAMPLES = 2_000
FEWEST_SCENES = 12  # folders of frames; with fewer, a scene can't be distinguished from another kind of folder
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class PerImageSums:
    """One network's sums of each image, and how scores are read from their total.

    Attributes:
        values: ``(N, K)`` float64, of images that have a valid pixel.
        read: from sums ``(..., K)`` over so many images to scores ``(...)`` by name.
        pixels: ``(N,)``, valid pixels of each image: only equal images are paired.
        scenes: ``(N,)``, number of each image's scene from 0 on, or None where scenes are not known.
        names: of the images, where they are known.
        seed: of the resamples.
    """

    values: Array
    read: Read
    pixels: Array
    scenes: NDArray[np.intp] | None = None
    names: tuple[str, ...] = ()
    seed: int = 0

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.values)

    @property
    def units(self) -> int:
        """Number of scenes, or of images where scenes are not known: the units of drawing and exchange."""
        if self.scenes is None:
            return self.images
        return int(self.scenes.max()) + 1 if len(self.scenes) else 0

    @cached_property
    def scores(self) -> dict[str, float]:
        """Scores of all images."""
        found = self.read(self.values.sum(0), self.images)
        return {name: float(value) for name, value in found.items()}

    @cached_property
    def resampled(self) -> Mapping[str, Array]:
        """Scores ``(RESAMPLES,)`` of images (scenes) that are drawn with replacement."""
        if not self.images:
            return self.read(np.full((1, self.values.shape[1]), np.nan), 0)
        drawn = products(_draws(self.units, self.seed, RESAMPLES), self.by_unit)
        if self.scenes is None:
            return self.read(drawn[:, :-1], self.images)
        # A drawn scene brings all of its images, so that their number differs from draw to draw.
        counts = drawn[:, -1:]
        return self.read(drawn[:, :-1] * (self.images / counts), self.images)

    @cached_property
    def leave_one_out(self) -> Mapping[str, Array]:
        """Scores ``(units,)`` without each image (scene) in turn."""
        with np.errstate(invalid="ignore", divide="ignore"):
            left = self.by_unit.sum(0) - self.by_unit
            scaled = left[:, :-1] * (self.images / left[:, -1:])
            return self.read(scaled, self.images)

    @cached_property
    def by_unit(self) -> Array:
        """Sums of each scene (image) ``(units, K + 1)``; the last column is its number of images."""
        counted = np.concatenate([self.values, np.ones((self.images, 1))], 1)
        if self.scenes is None:
            return counted
        found = np.zeros((self.units, counted.shape[1]))
        np.add.at(found, self.scenes, counted)
        return found


def of_means(
    scores: ArrayLike, name: str = "score", scenes: NDArray[np.intp] | None = None, names: Sequence[str] = ()
) -> PerImageSums:
    """Sums of a score ``(N,)`` that is averaged over images."""
    values = np.asarray(scores, np.float64)
    return PerImageSums(
        values[:, None],
        lambda totals, images: {name: totals[..., 0] / images},
        np.ones(len(values)),
        scenes,
        tuple(names),
    )


def scenes_of(names: Sequence[str]) -> NDArray[np.intp] | None:
    """Number of each image's scene: the folder of its name (``rooms/SCENE/FRAME``, ``DRIVE/data/FRAME``).

    None where names have fewer than :data:`FEWEST_SCENES` folders: then scenes are not known.
    """
    folders = [name.replace("\\", "/").rpartition("/")[0] for name in names]
    known, codes = np.unique(np.array(folders, dtype=str), return_inverse=True)
    return codes.astype(np.intp) if len(known) >= FEWEST_SCENES else None


def check_paired(first: PerImageSums, second: PerImageSums) -> None:
    """Raise :class:`~depthbench.errors.UserError` unless both are of the same images with the same truth."""
    if not np.array_equal(first.pixels, second.pixels) or first.names != second.names:
        raise UserError("Paired scores must be of the same images with the same truth; score both on the same data.")


def products(weights: NDArray[np.integer], values: Array) -> Array:
    """``weights @ values`` without all weights in float64 at once."""
    parts = [weights[start : start + _CHUNK].astype(np.float64) @ values for start in range(0, len(weights), _CHUNK)]
    return np.concatenate(parts)


@lru_cache(maxsize=8)
def _draws(units: int, seed: int, count: int) -> NDArray[np.int16]:
    """Number of draws of each image (scene): ``(count, units)``."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(units, np.full(units, 1 / units), count).astype(np.int16)
