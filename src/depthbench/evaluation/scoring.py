"""Every test frame of one input, predicted and given to the scorer, and the sums that statistics resample."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.progress import track
from torch.utils.data import DataLoader

from depthbench.data import UnpaddedSampler
from depthbench.evaluation.image_sums import depth_sums, structure_sums
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.processes import rank_and_world
from depthbench.evaluation.test_set import EvaluationSet, Items, stack
from depthbench.metrics import ImageMetric
from depthbench.metrics.functional import EXTENDED_SCORES, STANDARD
from depthbench.metrics.pixel_sums import COLUMNS
from depthbench.output_kinds import OutputKind
from depthbench.protocols import Camera, EvalProtocol, ScoredImages, Scorer
from depthbench.protocols.pooled import PooledFits
from depthbench.protocols.shared_pass import SharedMaps
from depthbench.stats.image_sums import PerImageSums


@dataclass(frozen=True, kw_only=True)
class Scored(ScoredImages):
    """The images of one input.

    Attributes:
        name: of the input.
        kind: of what was predicted.
    """

    name: str
    kind: OutputKind = OutputKind.METRIC_DEPTH

    def shown(self) -> tuple[str, ...]:
        """Names of the scores that tables show and tests compare."""
        return (*STANDARD, *self.further())

    def further(self) -> tuple[str, ...]:
        """Of these, the ones that were asked for: extended scores and scores of structure."""
        extended = any(sums.shape[1] > len(COLUMNS) for sums in self.sums.values())
        return (*(EXTENDED_SCORES if extended else ()), *self.structure)

    def addends(self, protocol: EvalProtocol, seed: int = 0) -> list[PerImageSums]:
        """Sums that statistics resample; images without a valid pixel have no part in them."""
        sums = self.sums[protocol.name]
        counted = sums[:, 0] > 0
        names = [name for name, counts in zip(self.frames, counted.tolist(), strict=True) if counts]
        found = [depth_sums(sums[counted], protocol.reduction, names, seed)]
        if self.structure:
            structure = self.structure_sums[protocol.name][counted]
            found.append(structure_sums(structure, self.structure, names, seed))
        return found


@torch.inference_mode()
def score(
    name: str,
    predict: Predictor,
    test_set: EvaluationSet,
    protocols: Sequence[EvalProtocol],
    device: torch.device,
    structure: Mapping[str, ImageMetric] | None = None,
    extended: bool = False,
) -> Scored:
    """Predict and score every frame once over all processes; every process returns the whole.

    Raises:
        UserError: if a prediction or a truth does not fit a protocol.
    """
    scorer = Scorer(protocols, structure, extended).to(device)
    loader = _loader(test_set, predict.batch_size)
    pooled = _pooled(name, predict, test_set, protocols, device)
    for batch in track(loader, f"Scoring {name}", transient=True, disable=_silent()):
        items = _moved(batch, device)
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
    return Scored(name=name, kind=predict.kind, **vars(scorer.compute()))


def _pooled(
    name: str, predict: Predictor, test_set: EvaluationSet, protocols: Sequence[EvalProtocol], device: torch.device
) -> PooledFits:
    """Alignments that protocols fit over more than one image, from a separate pass; empty if there are none."""
    pooled = PooledFits(protocols)
    if not pooled.protocols:
        return pooled
    mirror = any(protocol.flip_average for protocol in pooled.protocols)
    batches = _loader(test_set, predict.batch_size)
    for batch in track(batches, f"Fitting {name}", transient=True, disable=_silent()):
        items = _moved(batch, device)
        plain, mirrored = predict(items, mirror)
        truth = test_set.given(items.truth)
        maps = SharedMaps(plain, truth, mirrored, predict.covers, items.image, predict.declared)
        pooled.add(maps, items.names, items.places)
    pooled.solve()
    return pooled


def camera(items: Items) -> Camera | None:
    """Of the images as the data set delivers them, which show all of the truth; None where it is not known."""
    if items.intrinsics is None:
        return None
    return Camera(items.intrinsics, (items.image.shape[-2], items.image.shape[-1]))


def _moved(items: Items, device: torch.device) -> Items:
    truth = {kind: maps.to(device, non_blocking=True) for kind, maps in items.truth.items()}
    known = None if items.intrinsics is None else items.intrinsics.to(device, non_blocking=True)
    annotations = None if items.annotations is None else items.annotations.moved(device)
    image = items.image.to(device, non_blocking=True)
    return items._replace(image=image, truth=truth, intrinsics=known, annotations=annotations)


def _loader(test_set: EvaluationSet, batch_size: int) -> DataLoader[Items]:
    rank, world = rank_and_world()
    gpu = torch.cuda.is_available()
    return DataLoader(
        test_set,
        batch_size=batch_size,
        sampler=UnpaddedSampler(len(test_set), rank, world),
        num_workers=min(8, (os.cpu_count() or 1) // world) if gpu else 0,
        collate_fn=stack,
        pin_memory=gpu,
    )


def _silent() -> bool:
    return rank_and_world()[0] > 0 or not os.isatty(2)
