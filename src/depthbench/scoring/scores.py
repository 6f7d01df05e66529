"""Sums of every image under every protocol, and what is read from them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.distributed as dist
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from depthbench.data import UnpaddedSampler
from depthbench.metrics import Protocol, ProtocolSuite
from depthbench.metrics.functional import per_image_from
from depthbench.metrics.sums import COLUMNS
from depthbench.scoring.predictors import Predictor
from depthbench.scoring.truth import Items, Truth, stack


@dataclass(frozen=True)
class Scored:
    """One input under all protocols.

    Attributes:
        name: of the input.
        frames: names of the images.
        sums: ``(N, S)`` float64 by protocol, see :func:`~depthbench.metrics.masked_sums`.
        batch_size: images that are added at once: with the same, a run's own test gives the same bits.
    """

    name: str
    frames: list[str]
    sums: dict[str, Tensor]
    batch_size: int

    def scores(self, protocol: Protocol) -> dict[str, float]:
        """All scores under a protocol, with its counts and ``images_nonfinite``."""
        metric = protocol.scores(sync_on_compute=False)
        for batch in torch.split(self.sums[protocol.name], self.batch_size):
            metric.add(batch)
        nonfinite = self.sums[protocol.name][:, COLUMNS.index("nonfinite")]
        found = {name: float(value) for name, value in metric.compute().items()}
        return found | {"images_nonfinite": float((nonfinite > 0).sum())}

    def per_image(self, protocol: Protocol) -> dict[str, list[float]]:
        """Scores of each image by name."""
        return {name: values.tolist() for name, values in per_image_from(self.sums[protocol.name]).items()}


@torch.inference_mode()
def score(name: str, predict: Predictor, truth: Truth, protocols: Iterable[Protocol], device: torch.device) -> Scored:
    """Predict and score every frame once over all processes; every process returns the whole.

    Raises:
        UserError: if a prediction or a truth does not fit a protocol.
    """
    suite = ProtocolSuite(protocols).to(device)
    flips = [protocol.flip_average for protocol in suite.protocols.values()]
    loader = _loader(truth, predict.batch_size)
    # One block for all: small tensors that stay between the large ones of each batch would scatter the memory.
    kept = torch.zeros(len(flips), len(loader.sampler), len(COLUMNS), dtype=torch.float64, device=device)  # type: ignore[arg-type]
    places: list[int] = []
    frames: list[str] = []
    for batch in track(loader, f"Scoring {name}", transient=True, disable=_silent()):
        items = _moved(batch, device)
        plain, averaged = predict(items, not all(flips), any(flips))
        sums = suite.sums(plain, truth.given(items.truth), averaged, predict.covers)
        kept[:, len(places) : len(places) + len(items.places)] = torch.stack([sums[key] for key in suite.protocols])
        places += items.places
        frames += items.names
    mine = dict(zip(suite.protocols, kept.cpu(), strict=True))
    return _together(name, places, frames, mine, predict.batch_size)


def _moved(items: Items, device: torch.device) -> Items:
    truth = {kind: maps.to(device, non_blocking=True) for kind, maps in items.truth.items()}
    return items._replace(image=items.image.to(device, non_blocking=True), truth=truth)


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
    rank, world = process()
    gpu = torch.cuda.is_available()
    return DataLoader(
        truth,
        batch_size=batch_size,
        sampler=UnpaddedSampler(len(truth), rank, world),
        num_workers=min(8, (os.cpu_count() or 1) // world) if gpu else 0,
        collate_fn=stack,
        pin_memory=gpu,
    )


def process() -> tuple[int, int]:
    """Rank of this process and number of processes, as torchrun tells."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _silent() -> bool:
    return process()[0] > 0 or not os.isatty(2)
