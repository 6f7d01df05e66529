"""One set of predictions under many protocols at once, at little more than the cost of one."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.metrics.functional import counts, read_out
from depthbench.metrics.image.image_metric import ImageMeans, ImageMetric, image_scores
from depthbench.metrics.scores import DepthScores
from depthbench.protocols.image_metrics import Camera, Structure
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Region
from depthbench.protocols.shared_pass import Maps, shared_sums


class ProtocolSuite(nn.Module):
    """Scores of the same predictions under many protocols.

    Protocols that differ in region, comparison, exchange or reduction only are read from one pass over the pixels,
    as are those whose limits don't touch the batch at hand. Numbers are those of each protocol alone.

    Args:
        protocols: any number; names must differ.
        structure: metrics of whole images that are scored, too, on what each protocol scores.

    Raises:
        UserError: if there is none, or two share a name.
    """

    def __init__(self, protocols: Iterable[EvalProtocol], structure: Mapping[str, ImageMetric] | None = None) -> None:
        super().__init__()
        listed = list(protocols)
        self.protocols = {protocol.name: protocol for protocol in listed}
        if not listed or len(self.protocols) < len(listed):
            raise UserError("A suite needs at least one protocol, and each name once.")
        self._metrics = nn.ModuleList(protocol.scores() for protocol in listed)  # by place: names may hold dots
        self.structure = Structure(structure or {})
        self._means = nn.ModuleList(ImageMeans(self.structure.names) for _ in listed)

    def update(
        self,
        prediction: Tensor,
        truth: Tensor | Mapping[str, Tensor],
        averaged: Tensor | None = None,
        covers: Region = "full",
        camera: Camera | None = None,
    ) -> dict[str, dict[str, Tensor]]:
        """Add a batch; returns the scores of each image by protocol, as :func:`~depthbench.metrics.per_image`.

        Args:
            prediction: ``(B, 1, h, w)`` metres.
            truth: ``(B, 1, H, W)`` metres, or both kinds: ``{"filled": ..., "raw": ...}``.
            averaged: prediction averaged with the mirror image's, for protocols with ``flip_average``; by default the
                same prediction, as for files.
            covers: as in :meth:`EvalProtocol.prepare`.
            camera: for metrics of structure that need it.

        Raises:
            UserError: as ``Protocol.prepare``; or if a protocol needs a kind of truth, or a metric a camera, that is
                not given.
        """
        sums = self.sums(prediction, truth, averaged, covers)
        scores = read_out(torch.stack([sums[name] for name in self.protocols]))  # of all protocols at once
        found = {}
        for place, name in enumerate(self.protocols):
            own = {score: values[place] for score, values in scores.items()}
            self.metric(name).add(sums[name], torch.stack(list(own.values()), -1))
            found[name] = own | counts(sums[name])
        maps = Maps(prediction, truth, averaged, covers)
        for name, image_sums in self.structure_sums(maps, camera).items():
            self.means(name).update(image_sums)
            found[name] |= image_scores(image_sums, self.structure.names)
        return found

    def structure_sums(self, maps: Maps, camera: Camera | None = None) -> dict[str, Tensor]:
        """Sums of the structure's scores of each image by protocol; nothing if there are no such metrics."""
        return self.structure.sums(self.protocols.values(), maps, camera) if self.structure.names else {}

    def metric(self, name: str) -> DepthScores:
        """The metric of one protocol."""
        metric = self._metrics[list(self.protocols).index(name)]
        assert isinstance(metric, DepthScores)
        return metric

    def means(self, name: str) -> ImageMeans:
        """The means of structure of one protocol."""
        means = self._means[list(self.protocols).index(name)]
        assert isinstance(means, ImageMeans)
        return means

    def compute(self) -> dict[str, dict[str, Tensor]]:
        """Scores by protocol."""
        found = {name: self.metric(name).compute() for name in self.protocols}
        if self.structure.names:
            found = {name: self.means(name).compute() | scores for name, scores in found.items()}
        return found

    def reset(self) -> None:
        """Forget all batches."""
        for name in self.protocols:
            self.metric(name).reset()
            self.means(name).reset()

    @torch.no_grad()
    def sums(
        self,
        prediction: Tensor,
        truth: Tensor | Mapping[str, Tensor],
        averaged: Tensor | None = None,
        covers: Region = "full",
    ) -> dict[str, Tensor]:
        """``masked_sums`` ``(B, S)`` of each protocol by name; arguments and errors as for :meth:`update`."""
        maps = Maps(prediction, truth, averaged, covers)
        # On a CPU one image after the other: its maps stay in the cache, and fewer limits touch one image than many.
        step = 1 if prediction.device.type == "cpu" else max(len(prediction), 1)
        parts: dict[str, list[Tensor]] = {name: [] for name in self.protocols}
        for start in range(0, max(len(prediction), 1), step):
            for name, sums in shared_sums(self.protocols.values(), maps.part(slice(start, start + step))):
                parts[name].append(sums)
        return {name: torch.cat(sums) for name, sums in parts.items()}
