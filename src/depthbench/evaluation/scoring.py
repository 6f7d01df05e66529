"""Sums of every image under every protocol, and what is read from them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
import torch.distributed as dist
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from depthbench.data import UnpaddedSampler
from depthbench.evaluation.image_sums import depth_sums, structure_sums
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.test_set import Items, Truth, stack
from depthbench.metrics import ImageMetric
from depthbench.metrics.functional import STANDARD, per_image_from
from depthbench.metrics.image.image_metric import image_scores
from depthbench.metrics.pixel_sums import COLUMNS
from depthbench.protocols import Camera, EvalProtocol, ProtocolSuite
from depthbench.protocols.shared_pass import Maps
from depthbench.stats.image_sums import PerImageSums


@dataclass(frozen=True)
class Scored:
    """One input under all protocols.

    Attributes:
        name: of the input.
        frames: names of the images.
        sums: ``(N, S)`` float64 by protocol, see :func:`~depthbench.metrics.masked_sums`.
        structure: names of its scores, perhaps none.
        structure_sums: ``(N, 2 K + 1)`` float64 by protocol, see :class:`~depthbench.protocols.Structure`.
        batch_size: images that are added at once: with the same, a run's own test gives the same bits.
    """

    name: str
    frames: list[str]
    sums: dict[str, Tensor]
    batch_size: int
    structure: tuple[str, ...] = ()
    structure_sums: dict[str, Tensor] = field(default_factory=dict)

    def scores(self, protocol: EvalProtocol) -> dict[str, float]:
        """All scores under a protocol, with its counts and ``images_nonfinite``."""
        metric = protocol.scores(sync_on_compute=False)
        for batch in torch.split(self.sums[protocol.name], self.batch_size):
            metric.add(batch)
        nonfinite = self.sums[protocol.name][:, COLUMNS.index("nonfinite")]
        found = {name: float(value) for name, value in metric.compute().items()}
        if self.structure:
            means = image_scores(self.structure_sums[protocol.name].sum(0), self.structure)
            found |= {name: float(value) for name, value in means.items()}
        return found | {"images_nonfinite": float((nonfinite > 0).sum())}

    def per_image(self, protocol: EvalProtocol) -> dict[str, list[float]]:
        """Scores of each image by name."""
        found = per_image_from(self.sums[protocol.name])
        if self.structure:
            found |= image_scores(self.structure_sums[protocol.name], self.structure)
        return {name: values.tolist() for name, values in found.items()}

    def shown(self) -> tuple[str, ...]:
        """Names of the scores that tables show and tests compare."""
        return (*STANDARD, *self.structure)

    def addends(self, protocol: EvalProtocol) -> list[PerImageSums]:
        """What statistics resample; images without a valid pixel have no part in them."""
        sums = self.sums[protocol.name]
        counted = sums[:, 0] > 0
        found = [depth_sums(sums[counted], protocol.reduction)]
        if self.structure:
            found.append(structure_sums(self.structure_sums[protocol.name][counted], self.structure))
        return found


@torch.inference_mode()
def score(
    name: str,
    predict: Predictor,
    truth: Truth,
    protocols: Iterable[EvalProtocol],
    device: torch.device,
    structure: Mapping[str, ImageMetric] | None = None,
) -> Scored:
    """Predict and score every frame once over all processes; every process returns the whole.

    Raises:
        UserError: if a prediction or a truth does not fit a protocol.
    """
    suite = ProtocolSuite(protocols, structure).to(device)
    flips = [protocol.flip_average for protocol in suite.protocols.values()]
    loader = _loader(truth, predict.batch_size)
    # One block for all: small tensors that stay between the large ones of each batch would scatter the memory.
    widths = [len(COLUMNS), *([2 * len(suite.structure.names) + 1] if structure else [])]
    shape = (len(flips), len(loader.sampler), sum(widths))  # type: ignore[arg-type]
    kept = torch.zeros(shape, dtype=torch.float64, device=device)
    places: list[int] = []
    frames: list[str] = []
    for batch in track(loader, f"Scoring {name}", transient=True, disable=_silent()):
        items = _moved(batch, device)
        plain, averaged = predict(items, not all(flips), any(flips))
        given = truth.given(items.truth)
        sums = suite.sums(plain, given, averaged, predict.covers)
        extra = suite.structure_sums(Maps(plain, given, averaged, predict.covers), camera(items)) if structure else {}
        rows = [torch.cat([part[key] for part in (sums, extra) if part], 1) for key in suite.protocols]
        kept[:, len(places) : len(places) + len(items.places)] = torch.stack(rows)
        places += items.places
        frames += items.names
    mine = dict(zip(suite.protocols, kept.cpu(), strict=True))
    whole = _together(name, places, frames, mine, predict.batch_size)
    if not structure:
        return whole
    split = {key: torch.split(sums, widths, 1) for key, sums in whole.sums.items()}
    return replace(
        whole,
        sums={key: parts[0] for key, parts in split.items()},
        structure=suite.structure.names,
        structure_sums={key: parts[1] for key, parts in split.items()},
    )


def camera(items: Items) -> Camera | None:
    """Of the images as the data set delivers them, which show all of the truth; None where it is not known."""
    if items.intrinsics is None:
        return None
    return Camera(items.intrinsics, (items.image.shape[-2], items.image.shape[-1]))


def _moved(items: Items, device: torch.device) -> Items:
    truth = {kind: maps.to(device, non_blocking=True) for kind, maps in items.truth.items()}
    known = None if items.intrinsics is None else items.intrinsics.to(device, non_blocking=True)
    return items._replace(image=items.image.to(device, non_blocking=True), truth=truth, intrinsics=known)


def _together(name: str, places: list[int], frames: list[str], mine: Mapping[str, Tensor], batch_size: int) -> Scored:
    """The shares of all processes in the order of the data set, so that sums don't depend on their number."""
    shares = [(places, frames, dict(mine))]
    if dist.is_available() and dist.is_initialized():
        shares = [shares[0]] * dist.get_world_size()
        dist.all_gather_object(shares, (places, frames, dict(mine)))
    order = torch.tensor([place for share in shares for place in share[0]]).argsort()
    listed = [frame for share in shares for frame in share[1]]
    sums = {key: torch.cat([share[2][key] for share in shares])[order] for key in mine}
    return Scored(name, [listed[place] for place in order.tolist()], sums, batch_size)


def _loader(truth: Truth, batch_size: int) -> DataLoader[Items]:
    rank, world = rank_and_world()
    gpu = torch.cuda.is_available()
    return DataLoader(
        truth,
        batch_size=batch_size,
        sampler=UnpaddedSampler(len(truth), rank, world),
        num_workers=min(8, (os.cpu_count() or 1) // world) if gpu else 0,
        collate_fn=stack,
        pin_memory=gpu,
    )


def rank_and_world() -> tuple[int, int]:
    """Rank of this process and number of processes, as torchrun tells."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _silent() -> bool:
    return rank_and_world()[0] > 0 or not os.isatty(2)
