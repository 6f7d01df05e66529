"""Annotated pairs of points of every test image, against the predictions of one input."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from rich.progress import track

from depthbench.errors import UserError
from depthbench.evaluation.batches import is_silent, loader, on_device
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.metrics import PairAccuracy
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol
from depthbench.stats.image_sums import PerImageSums

ACCURACY = "pair_accuracy"
_CONTRARY, _SURE = 0.3, 30  # a share of right pairs that no depth has, and from how many pairs on that is sure


@dataclass(frozen=True, kw_only=True)
class ScoredPairs:
    """The pairs of one input, in the place of :class:`~depthbench.evaluation.scoring.Scored`.

    Attributes:
        name: of the input.
        kind: of the predictions.
        frames: names of the images.
        parts: right pairs and pairs of the images, of all and of each scene that has some, as statistics resample them.
    """

    name: str
    kind: OutputKind
    frames: list[str]
    parts: list[PerImageSums]

    def standard(self) -> tuple[str, ...]:
        """Names of the scores that stand in a row of tables."""
        return (ACCURACY,)

    def further(self) -> tuple[str, ...]:
        """Names of the others: the scenes."""
        return tuple(name for part in self.parts[1:] for name in part.scores)

    def shown(self) -> tuple[str, ...]:
        """Names of all scores."""
        return (*self.standard(), *self.further())

    def columns(self) -> tuple[str, ...]:
        """Names of the numbers of each image."""
        return (ACCURACY, "pairs", *self.further())

    def addends(self, protocol: EvalProtocol, seed: int = 0) -> list[PerImageSums]:
        """Sums that statistics resample."""
        return [replace(part, seed=seed) for part in self.parts]

    def scores(self, protocol: EvalProtocol) -> dict[str, float]:
        """Shares of right pairs, and the counts that tables show."""
        found = {name: value for part in self.parts for name, value in part.scores.items()}
        counts = {"images": float(len(self.frames)), "images_empty": 0.0, "images_nonfinite": 0.0}
        return found | counts | {"pairs": float(self.parts[0].values[:, 1].sum())}

    def per_image(self, protocol: EvalProtocol) -> dict[str, list[float]]:
        """Shares of each image, NaN where it is of another scene, and by how many pairs it weighs."""
        return self._per_image

    @cached_property
    def _per_image(self) -> dict[str, list[float]]:
        places = {name: place for place, name in enumerate(self.frames)}
        counts = [0.0] * len(self.frames)
        found = {name: [float("nan")] * len(self.frames) for name in self.shown()}
        for part in self.parts:
            (score,) = part.scores
            for name, (right, count) in zip(part.names, part.values.tolist(), strict=True):
                found[score][places[name]] = right / count
                counts[places[name]] = count
        return found | {"pairs": counts, "pixels": counts}


@torch.inference_mode()
def score_pairs(
    name: str, predict: Predictor, test_set: EvaluationSet, protocols: Sequence[EvalProtocol], device: torch.device
) -> ScoredPairs:
    """Predict every image once over all processes and look its pairs up; every process returns the whole.

    Raises:
        UserError: if a prediction does not fit its image, or the order of depths is the contrary of the pairs'.
    """
    (rules,) = protocols
    metric = PairAccuracy("disparity" if predict.declared.quantity == "disparity" else "depth").to(device)
    for batch in track(loader(test_set, 1), f"Scoring {name}", transient=True, disable=is_silent()):
        items = on_device(batch, device)
        prediction, _ = predict(items, False)
        (truth,) = items.truth.values()
        maps = rules.fit(prediction, truth, predict.covers, items.image)
        metric.update(maps[0, 0], test_set.pairs_of(items.places[0]), items.names[0])
    parts = [part for part in metric.resampled() if part.images]
    right, count = parts[0].values.sum(0) if parts else (0.0, 0.0)
    if not count:
        raise UserError(f"The images of {test_set.target} have no pairs; check the annotations.")
    if count >= _SURE and right / count < _CONTRARY:
        raise UserError(
            f"{name} is declared as {predict.kind.words}, and {100 * right / count:.0f} % of {count:.0f} pairs are in "
            "the right order: are its values of the opposite kind (depth, disparity)? Append kind=..."
        )
    return ScoredPairs(name=name, kind=predict.kind, frames=list(metric.per_unit()[0]), parts=parts)
