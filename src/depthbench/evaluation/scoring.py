"""Every test frame of one input, predicted and given to the scorer, and the sums that statistics resample."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from rich.progress import track

from depthbench.evaluation.added_scores import AddedScores, added_sums
from depthbench.evaluation.batches import camera, is_silent, loader, on_device
from depthbench.evaluation.camera_scores import CameraScores
from depthbench.evaluation.clip_scores import clip_scores
from depthbench.evaluation.image_sums import depth_sums, structure_sums
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.metrics import ImageMetric
from depthbench.metrics.functional import EXTENDED_SCORES, SCORES, STANDARD
from depthbench.metrics.pixel_sums import COLUMNS
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol, ScoredImages, Scorer
from depthbench.protocols.pooled import PooledFits
from depthbench.protocols.shared_maps import SharedMaps
from depthbench.stats.image_sums import PerImageSums


@dataclass(frozen=True, kw_only=True)
class Scored(ScoredImages):
    """The images of one input.

    Attributes:
        name: of the input.
        kind: of the predictions.
        added: scores of cameras and clips, by protocol.
    """

    name: str
    kind: OutputKind = OutputKind.METRIC_DEPTH
    added: Mapping[str, AddedScores] = field(default_factory=dict)

    def standard(self) -> tuple[str, ...]:
        """Names of the scores that stand in a row of tables."""
        return STANDARD

    def shown(self) -> tuple[str, ...]:
        """Names of the scores that tables show and tests compare."""
        return (*STANDARD, *self.further())

    def columns(self) -> tuple[str, ...]:
        """Names of the numbers of each image."""
        return (*SCORES, "pixels", "nonfinite", *self.further())

    def further(self) -> tuple[str, ...]:
        """The further scores that were asked for: extended scores and scores of structure, cameras and clips."""
        extended = any(sums.shape[1] > len(COLUMNS) for sums in self.sums.values())
        added = next(iter(self.added.values()), {})
        return (*(EXTENDED_SCORES if extended else ()), *self.structure, *added)

    def scores(self, protocol: EvalProtocol) -> dict[str, float]:
        """See :meth:`ScoredImages.scores`."""
        added = self.added.get(protocol.name, {})
        return super().scores(protocol) | {name: float(values.nanmean()) for name, values in added.items()}

    def per_image(self, protocol: EvalProtocol) -> dict[str, list[float]]:
        """See :meth:`ScoredImages.per_image`."""
        added = self.added.get(protocol.name, {})
        return super().per_image(protocol) | {name: values.tolist() for name, values in added.items()}

    def addends(self, protocol: EvalProtocol, seed: int = 0) -> list[PerImageSums]:
        """Sums that statistics resample; images without a valid pixel have no part in them."""
        sums = self.sums[protocol.name]
        counted = sums[:, 0] > 0
        names = [name for name, counts in zip(self.frames, counted.tolist(), strict=True) if counts]
        found = [depth_sums(sums[counted], protocol.reduction, names, seed)]
        if self.structure:
            structure = self.structure_sums[protocol.name][counted]
            found.append(structure_sums(structure, self.structure, names, seed))
        added = self.added.get(protocol.name, {})
        return [*found, *(added_sums(name, values, self.frames, seed) for name, values in added.items())]


@torch.inference_mode()
def score(
    name: str,
    predict: Predictor,
    test_set: EvaluationSet,
    protocols: Sequence[EvalProtocol],
    device: torch.device,
    structure: Mapping[str, ImageMetric] | None = None,
    extended: bool = False,
    beside: Collection[str] = (),
) -> Scored:
    """Predict and score every frame once over all processes; every process returns the whole.

    Args:
        name: of the input.
        predict: gives its maps.
        test_set: the frames.
        protocols: by which they are scored.
        device: where is computed.
        structure: metrics of whole images.
        extended: whether the extended scores are taken.
        beside: ``fov`` and ``tae``, where cameras and clips are scored, too.

    Raises:
        UserError: if a prediction or a truth does not fit a protocol.
    """
    scorer = Scorer(protocols, structure, extended).to(device)
    pooled = _pooled(name, predict, test_set, protocols, device)
    cameras = CameraScores(predict) if "fov" in beside else None
    for batch in track(loader(test_set, predict.batch_size), f"Scoring {name}", transient=True, disable=is_silent()):
        items = on_device(batch, device)
        plain, mirrored = predict(items, scorer.needs_mirrored)
        scorer.update(
            plain,
            test_set.given(items.truth),
            items.names,
            mirrored=mirrored,
            covers=predict.covers,
            camera=camera(items),
            annotations=items.annotations,
            image=items.image,
            places=items.places,
            declared=predict.declared._replace(lines=pooled.lines(items.names, device)),
        )
        if cameras:
            cameras.add(items)
    added = [cameras.scores(protocols, len(test_set))] if cameras else []
    if "tae" in beside:
        added.append(clip_scores(name, predict, test_set, protocols, pooled, device))
    joined = {one.name: {key: part for found in added for key, part in found[one.name].items()} for one in protocols}
    return Scored(name=name, kind=predict.kind, added=joined if added else {}, **vars(scorer.compute()))


def _pooled(
    name: str, predict: Predictor, test_set: EvaluationSet, protocols: Sequence[EvalProtocol], device: torch.device
) -> PooledFits:
    """Alignments that protocols fit over more than one image, from a separate pass; empty if there are none."""
    pooled = PooledFits(protocols)
    if not pooled.protocols:
        return pooled
    mirror = any(protocol.flip_average for protocol in pooled.protocols)
    batches = loader(test_set, predict.batch_size)
    for batch in track(batches, f"Fitting {name}", transient=True, disable=is_silent()):
        items = on_device(batch, device)
        plain, mirrored = predict(items, mirror)
        truth = test_set.given(items.truth)
        maps = SharedMaps(plain, truth, mirrored, predict.covers, items.image, predict.declared)
        pooled.add(maps, items.names, items.places)
    pooled.solve()
    return pooled
