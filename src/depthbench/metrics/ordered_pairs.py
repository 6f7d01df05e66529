"""Order of annotated pairs of points: DA-2K (Yang et al. 2024, Depth Anything V2)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthbench.annotated_pairs import AnnotatedPairs
from depthbench.errors import UserError
from depthbench.metrics.kept_units import KeptUnits, Units
from depthbench.stats.image_sums import Array, PerImageSums, Read

SCENES = ("indoor", "outdoor", "non_real", "transparent_reflective", "adverse_style", "aerial", "underwater", "object")


def pairs_right(prediction: Tensor, pairs: AnnotatedPairs, kind: str = "depth") -> Tensor:
    """Mask of correctly ordered pairs, ``(N,)`` bool: the closer point has the smaller depth or the larger disparity.

    Equal values are wrong, and so is a value that is not finite.

    Args:
        prediction: ``(H, W)`` at the original size of the image.
        pairs: of the image.
        kind: of the prediction: ``depth`` or ``disparity``, at any scale and shift.

    Raises:
        UserError: for another kind, or if a point lies outside of the map.
    """
    if kind not in ("depth", "disparity"):
        raise UserError(f"Pairs are scored on depth or disparity, not on {kind}.")
    points = torch.cat([pairs.closer, pairs.farther]).to(prediction.device)
    if len(points) and bool((points >= points.new_tensor(prediction.shape[-2:])).any()):
        raise UserError(
            f"A point lies outside of the prediction of {tuple(prediction.shape)}; resize it to the original image."
        )
    closer, farther = prediction[points[:, 0], points[:, 1]].chunk(2)
    right = closer < farther if kind == "depth" else closer > farther
    return right & closer.isfinite() & farther.isfinite()


class PairAccuracy(KeptUnits):
    """Accuracy on annotated pairs, over all of them and by scene (DA-2K: the first folder of an image's path).

    Every pair counts the same, as in DA-2K's table. No alignment is needed; any kind of prediction can be scored.
    :meth:`intervals` draws images with all of their pairs, which are not independent; for a scene those of the scene.

    Args:
        kind: of the predictions: ``depth`` or ``disparity``.
        scenes: whose accuracies are given, too; pairs of other scenes count in the whole only.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import AnnotatedPairs, PairAccuracy
        >>> pairs = AnnotatedPairs(closer=torch.tensor([[0, 0], [1, 1]]), farther=torch.tensor([[0, 1], [0, 0]]))
        >>> metric = PairAccuracy()
        >>> metric.update(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), pairs, "indoor/1.jpg")
        >>> metric.compute()["indoor"].item()
        0.5
    """

    higher_is_better = True

    def __init__(self, kind: str = "depth", scenes: Sequence[str] = SCENES, **kwargs: Any) -> None:
        super().__init__(2, **kwargs)
        self.kind, self.scenes = kind, tuple(scenes)

    def update(self, prediction: Tensor, pairs: AnnotatedPairs, image: str = "") -> None:
        """Add an image.

        Args:
            prediction: ``(H, W)`` at the image's original size.
            pairs: of the image.
            image: its path within the data set, which begins with the scene.
        """
        right = pairs_right(prediction, pairs, self.kind)
        self.keep(torch.stack([right.sum(), torch.full_like(right.sum(), len(right))])[None], [image] if image else ())

    def read(self, totals: Array, units: int) -> dict[str, Array]:
        """The share of pairs in the right order."""
        with np.errstate(invalid="ignore"):
            return {"pair_accuracy": totals[..., 0] / totals[..., 1]}

    def groups(self, units: Units) -> list[PerImageSums]:
        """The images of all scenes and of each, where they have pairs."""
        found = units.of(units.rows[:, 1] > 0)
        scenes = np.array([_scene(name) for name in found.names], dtype=str)
        own = [(name, self.resampling(found.of(scenes == name))) for name in self.scenes]
        called = [replace(sums, read=partial(_renamed, sums.read, name)) for name, sums in own]
        return [self.resampling(found), *called]

    def weights(self, units: Units) -> Array:
        """The number of pairs of each image."""
        return units.rows[:, 1]

    def compute(self) -> dict[str, Tensor]:
        """``pair_accuracy`` of all pairs, the scenes', and ``pairs``; NaN where there is no pair."""
        units = self.units()
        found = {name: value for sums in self.groups(units) for name, value in sums.scores.items()}
        found["pairs"] = float(units.rows[:, 1].sum())
        return {name: torch.tensor(value, dtype=torch.float64, device=self.device) for name, value in found.items()}


def _renamed(read: Read, name: str, totals: Array, units: int) -> dict[str, Array]:
    (value,) = read(totals, units).values()
    return {name: value}


def _scene(image: str) -> str:
    """The scene in an image's path within DA-2K."""
    return image.replace("\\", "/").lstrip("./").removeprefix("images/").partition("/")[0]


def scene_counts(annotations: Mapping[str, AnnotatedPairs]) -> dict[str, int]:
    """Number of pairs by the first folder of the images, to compare with a data set's description."""
    found: Counter[str] = Counter()
    for image, pairs in annotations.items():
        found[_scene(image)] += len(pairs.closer)
    return dict(found)
