"""Order of annotated pairs of points: DA-2K (Yang et al. 2024, Depth Anything V2)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from depthbench.errors import UserError
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON

SCENES = ("indoor", "outdoor", "non_real", "transparent_reflective", "adverse_style", "aerial", "underwater", "object")


class AnnotatedPairs(NamedTuple):
    """Pairs of points of an image of which the first is closer.

    Attributes:
        closer: ``(N, 2)`` int64, rows and columns at the original size of the image.
        farther: ``(N, 2)``.
    """

    closer: Tensor
    farther: Tensor


def read_da2k(path: str | Path) -> dict[str, AnnotatedPairs]:
    """Pairs by the image's path, from DA-2K's ``annotations.json``.

    Raises:
        UserError: if the file can't be read or is not of that form.
    """
    try:
        content = parse_json(read_bytes(Path(path), MAX_JSON))
    except ValueError as error:
        raise UserError(f"{path} can't be read as DA-2K's annotations ({error}).") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no annotations of DA-2K: expected lists of pairs by the path of an image.")
    return {image: _pairs(path, image, pairs) for image, pairs in content.items()}


def _pairs(path: str | Path, image: str, pairs: Any) -> AnnotatedPairs:
    points = []
    for place, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
        closer = pair.get("closer_point") if isinstance(pair, Mapping) else None
        other = {"point1": "point2", "point2": "point1"}.get(str(closer))
        if other is None or not all(_is_point(pair.get(key)) for key in (closer, other)):
            raise UserError(
                f"Pair {place} of {image} in {path} is {pair}; expected point1 and point2 as [row, column] and "
                "closer_point as the name of one of them."
            )
        points.append([pair[closer], pair[other]])
    listed = torch.tensor(points, dtype=torch.int64).reshape(-1, 2, 2)
    return AnnotatedPairs(listed[:, 0], listed[:, 1])


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(one) is int and one >= 0 for one in value)


def pairs_right(prediction: Tensor, pairs: AnnotatedPairs, kind: str = "depth") -> Tensor:
    """Which pairs a map gets right, ``(N,)`` bool: the closer point has the smaller depth or the larger disparity.

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


class PairAccuracy(Metric):
    """Accuracy on annotated pairs, over all of them and by scene (DA-2K: the first folder of an image's path).

    Every pair counts the same, as in DA-2K's table. No alignment is needed; any kind of prediction can be scored.

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

    full_state_update = False
    higher_is_better = True

    def __init__(self, kind: str = "depth", scenes: Sequence[str] = SCENES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.scenes = kind, tuple(scenes)
        self.counts: Tensor
        shape = len(self.scenes) + 1, 2
        self.add_state("counts", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, pairs: AnnotatedPairs, image: str = "") -> None:
        """Add an image.

        Args:
            prediction: ``(H, W)`` at the image's original size.
            pairs: of the image.
            image: its path within the data set, which begins with the scene.
        """
        right = pairs_right(prediction, pairs, self.kind)
        scene = image.replace("\\", "/").lstrip("./").removeprefix("images/").partition("/")[0]
        rows = [0, *([1 + self.scenes.index(scene)] if scene in self.scenes else [])]
        added = torch.stack([right.sum(), right.new_tensor(len(right), dtype=torch.int64)]).double()
        self.counts[rows] += added.to(self.counts.device)

    def compute(self) -> dict[str, Tensor]:
        """``pair_accuracy`` of all pairs, the scenes', and ``pairs``; NaN where there is no pair."""
        shares = self.counts[:, 0] / self.counts[:, 1]
        named = dict(zip(("pair_accuracy", *self.scenes), shares, strict=True))
        return {**named, "pairs": self.counts[0, 1]}


def scene_counts(annotations: Mapping[str, AnnotatedPairs]) -> dict[str, int]:
    """Number of pairs by the first folder of the images, to compare with a data set's description."""
    found: Counter[str] = Counter()
    for image, pairs in annotations.items():
        found[image.removeprefix("images/").partition("/")[0]] += len(pairs.closer)
    return dict(found)
